import type { AccountWithMemberships } from '../accounts/account.ts';
import { canonicalName } from '../accounts/identifier.ts';
import type { Message } from '../delivery/message.ts';
import type { Change } from '../store/engine.ts';
import { enqueueMail } from '../store/outbox.ts';
import { countSent, countWithheld } from '../store/sending-budget.ts';
import { type Attempt, auditAttempt, type Corridor } from './corridor.ts';
import { noticeToAccount } from './mail.ts';
import { organisationOf } from './sending-limits.ts';

/** The most notices of one kind that an account's doings send in a day. Who has had so many was told. */
const NOTICE_LIMIT = 10;

const DAY_SECONDS = 86_400;

/**
 * What is committed to tell an account's owner of something that a session of the account has done: a mail, or, after the
 * tenth of its kind in a day, what writes down that there was none. They are counted for the account alone, so that nobody
 * else can use them up; at an address that nobody has proven, for all accounts that were made with it: its owner may have
 * none of them.
 */
export async function noticeChanges(
  corridor: Corridor,
  attempt: Attempt,
  account: AccountWithMemberships,
  message: Message,
): Promise<Change[]> {
  const mail = noticeToAccount(corridor, account, message);
  if (mail === null) return [];
  const { kind } = message;
  const now = corridor.clock.now();
  const key = `mail:notice:${kind}:${recipientKey(corridor, account)}`;
  const window = await corridor.store.sendingBudgets.window(key, now);
  if (window === null || window.sent < NOTICE_LIMIT)
    return [countSent(key, DAY_SECONDS, now), enqueueMail(mail)];
  return [
    countWithheld(key),
    auditAttempt(attempt, now, 'mail.withheld', {
      reason: 'notices',
      accountId: account.id,
      organisationId: organisationOf(attempt, account),
      detail: { channel: 'mail', kind },
    }),
  ];
}

function recipientKey({ vault }: Corridor, { id, email, emailValidated }: AccountWithMemberships): string {
  if (emailValidated || email === null) return id;
  return `unproven:${vault.hash('sending', canonicalName(email) ?? email)}`;
}
