import { declined } from '../commands/decline.ts';
import type { Command, Outcome } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import { countFailure, sourceOf, throughGate } from '../sign-in/gate.ts';
import { noticeChanges } from '../sign-in/notice.ts';
import { accountKey } from '../sign-in/throttle.ts';
import { noteResetByMail, validateEmail } from '../store/accounts.ts';
import { forgetAttached } from '../store/attached.ts';
import { consumeTicket } from '../store/consume.ts';
import { forgiveAttempts } from '../store/count-attempt.ts';
import { type LongCode, readLongCode } from './long-code.ts';
import { hashNewPassword, lengthDecline, setPassword } from './new-password.ts';

/**
 * Sets a new password with a code that was mailed. It signs nobody in, and no second factor is spared by it (ASVS 6.4.3).
 */
export function resetPassword(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'reset-password' }>,
): Promise<Outcome> {
  return throughGate(
    corridor,
    attempt,
    async () => {
      const overload = lengthDecline(command.password) ?? overloadOf(corridor, attempt);
      if (overload !== null) return overload;
      const code = await readLongCode(corridor, attempt, command.code, ['reset']);
      if (code !== null) return resetWith(corridor, code, command.password);
      return (await countFailure(corridor, attempt)) ?? declined('reset-token-invalid');
    },
    ['declined'],
  );
}

/** Who would wait too long for the threads that hash is told so, whether or not there is anything to hash. */
export function overloadOf(corridor: Corridor, attempt: Attempt): Outcome | null {
  const overload = corridor.hashes.overload(sourceOf(attempt));
  return overload && { kind: 'overloaded', retryAfterSeconds: overload.retryAfterSeconds };
}

/**
 * Sets the new password, with all that comes of it, in one commit: the code is spent, what was issued before ends, locks and
 * waits for the password end (those for codes do not), and the address is proven, since the code came there. Of an account
 * whose address was not proven before, nothing is left that somebody else may have put there. A password that is refused
 * leaves the code as it is.
 */
export async function resetWith(corridor: Corridor, code: LongCode, password: string): Promise<Outcome> {
  const { account, ticket, origin } = code;
  const hash = await hashNewPassword(corridor, origin, account, password);
  if (typeof hash !== 'string') return hash;
  const now = corridor.clock.now();
  const notice = await noticeChanges(corridor, origin, account, { kind: 'password-changed', at: now });
  const committed = await corridor.store.commit([
    consumeTicket(ticket.secretHash, now),
    ...setPassword(account, hash, null, now),
    noteResetByMail(account.id, now),
    ...forgetAttached(account.id),
    validateEmail(account.id, code.address),
    forgiveAttempts(accountKey(account.id)),
    ...notice,
    auditAttempt(origin, now, 'password.reset', {
      accountId: account.id,
      detail: { addressWasValidated: account.emailValidated },
    }),
  ]);
  if (!committed.ok) return declined('reset-token-invalid');
  corridor.mailQueued();
  return { kind: 'done' };
}
