import type { AccountWithMemberships } from '../accounts/account.ts';
import type { Place } from '../crypto/hash-pool.ts';
import type { Change } from '../store/engine.ts';
import type { Outcome } from './attempt.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { mustWait, sourceOf } from './gate.ts';
import { passwordLimit } from './identify.ts';
import { refuseCredential } from './refuse.ts';
import { accountKey, type Hold, passHolds } from './throttle.ts';
import { verifyPassword } from './verify-credential.ts';

/** A password that was right. */
export interface ConfirmedPassword {
  readonly hold: Hold;
  /** Gives back what was counted, in the commit that it leads to; `throttle.settled` tells those who wait for it. */
  readonly settles: readonly Change[];
}

/**
 * Verifies the password of somebody who is signed in: counted on the account's own key, throttled, locked and refused as at
 * sign-in, so that a stolen token is no way to guess it (ASVS 6.2.3).
 */
export async function confirmPassword(
  corridor: Corridor,
  attempt: Attempt,
  account: AccountWithMemberships,
  password: string,
): Promise<ConfirmedPassword | Outcome> {
  const place = corridor.hashes.reserve(sourceOf(attempt));
  if ('overloaded' in place) return { kind: 'overloaded', retryAfterSeconds: place.retryAfterSeconds };
  try {
    return await confirmAt(place, corridor, attempt, account, password);
  } finally {
    place.leave();
  }
}

async function confirmAt(
  place: Place,
  corridor: Corridor,
  attempt: Attempt,
  account: AccountWithMemberships,
  password: string,
): Promise<ConfirmedPassword | Outcome> {
  const counted = { key: accountKey(account.id), limit: passwordLimit(corridor, account) };
  const admission = await corridor.throttle.admit(counted, attempt.caller.arrivedAt);
  if (admission.kind !== 'held') return admission;
  const { hold } = admission;
  const tried = hold.locked
    ? []
    : [{ table: 'accounts' as const, id: account.id, passwordHash: account.passwordHash }];
  const matched = await verifyPassword(corridor, attempt, password, tried, place);
  if ('overloaded' in matched) {
    await corridor.throttle.release([hold]);
    return { kind: 'overloaded', retryAfterSeconds: matched.retryAfterSeconds };
  }
  if (matched.has(account.id)) {
    const late = await mustWait(corridor, attempt);
    if (late === null) return { hold, settles: passHolds([hold], new Set([hold.key])) };
    await corridor.throttle.release([hold]);
    return late;
  }
  const reason = hold.locked ? 'locked' : account.passwordHash === null ? 'no-password' : 'wrong-password';
  return refuseCredential(corridor, attempt, [{ hold, account, reason }], 'bad-credentials');
}
