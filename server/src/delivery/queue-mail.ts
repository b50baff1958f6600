import { timedUuid } from '../crypto/secret-text.ts';
import type { Vault } from '../crypto/vault.ts';
import type { Random } from '../ports.ts';
import type { QueuedMail } from '../store/outbox.ts';
import type { MailAddress } from './mail-address.ts';
import { type Message, type WordedMail, wordMessage } from './message.ts';

/** A mail with its recipient: what a queued mail holds, sealed. */
export interface AddressedMail extends WordedMail {
  readonly to: MailAddress;
}

/**
 * Words a message and seals it for the outbox.
 * @param times when it was made, and after which it is of no use, in milliseconds since 1970
 */
export function sealMail(
  to: MailAddress,
  message: Message,
  times: { now: number; expiresAt: number },
  vault: Vault,
  random: Random,
): QueuedMail {
  const mail: AddressedMail = { to, ...wordMessage(message) };
  return {
    id: timedUuid(times.now, random),
    channel: 'mail',
    kind: message.kind,
    mailSealed: vault.seal('mail', JSON.stringify(mail)),
    createdAt: times.now,
    expiresAt: times.expiresAt,
  };
}

/** What `sealMail` sealed. */
export function unsealMail(mail: QueuedMail, vault: Vault): AddressedMail {
  return JSON.parse(vault.unseal('mail', mail.mailSealed)) as AddressedMail;
}
