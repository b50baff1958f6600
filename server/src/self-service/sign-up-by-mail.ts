import { canonicalName, KIND_BITS } from '../accounts/identifier.ts';
import { declined } from '../commands/decline.ts';
import { sixDigits } from '../crypto/secret-text.ts';
import { equalSecrets, secretHash } from '../crypto/vault.ts';
import { normalCode } from '../factors/mailed-code.ts';
import { type Command, type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import { countFailure, throughGate } from '../sign-in/gate.ts';
import { mailToAddress } from '../sign-in/mail.ts';
import { failHolds, type Hold, releaseHolds } from '../sign-in/throttle.ts';
import { consumeChallenge } from '../store/consume.ts';
import type { Change } from '../store/engine.ts';
import { enqueueMail } from '../store/outbox.ts';
import { type Admitted, admit, makeAccount } from './new-account.ts';
import { firstSession } from './sign-up.ts';

// Signing up where nothing is made before the address is proven. What was given waits with the client, sealed: a sign-up that
// nobody completes leaves nothing behind, and a known address looks like any other.

const PURPOSE = 'sign-up';

/** How many wrong codes a sign-up may have. */
const MOST_TRIES = 5;

interface Pending extends Admitted {
  readonly mount: string;
  readonly salt: string;
  /** A keyed hash of the code; that of no code where the address is somebody's. */
  readonly codeHash: string;
  readonly expiresAt: number;
}

/** Mails a code to the address, or tells whoever has it already that somebody tried. The answer is the same. */
export function beginSignUp(
  corridor: Corridor,
  attempt: Attempt,
  { registrant }: Extract<Command, { kind: 'begin-sign-up' }>,
): Promise<Outcome> {
  return throughGate(
    corridor,
    attempt,
    async () => {
      if (!attempt.mount.allowSignUp) return declined('sign-up-disabled');
      const late = await countFailure(corridor, attempt);
      if (late !== null) return late;
      const admitted = await admit(corridor, attempt, registrant, true);
      return 'kind' in admitted ? admitted : sendCode(corridor, attempt, admitted);
    },
    ['declined', 'code-sent'],
  );
}

async function sendCode(corridor: Corridor, attempt: Attempt, admitted: Admitted): Promise<Outcome> {
  const { vault, random, clock, limits, store } = corridor;
  const now = clock.now();
  const expiresAt = now + limits.pinSeconds * 1000;
  const digits = sixDigits(random);
  const salt = random.bytes(16).toString('base64url');
  const isKnown = await isTaken(corridor, attempt, admitted.email);
  const mail = await mailToAddress(
    corridor,
    attempt,
    { address: admitted.email, account: null },
    isKnown ? { kind: 'sign-up-known', at: now } : { kind: 'sign-up-code', digits, expiresAt },
    expiresAt,
  );
  // A code that nobody is sent opens nothing.
  const codeHash = isKnown || mail === null ? vault.hash(PURPOSE, salt) : codeHashOf(corridor, salt, digits);
  const pending: Pending = { ...admitted, mount: attempt.mount.name, salt, codeHash, expiresAt };
  await store.commit([
    ...(mail ? [enqueueMail(mail)] : []),
    auditAttempt(attempt, now, 'sign-up.begun', { reason: isKnown ? 'address-known' : null }),
  ]);
  corridor.mailQueued();
  return { kind: 'code-sent', ticket: vault.seal(PURPOSE, JSON.stringify(pending)) };
}

/** Whether somebody has the address in the home that the mount serves. */
async function isTaken(corridor: Corridor, { mount }: Attempt, email: string): Promise<boolean> {
  const canonical = canonicalName(email);
  if (canonical === null) return false;
  const owners = await corridor.store.accountRecords.owners([canonical]);
  return owners.some(({ homeId, kinds }) => homeId === mount.organisation && (kinds & KIND_BITS.email) !== 0);
}

/** Makes the account when the code is right, and signs in. */
export function confirmSignUp(
  corridor: Corridor,
  attempt: Attempt,
  { ticket, code }: Extract<Command, { kind: 'confirm-sign-up' }>,
): Promise<Outcome> {
  return throughGate(corridor, attempt, async () => {
    if (!attempt.mount.allowSignUp) return declined('sign-up-disabled');
    const pending = open(corridor, attempt, ticket);
    if (pending === null) return refused('ticket-invalid');
    // The tries outlast the ticket: who has used them up has to begin again.
    const limit = { maxFailures: MOST_TRIES, waitSeconds: 3600, lockAfter: null, forgets: true };
    const counted = { key: `${PURPOSE}:${pending.salt}`, limit };
    const admission = await corridor.throttle.admit(counted, attempt.caller.arrivedAt);
    if (admission.kind === 'throttled') return refused('ticket-invalid');
    if (admission.kind === 'overloaded') return admission;
    const { hold } = admission;
    if (!equalSecrets(pending.codeHash, codeHashOf(corridor, pending.salt, normalCode(code))))
      return refuseCode(corridor, attempt, hold);
    const outcome = await complete(corridor, attempt, pending, [
      consumeChallenge(secretHash(pending.salt), pending.expiresAt, corridor.limits.pinSeconds),
      ...releaseHolds([hold]),
    ]);
    if (outcome.kind !== 'signed-in') await corridor.throttle.release([hold]);
    corridor.throttle.settled([hold]);
    return outcome;
  });
}

async function refuseCode(corridor: Corridor, attempt: Attempt, hold: Hold): Promise<Outcome> {
  const now = corridor.clock.now();
  await corridor.store.commit([
    ...failHolds([hold], now),
    auditAttempt(attempt, now, 'code.refused', { reason: PURPOSE, factor: 'email' }),
  ]);
  const late = await countFailure(corridor, attempt);
  corridor.throttle.settled([hold]);
  return late ?? refused('code-invalid');
}

async function complete(
  corridor: Corridor,
  attempt: Attempt,
  pending: Pending,
  spends: readonly Change[],
): Promise<Outcome> {
  const made = await makeAccount(corridor, attempt, pending, true, (accountId) => [
    ...spends,
    auditAttempt(attempt, corridor.clock.now(), 'account.signed-up', {
      accountId,
      organisationId: attempt.mount.organisation,
      factor: 'email',
    }),
  ]);
  // The code was right, so it is the owner of the address who is told that a name is taken.
  if ('kind' in made) return made;
  return firstSession(corridor, attempt, made.id, ['pwd', 'email']);
}

/** What waits in a ticket; null when it is none of this mount's, or too old. */
function open(corridor: Corridor, attempt: Attempt, ticket: string): Pending | null {
  let pending: Pending;
  try {
    pending = JSON.parse(corridor.vault.unseal(PURPOSE, ticket)) as Pending;
  } catch {
    return null;
  }
  return pending.mount === attempt.mount.name && pending.expiresAt > corridor.clock.now() ? pending : null;
}

function codeHashOf({ vault }: Corridor, salt: string, digits: string): string {
  return vault.hash(PURPOSE, `${salt}\0${digits}`);
}
