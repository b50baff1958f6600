import type { AccountWithMemberships } from '../accounts/account.ts';
import { declined } from '../commands/decline.ts';
import { ownWordsOf } from '../passwords/own-words.ts';
import { hasPasswordLength } from '../passwords/rules.ts';
import type { Outcome } from '../sign-in/attempt.ts';
import type { Attempt, Corridor } from '../sign-in/corridor.ts';
import { sourceOf } from '../sign-in/gate.ts';
import { endAllButOne, replacePassword } from '../store/accounts.ts';
import { forgetDevices } from '../store/devices.ts';
import type { Change } from '../store/engine.ts';
import { rememberPassword } from '../store/former-passwords.ts';

/** Refuses a password that no account could have, before anything is looked up. */
export function lengthDecline(password: string): Outcome | null {
  return hasPasswordLength(password) ? null : declined('password-length');
}

/**
 * Makes the hash of a password that its owner sets, if it is none of the last five and keeps to the rule for passwords.
 * @param attempt by whose address it waits for its turn: somebody may have many accounts
 * @returns the hash, or why there is none
 */
export async function hashNewPassword(
  { hashes, passwords, store }: Pick<Corridor, 'hashes' | 'passwords' | 'store'>,
  attempt: Pick<Attempt, 'caller'>,
  account: AccountWithMemberships,
  password: string,
): Promise<string | Outcome> {
  const source = sourceOf(attempt);
  const former = await store.formerPasswords.of(account.id);
  const used = account.passwordHash === null ? former : [account.passwordHash, ...former];
  const verdicts = await Promise.all(used.map((hash) => hashes.verify(password, hash, source)));
  const overloaded = verdicts.find((verdict) => typeof verdict === 'object');
  if (overloaded) return { kind: 'overloaded', retryAfterSeconds: overloaded.retryAfterSeconds };
  if (verdicts.includes(true)) return declined('password-reused');
  const problem = await passwords.problemWith(password, ownWordsOf(account), attempt.caller.requestId);
  if (problem !== null) return declined(problem);
  const hash = await hashes.hash(password, source);
  return typeof hash === 'string' ? hash : { kind: 'overloaded', retryAfterSeconds: hash.retryAfterSeconds };
}

/**
 * Puts a new password in the place of the present one. What was issued on the strength of the old one ends with it: sessions
 * but the one that is kept, tickets and codes, recognised devices (ASVS 7.4.3). Guard `account`: nothing has changed since
 * the account was read.
 * @param keptSessionId the session that changes it; null when none is kept
 */
export function setPassword(
  account: AccountWithMemberships,
  passwordHash: string,
  keptSessionId: string | null,
  now: number,
): Change[] {
  return [
    ...rememberPassword(account.id),
    ...endAllButOne(account.id, account.epoch, keptSessionId, 'password-changed', now),
    replacePassword(account.id, account.epoch + 1, passwordHash),
    forgetDevices(account.id),
  ];
}
