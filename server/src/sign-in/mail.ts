import type { AccountWithMemberships } from '../accounts/account.ts';
import { type Addressee, addresseeOf, memberOf } from '../accounts/addressee.ts';
import type { MailAddress } from '../delivery/mail-address.ts';
import type { Message } from '../delivery/message.ts';
import { sealMail } from '../delivery/queue-mail.ts';
import type { QueuedMail } from '../store/outbox.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { maySend } from './sending-limits.ts';

/** What putting a message into an envelope works with: the command line has it, too. */
export type NoticePorts = Pick<Corridor, 'vault' | 'random' | 'clock' | 'wording'>;

/**
 * A message to an account's own address, for the outbox; null when the account has none, or when no more may be sent
 * (`maySend`): then nothing is sent, no code takes effect, and the answer is as always. It goes there and nowhere else: no
 * request says where (CVE-2023-7028).
 * @param expiresAt after which it is of no use, in milliseconds since 1970
 */
export async function mailToAccount(
  corridor: Corridor,
  attempt: Attempt,
  account: AccountWithMemberships,
  message: Message,
  expiresAt: number,
): Promise<QueuedMail | null> {
  if (account.email === null) return null;
  const sending = { channel: 'mail', kind: message.kind, recipient: account.email, account } as const;
  if (!(await maySend(corridor, attempt, sending))) return null;
  return noticeToAccount(corridor, account, message, expiresAt);
}

/**
 * A message to an address that is nobody's yet, for the outbox: it is to be proven, or somebody signs up with it. Null when
 * no more may be sent, as with `mailToAccount`. Nobody is called by name: whoever gave the address chose the name.
 * @param to the account that asks, which says in which words; null where there is none yet
 * @param expiresAt after which it is of no use, in milliseconds since 1970
 */
export async function mailToAddress(
  corridor: Corridor,
  attempt: Attempt,
  to: { readonly address: string; readonly account: AccountWithMemberships | null },
  message: Message,
  expiresAt: number,
): Promise<QueuedMail | null> {
  const { address, account } = to;
  const sending = { channel: 'mail', kind: message.kind, recipient: address, account } as const;
  if (!(await maySend(corridor, attempt, sending))) return null;
  const known = account ? addresseeOf(account) : await newcomer(corridor, attempt);
  return enclose(corridor, { name: '', address }, message, { ...known, name: '' }, expiresAt);
}

/** Somebody who has no account yet, at a mount: of its organisation, where it has one. */
async function newcomer(corridor: Corridor, { mount }: Attempt): Promise<Addressee> {
  return memberOf(
    mount.organisation === null ? null : await corridor.store.organisations.byId(mount.organisation),
  );
}

/** How long a notice is worth sending. */
const NOTICE_MILLISECONDS = 24 * 3_600_000;

/**
 * A message that only tells, for the outbox; null when the account has no address. No limit of codes withholds it: whoever
 * could use that up could silence the alarm. What causes one limits it: of what a session does, `noticeChanges` tells ten
 * times a day; of new devices, `sightDevice`; a lock lasts.
 * @param expiresAt after which it is of no use, in milliseconds since 1970; a day from now when it is left out
 */
export function noticeToAccount(
  ports: NoticePorts,
  account: AccountWithMemberships,
  message: Message,
  expiresAt: number = ports.clock.now() + NOTICE_MILLISECONDS,
): QueuedMail | null {
  if (account.email === null) return null;
  const to = { name: account.user.name, address: account.email };
  return enclose(ports, to, message, addresseeOf(account), expiresAt);
}

function enclose(
  ports: NoticePorts,
  to: MailAddress,
  message: Message,
  addressee: Addressee,
  expiresAt: number,
): QueuedMail {
  const now = ports.clock.now();
  const mail = { to, ...ports.wording.mail(message, addressee, now) };
  return sealMail(mail, message.kind, { now, expiresAt }, ports.vault, ports.random);
}
