import type { AccountWithMemberships } from '../accounts/account.ts';
import type { Change } from '../store/engine.ts';
import { enqueueMail } from '../store/outbox.ts';
import type { Corridor } from './corridor.ts';
import { noticeToAccount } from './mail.ts';
import { accountKey } from './throttle.ts';

/**
 * Tells the owner of an account that a sign-in was completed after as many wrong passwords as make it wait: one of those who
 * guessed may have been right (ASVS 6.3.5). Completing forgets them, in the same commit, so it is told once.
 * @param known how many there were, where that is known; it is looked up otherwise
 */
export async function tellOfFailures(
  corridor: Corridor,
  account: AccountWithMemberships,
  known?: number,
): Promise<Change[]> {
  const failures = known ?? (await corridor.store.attempts.state(accountKey(account.id)))?.failures ?? 0;
  if (failures < corridor.limits.maxFailures) return [];
  const message = { kind: 'signed-in-after-failures', failures, at: corridor.clock.now() } as const;
  const mail = noticeToAccount(corridor, account, message);
  return mail === null ? [] : [enqueueMail(mail)];
}
