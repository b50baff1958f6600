import type { AccountWithMemberships } from '../accounts/account.ts';
import { addresseeOf } from '../accounts/addressee.ts';
import { isInternationalNumber } from '../accounts/identifier.ts';
import type { CodeMessage } from '../delivery/message.ts';
import { sealSms } from '../delivery/queue-sms.ts';
import type { QueuedMail } from '../store/outbox.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { maySend } from './sending-limits.ts';

/**
 * A code by text message, for the outbox: put it into the commit of what the code opens, and say `mailQueued` after it.
 * Null when no more may be sent (`maySend`): then nothing is sent, no code takes effect, and the answer is as always.
 * @param to the number in E.164, and the account that it belongs to or is to belong to
 * @param expiresAt after which it is of no use, in milliseconds since 1970
 * @throws Error when the number is not in E.164: whoever calls has made it canonical
 */
export async function smsToPhone(
  corridor: Corridor,
  attempt: Attempt,
  to: { readonly phone: string; readonly account: AccountWithMemberships },
  message: CodeMessage,
  expiresAt: number,
): Promise<QueuedMail | null> {
  if (!isInternationalNumber(to.phone)) throw new Error('a text message goes to a number in E.164 only');
  const sending = { channel: 'sms', kind: message.kind, recipient: to.phone, account: to.account } as const;
  if (!(await maySend(corridor, attempt, sending))) return null;
  const now = corridor.clock.now();
  const text = { to: to.phone, text: corridor.wording.sms(message, addresseeOf(to.account), now) };
  const times = { now, expiresAt };
  return sealSms(text, message.kind, times, corridor.vault, corridor.random);
}
