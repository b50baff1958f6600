import type { Vault } from '../crypto/vault.ts';
import type { Clock, Log } from '../ports.ts';
import type { Store } from '../store/store.ts';
import type { MailAddress } from './mail-address.ts';
import { Outbox } from './outbox.ts';
import { unsealMail } from './queue-mail.ts';
import { unsealSms } from './queue-sms.ts';
import { createSmsTransport, type SmsSettings } from './sms-transport.ts';
import { createMailTransport } from './transport.ts';

/** Where messages go: the configuration's `mail` and `sms`. */
export interface OutboxSettings {
  readonly mail: { readonly url: string; readonly from: MailAddress };
  readonly sms: SmsSettings;
}

/** What outboxes work with. */
export interface OutboxPorts {
  readonly store: Store;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly log: Log;
}

/** What sends mail, and what sends text messages. */
export function createOutboxes(
  settings: OutboxSettings,
  { store, vault, clock, log }: OutboxPorts,
): Outbox[] {
  const mail = createMailTransport(settings.mail.url, settings.mail.from);
  const sms = createSmsTransport(settings.sms);
  return [
    new Outbox({
      store,
      clock,
      log,
      channel: 'mail',
      send: (message) => mail.send(unsealMail(message, vault), message.id),
    }),
    new Outbox({
      store,
      clock,
      log,
      channel: 'sms',
      send: (message) => sms.send(unsealSms(message, vault), message.id),
    }),
  ];
}
