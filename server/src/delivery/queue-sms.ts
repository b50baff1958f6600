import { timedUuid } from '../crypto/secret-text.ts';
import type { Vault } from '../crypto/vault.ts';
import type { Random } from '../ports.ts';
import type { QueuedMail } from '../store/outbox.ts';
import type { Message } from './message.ts';
import type { AddressedText } from './sms-transport.ts';

/**
 * Seals a text message for the outbox.
 * @param times when it was made, and after which it is of no use, in milliseconds since 1970
 */
export function sealSms(
  message: AddressedText,
  kind: Message['kind'],
  times: { now: number; expiresAt: number },
  vault: Vault,
  random: Random,
): QueuedMail {
  return {
    id: timedUuid(times.now, random),
    channel: 'sms',
    kind,
    mailSealed: vault.seal('sms', JSON.stringify(message)),
    createdAt: times.now,
    expiresAt: times.expiresAt,
  };
}

/** What `sealSms` sealed. */
export function unsealSms(message: QueuedMail, vault: Vault): AddressedText {
  return JSON.parse(vault.unseal('sms', message.mailSealed)) as AddressedText;
}
