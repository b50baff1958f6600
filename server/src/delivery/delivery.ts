import type { Vault } from '../crypto/vault.ts';
import type { Clock, Log, Worker } from '../ports.ts';
import type { Store } from '../store/store.ts';
import type { MailAddress } from './mail-address.ts';
import { Outbox } from './outbox.ts';
import { openPlaces, type Places } from './places.ts';
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
function createOutboxes(settings: OutboxSettings, { store, vault, clock, log }: OutboxPorts): Outbox[] {
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

/** Everything that gets messages to people. */
export interface Delivery {
  readonly places: Places;
  /** Says that a commit has put a message into the outbox. */
  readonly mailQueued: () => void;
  /** Takes no more messages and waits for those that are on their way. */
  stop(): Promise<void>;
}

/**
 * Starts what sends messages, and reads what they need to know.
 * @throws OperatorError when `geo.database` cannot be read
 */
export async function startDelivery(
  settings: OutboxSettings & {
    readonly mail: { readonly locale: string };
    readonly geo: { readonly database?: string };
  },
  ports: OutboxPorts & { readonly worker?: Worker },
): Promise<Delivery> {
  const places = await openPlaces(settings.geo.database, settings.mail.locale);
  const outboxes = createOutboxes(settings, ports);
  for (const outbox of outboxes) await outbox.start(ports.worker?.isFirst ?? true);
  return {
    places,
    mailQueued: () => {
      for (const outbox of outboxes) outbox.nudge();
    },
    async stop() {
      await Promise.all(outboxes.map((outbox) => outbox.stop()));
    },
  };
}
