import type { AccountWithMemberships } from '../accounts/account.ts';
import type { Message } from '../delivery/message.ts';
import { sealMail } from '../delivery/queue-mail.ts';
import type { QueuedMail } from '../store/outbox.ts';
import type { Corridor } from './corridor.ts';

/**
 * A message to an account's own address, for the outbox; null when the account has none. It goes there and nowhere else:
 * no request says where (CVE-2023-7028).
 * @param expiresAt after which it is of no use, in milliseconds since 1970
 */
export function mailToAccount(
  corridor: Pick<Corridor, 'vault' | 'random' | 'clock'>,
  account: Pick<AccountWithMemberships, 'email' | 'user'>,
  message: Message,
  expiresAt: number,
): QueuedMail | null {
  if (account.email === null) return null;
  const to = { name: account.user.name, address: account.email };
  const times = { now: corridor.clock.now(), expiresAt };
  return sealMail(to, message, times, corridor.vault, corridor.random);
}

/** How long a notice is worth sending. */
const NOTICE_MILLISECONDS = 24 * 3_600_000;

/** A message that only tells, for the outbox; it is worth a day. */
export function noticeToAccount(
  corridor: Pick<Corridor, 'vault' | 'random' | 'clock'>,
  account: Pick<AccountWithMemberships, 'email' | 'user'>,
  message: Message,
): QueuedMail | null {
  return mailToAccount(corridor, account, message, corridor.clock.now() + NOTICE_MILLISECONDS);
}
