import type { AccountWithMemberships } from '../accounts/account.ts';
import { type Device, deviceName } from '../accounts/fingerprint.ts';
import { viewAccount } from '../accounts/view.ts';
import { alphanumeric, siblingUuid, timedUuid } from '../crypto/secret-text.ts';
import { secretHash } from '../crypto/vault.ts';
import type { Mount } from '../mount.ts';
import { recordSignIn } from '../store/accounts.ts';
import { rememberDevice, rememberFirstDevice } from '../store/devices.ts';
import type { Change } from '../store/engine.ts';
import { integer } from '../store/rows.ts';
import { insertSession, type Session } from '../store/sessions.ts';
import type { PickedRole } from './account-policy.ts';
import { type IssuedTokens, type Outcome, type Principal, type Refusal, refused } from './attempt.ts';
import { knownClaims } from './claims.ts';
import { type Attempt, auditAttempt, type Corridor } from './corridor.ts';
import { sightDevice } from './new-device.ts';

const OPAQUE_LENGTH = 80;

/** Who a session is minted for. Whatever must still hold at the last moment is a guarded change among `confirms`. */
interface Minting {
  readonly principal: Principal;
  readonly subject: string;
  readonly session: Pick<Session, 'principal' | 'accountId' | 'epoch' | 'membership' | 'methods'>;
  readonly device: Device | null;
  /** Spends what was shown and re-checks who it is for, in this order; each has a guard. */
  readonly confirms: readonly Change[];
  /** What else is remembered of it. */
  readonly notes: readonly Change[];
  /** Whether there may be a mail among the notes. */
  readonly mails: boolean;
  /** Forgets and gives back what was counted. */
  readonly settles: readonly Change[];
  /** After which no token may live, in milliseconds since 1970; null without such a time. */
  readonly notAfter: number | null;
  readonly steppedUp: boolean;
  /** Null for a new one. */
  readonly life: Life | null;
  /** What each guard that says no means to the client. */
  readonly refusals: Readonly<Record<string, Refusal>>;
}

/** What a session that goes on in the place of another has of that one; of its id, what is its family’s. */
export type Life = Pick<Session, 'id' | 'createdAt' | 'expiresAt'>;

/**
 * The life that a session hands on: what takes its place is as old, and ends when it would have. At a mount that hands no
 * refresh tokens out, that is when its access token ends.
 */
export function lifeHandedOn({ id, createdAt, refreshExpiresAt, expiresAt }: Session, mount: Mount): Life {
  return { id, createdAt, expiresAt: mount.refreshTokenSeconds === null ? refreshExpiresAt : expiresAt };
}

/** A sign-in whose every step was passed. */
export interface CompletedSignIn {
  readonly account: AccountWithMemberships;
  readonly picked: PickedRole | null;
  readonly methods: readonly string[];
  readonly device: Device | null;
  readonly spends: readonly Change[];
  readonly settles: readonly Change[];
  readonly steppedUp: boolean;
  /** Whether the device is taken as the first that the account ever has. */
  readonly isFirstDevice?: boolean;
  /** Whether what it settles has a mail among it, which is sent once that is committed. */
  readonly mails?: boolean;
  /** For a session that goes on in another role. Without it, a life begins. */
  readonly life?: Life;
}

/** Mints a session for an account. In the same commit, the account's state and its picked membership are checked again. */
export async function issueForAccount(
  corridor: Corridor,
  attempt: Attempt,
  completed: CompletedSignIn,
): Promise<Outcome> {
  const { account, picked } = completed;
  const confirm = recordSignIn({
    accountId: account.id,
    epoch: account.epoch,
    picked,
    at: corridor.clock.now(),
  });
  // The fingerprint becomes known by a completed sign-in, of accounts that ask for it.
  const device = account.recogniseDevices ? completed.device : null;
  const remember = completed.isFirstDevice ? rememberFirst : rememberDevice;
  // One that takes the place of another session goes on from a sign-in that was sighted.
  const isContinued = completed.spends.some(({ guard }) => guard === 'session');
  const sighted = isContinued ? UNSIGHTED : await sightDevice(corridor, attempt, completed);
  return mint(corridor, attempt, {
    principal: {
      kind: 'account',
      view: viewAccount(account, attempt.mount.organisation),
      picked: pickedOf(account, picked),
    },
    subject: account.id,
    session: {
      principal: { kind: 'account', id: account.id },
      accountId: account.id,
      epoch: account.epoch,
      membership: picked,
      methods: completed.methods,
    },
    device,
    notes: [...(device ? remember(device, corridor.clock.now()) : []), ...sighted.changes],
    mails: sighted.mails || completed.mails === true,
    confirms: [...completed.spends, confirm],
    settles: completed.settles,
    notAfter: null,
    steppedUp: completed.steppedUp,
    life: completed.life ?? null,
    refusals: {
      ticket: 'ticket-invalid',
      session: completed.steppedUp ? 'ticket-invalid' : 'token-invalid',
      code: 'code-invalid',
      device: 'bad-credentials',
      account: completed.spends.length > 0 ? 'ticket-invalid' : 'bad-credentials',
    },
  });
}

const UNSIGHTED = { changes: [], mails: false };

function rememberFirst(device: Device, now: number): Change[] {
  return [rememberFirstDevice(device, now)];
}

function pickedOf(
  account: AccountWithMemberships,
  picked: PickedRole | null,
): Extract<Principal, { kind: 'account' }>['picked'] {
  if (picked === null) return null;
  const membership = account.memberships.find(
    ({ organisation, role }) => organisation.id === picked.organisationId && role.name === picked.role,
  );
  if (membership) return membership;
  return { role: account.role?.name === picked.role ? account.role : null, organisation: null };
}

/** Mints a session for something that is not an account: an installation, or whoever holds a resource code. */
export function issueForThing(
  corridor: Corridor,
  attempt: Attempt,
  thing: Pick<Minting, 'principal' | 'subject' | 'session' | 'confirms' | 'settles' | 'notAfter'>,
): Promise<Outcome> {
  const refusals = { installation: 'bad-credentials', 'resource-code': 'bad-credentials' } as const;
  return mint(corridor, attempt, {
    ...thing,
    device: null,
    notes: [],
    mails: false,
    steppedUp: false,
    life: null,
    refusals,
  });
}

/** The one place where a session comes into being. */
async function mint(corridor: Corridor, attempt: Attempt, minting: Minting): Promise<Outcome> {
  const { mount, caller } = attempt;
  const now = corridor.clock.now();
  const { createdAt, expiresAt } = minting.life ?? {
    createdAt: now,
    expiresAt: now + corridor.limits.sessionMaxSeconds * 1000,
  };
  const idleSeconds = mount.refreshTokenSeconds ?? mount.accessTokenSeconds;
  const session: Session = {
    ...minting.session,
    id: minting.life ? siblingUuid(minting.life.id, corridor.random) : timedUuid(now, corridor.random),
    mount: mount.name,
    device: minting.device ? deviceName(minting.device.fingerprintHash) : null,
    counter: 0,
    rotatedAt: now,
    createdAt,
    refreshExpiresAt: Math.min(now + idleSeconds * 1000, expiresAt),
    expiresAt,
    endedAt: null,
  };
  const opaqueToken = mount.contract.opaqueToken ? alphanumeric(OPAQUE_LENGTH, corridor.random) : null;
  const committed = await corridor.store.commit([
    ...minting.confirms,
    insertSession(session, {
      opaqueHash: opaqueToken === null ? null : secretHash(opaqueToken),
      fingerprintHash: minting.device?.fingerprintHash ?? null,
      address: caller.address,
      userAgent: caller.userAgent,
    }),
    ...minting.notes,
    ...minting.settles,
    auditAttempt(attempt, now, 'sign-in.completed', {
      accountId: session.accountId,
      organisationId: session.membership?.organisationId ?? null,
      factor: factorsOf(session.methods),
      device: session.device,
      sessionId: session.id,
      detail: { principal: session.principal, methods: session.methods },
    }),
  ]);
  if (!committed.ok) return refused(minting.refusals[committed.guard] ?? 'bad-credentials');
  if (minting.mails) corridor.mailQueued();
  const principal = withTotals(minting.principal, committed.rows[minting.confirms.length - 1]?.[0]);
  const tokens = {
    ...sessionTokens(corridor, attempt, session, {
      principal,
      subject: minting.subject,
      issuedAt: now,
      notAfter: minting.notAfter,
    }),
    opaqueToken,
  };
  return { kind: 'signed-in', mount: mount.name, principal, tokens, at: now, steppedUp: minting.steppedUp };
}

/** What was shown beside the credential; null for nothing. */
function factorsOf(methods: readonly string[]): string | null {
  const shown = methods.filter((method) => method !== 'pwd' && method !== 'code' && method !== 'mfa');
  return shown.length === 0 ? null : shown.join(' ');
}

/** What the tokens of a session are to say. */
interface TokenContent {
  readonly principal: Principal;
  readonly subject: string;
  /** When what they say was read, in milliseconds since 1970: what is revoked after that is revoked for them. */
  readonly issuedAt: number;
  /** After which no token may live, beside the session's own end; null without such a time. */
  readonly notAfter: number | null;
}

/** The tokens of a session as it stands: an access token from now on, and the refresh token of its counter. */
export function sessionTokens(
  corridor: Corridor,
  { mount }: Attempt,
  session: Session,
  { principal, subject, issuedAt, notAfter }: TokenContent,
): IssuedTokens {
  const accessToken = corridor.accessTokens.issue(mount, {
    sessionId: session.id,
    subject,
    claims: mount.contract.claims(principal),
    known: knownClaims(principal),
    issuedAt,
    notAfter: Math.min(session.expiresAt, notAfter ?? session.expiresAt),
  });
  const refreshToken =
    mount.refreshTokenSeconds === null
      ? null
      : corridor.refreshTokens.issue({
          sessionId: session.id,
          counter: session.counter,
          rotatedAt: session.rotatedAt,
          expiresAt: session.refreshExpiresAt,
        });
  return { accessToken, refreshToken, opaqueToken: null };
}

/** Puts the totals that the commit returned into what is shown of an account, so that they include this sign-in. */
function withTotals(principal: Principal, row: Parameters<typeof integer>[0] | undefined): Principal {
  if (principal.kind !== 'account' || row === undefined) return principal;
  const account = {
    ...principal.view.account,
    signIns: integer(row, 'sign_ins'),
    failedSignIns: integer(row, 'failed_sign_ins'),
  };
  return { ...principal, view: { ...principal.view, account } };
}
