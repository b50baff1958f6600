import { timedUuid } from '../crypto/secret-text.ts';
import type { Vault } from '../crypto/vault.ts';
import type { Random } from '../ports.ts';
import type { QueuedMail } from '../store/outbox.ts';
import type { MailAddress } from './mail-address.ts';
import type { Message } from './message.ts';
import type { WordedMail } from './template.ts';

/** A mail with its recipient: what a queued mail holds, sealed. */
export interface AddressedMail extends WordedMail {
  readonly to: MailAddress;
}

/**
 * Seals a mail for the outbox.
 * @param times when it was made, and after which it is of no use, in milliseconds since 1970
 */
export function sealMail(
  mail: AddressedMail,
  kind: Message['kind'],
  times: { now: number; expiresAt: number },
  vault: Vault,
  random: Random,
): QueuedMail {
  return {
    id: timedUuid(times.now, random),
    channel: 'mail',
    kind,
    mailSealed: vault.seal('mail', JSON.stringify(mail)),
    createdAt: times.now,
    expiresAt: times.expiresAt,
  };
}

/** What `sealMail` sealed. */
export function unsealMail(mail: QueuedMail, vault: Vault): AddressedMail {
  return JSON.parse(vault.unseal('mail', mail.mailSealed)) as AddressedMail;
}
