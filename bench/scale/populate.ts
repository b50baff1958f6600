import { canonicalForms } from '../../server/src/accounts/identifier.ts';
import { userAgentInWords } from '../../server/src/accounts/user-agent.ts';
import { extendChain } from '../../server/src/audit/chain.ts';
import { auditEvent } from '../../server/src/audit/event.ts';
import type { Core } from '../../server/src/core.ts';
import { timedUuid } from '../../server/src/crypto/secret-text.ts';
import type { Mount } from '../../server/src/mount.ts';
import { accountKey } from '../../server/src/sign-in/throttle.ts';
import {
  type AccountRecord,
  type IdentifierRecord,
  saveAccounts,
} from '../../server/src/store/account-records.ts';
import { recordSignIn } from '../../server/src/store/accounts.ts';
import { recordAudit } from '../../server/src/store/audit.ts';
import { countAttempt, passAttempt } from '../../server/src/store/count-attempt.ts';
import { reserveNumbers } from '../../server/src/store/counters.ts';
import type { Change } from '../../server/src/store/engine.ts';
import { noteSeenDevice } from '../../server/src/store/seen-devices.ts';
import { insertSession, type Session } from '../../server/src/store/sessions.ts';
import { personOf, signerOf, USER_AGENT } from './people.ts';

// Puts people and their sessions straight into a store, by the statements with which import and sign-in write them: what is
// left out is the hashing, and whatever is read before something is decided.

/** Is told how many of all are done. */
export type OnProgress = (done: number, all: number) => void;

/** Accounts that are committed together. */
const BATCH_ACCOUNTS = 1024;
/** Sign-ins that are. */
const BATCH_SIGN_INS = 512;

/** Makes that many accounts, all with one password. */
export async function addAccounts(
  core: Core,
  count: number,
  passwordHash: string,
  onProgress: OnProgress,
): Promise<void> {
  const createdAt = core.clock.now();
  await inTurns(count, BATCH_ACCOUNTS, onProgress, (first, end) => {
    const records: AccountRecord[] = [];
    const identifiers: IdentifierRecord[] = [];
    for (let number = first; number < end; number += 1) {
      const record = recordOf(number, passwordHash, createdAt);
      records.push(record);
      identifiers.push(...identifiersOf(record));
    }
    return core.store.commit([...saveAccounts(records, identifiers, []), reserveNumbers('account', end)]);
  });
}

function recordOf(number: number, passwordHash: string, createdAt: number): AccountRecord {
  const { id, username, email } = personOf(number);
  return {
    id,
    number: number + 1,
    homeId: null,
    user: { id, name: username, firstName: null, lastName: null, avatar: null },
    username,
    email,
    phone: null,
    passwordHash,
    importedHash: null,
    status: 'active',
    emailValidated: true,
    phoneValidated: false,
    createdAt,
    factorEmail: false,
    totpSealed: null,
    recogniseDevices: false,
    role: null,
    stats: '{}',
    attributes: '{}',
    epoch: 1,
  };
}

function identifiersOf({ id, homeId, username, email, phone }: AccountRecord): IdentifierRecord[] {
  const forms = canonicalForms({ username, email, phone });
  if (typeof forms === 'string') throw new Error(`a generated person has no ${forms}`);
  return [...forms].map(([canonical, kinds]) => ({ accountId: id, homeId, canonical, kinds }));
}

/** What a sign-in that is made up looks like. */
export interface MadeUpSignIns {
  /** How many people there are, among whom the sign-ins are spread. */
  readonly accounts: number;
  readonly count: number;
  readonly mount: Mount;
  readonly sessionMaxSeconds: number;
}

const ADDRESS = '198.51.100.7';
/** Over how long the sign-ins are spread. */
const PAST_MILLISECONDS = 3_600_000;

/** Makes that many sign-ins, each with its live session and its place in the audit log. */
export async function addSignIns(core: Core, signIns: MadeUpSignIns, onProgress: OnProgress): Promise<void> {
  const now = core.clock.now();
  await inTurns(signIns.count, BATCH_SIGN_INS, onProgress, (first, end) => {
    const changes: Change[] = [];
    for (let index = first; index < end; index += 1) {
      const at = now - PAST_MILLISECONDS + Math.floor((index / signIns.count) * PAST_MILLISECONDS);
      changes.push(...signInOf(core, signIns, signerOf(index, signIns.count, signIns.accounts).id, at));
    }
    return core.store.commit(changes);
  });
  while ((await extendChain(core.store, core.vault, core.log)) > 0);
}

function signInOf(core: Core, { mount, sessionMaxSeconds }: MadeUpSignIns, id: string, at: number): Change[] {
  const refreshExpiresAt = at + (mount.refreshTokenSeconds ?? mount.accessTokenSeconds) * 1000;
  const session: Session = {
    id: timedUuid(at, core.random),
    principal: { kind: 'account', id },
    accountId: id,
    epoch: 1,
    mount: mount.name,
    membership: null,
    methods: ['pwd'],
    device: null,
    counter: 0,
    rotatedAt: at,
    createdAt: at,
    refreshExpiresAt,
    expiresAt: Math.max(refreshExpiresAt, at + sessionMaxSeconds * 1000),
    endedAt: null,
  };
  const key = accountKey(id);
  const limit = { maxFailures: 10, waitSeconds: 30, lockAfter: null, forgets: true };
  const userAgent = core.vault.hash('user-agent', `${id}\0${userAgentInWords(USER_AGENT)}`);
  return [
    countAttempt(key, limit, at, 1),
    recordSignIn({ accountId: id, epoch: 1, picked: null, at }),
    insertSession(session, {
      opaqueHash: null,
      fingerprintHash: null,
      address: ADDRESS,
      userAgent: USER_AGENT,
    }),
    noteSeenDevice(id, { fingerprint: null, userAgent }, at, null),
    passAttempt(key),
    recordAudit(
      auditEvent({
        at,
        event: 'sign-in.completed',
        actor: 'client',
        mount: mount.name,
        contract: mount.contract.name,
        address: ADDRESS,
        requestId: timedUuid(at, core.random),
        accountId: id,
        sessionId: session.id,
        detail: { principal: session.principal, methods: session.methods },
      }),
    ),
  ];
}

/** Commits in parts, the next of which is made while the last is written. */
async function inTurns(
  count: number,
  size: number,
  onProgress: OnProgress,
  commit: (first: number, end: number) => ReturnType<Core['store']['commit']>,
): Promise<void> {
  let written: ReturnType<typeof commit> | undefined;
  const settle = async (): Promise<void> => {
    const committed = await written;
    if (committed?.ok === false) throw new Error(`the store refused what was made up: ${committed.guard}`);
  };
  for (let first = 0; first < count; first += size) {
    const end = Math.min(count, first + size);
    const next = commit(first, end);
    await settle();
    written = next;
    onProgress(first, count);
  }
  await settle();
  onProgress(count, count);
}
