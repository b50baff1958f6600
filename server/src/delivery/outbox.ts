import type { Clock, Log } from '../ports.ts';
import {
  buryMail,
  type Channel,
  type ClaimedMail,
  claimDueMails,
  claimedMails,
  postponeMail,
  type QueuedMail,
  removeMail,
  retryAllMails,
} from '../store/outbox.ts';
import type { Store } from '../store/store.ts';

/** What the outbox needs. */
export interface OutboxOptions {
  readonly store: Store;
  /** Which messages it sends: each channel has an outbox of its own, so that one that hangs holds up no other. */
  readonly channel: Channel;
  /** Resolves when the message was taken over by somebody else; rejects when it was not, or nobody can say. */
  readonly send: (message: QueuedMail) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the log calls a message of each channel. */
const NOUNS: Readonly<Record<Channel, string>> = { mail: 'a mail', sms: 'a text message' };

/** Messages that are being sent at the same time: one that hangs holds up no other. */
const SENDERS = 8;

/** How often the queue is looked at when nobody says that there is something in it. */
const POLL_MILLISECONDS = 1000;

/** How long a stop waits for messages that are on their way. */
const STOP_MILLISECONDS = 5000;

/** Waits between tries; the last one is repeated. */
const RETRY_SECONDS = [1, 5, 15, 30] as const;

/**
 * Sends what was queued, off every request's path, at least once, for as long as it is of use. Its owner starts and
 * stops it; any number of nodes may run one on the same store.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #sending = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #stopped = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /**
   * Tries what waits whenever it is due.
   * @param all whether everything is due now, also what somebody else may be sending at this moment
   */
  async start(all = true): Promise<void> {
    const { store, channel, clock } = this.#options;
    if (all) await store.commit([retryAllMails(channel, clock.now())]);
    this.nudge();
  }

  /** Says that there is something to send now. */
  nudge(): void {
    if (this.#stopped) return;
    if (this.#looking !== undefined) {
      this.#lookAgain = true;
      return;
    }
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
      this.#schedule(this.#lookAgain ? 0 : POLL_MILLISECONDS);
      this.#lookAgain = false;
    });
  }

  /**
   * Takes no more messages and waits for those that are on their way, but not for a server that says nothing: what it was
   * sent stays in the queue and is sent again by whoever starts next.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, STOP_MILLISECONDS);
    await Promise.race([Promise.all(this.#sending), late]).finally(() => clearTimeout(timer));
  }

  #schedule(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => this.nudge(), milliseconds);
  }

  async #look(): Promise<void> {
    const { store, channel, clock, log } = this.#options;
    const free = SENDERS - this.#sending.size;
    if (free === 0) return;
    try {
      const committed = await store.commit([claimDueMails(channel, clock.now(), free)]);
      const mails = committed.ok ? claimedMails(committed.rows[0] ?? []) : [];
      for (const mail of mails) this.#send(mail);
      if (mails.length === free) this.#lookAgain = true;
    } catch (error) {
      log.warn({ error: (error as Error).message }, 'the outbox cannot be read');
    }
  }

  #send(mail: ClaimedMail): void {
    const sending = this.#deliver(mail)
      .catch((error: Error) =>
        this.#options.log.warn(
          { mail: mail.id, error: error.message },
          `${NOUNS[mail.channel]} was not settled`,
        ),
      )
      .finally(() => {
        this.#sending.delete(sending);
        this.nudge();
      });
    this.#sending.add(sending);
  }

  async #deliver(mail: ClaimedMail): Promise<void> {
    const { store, send, clock, log } = this.#options;
    const noun = NOUNS[mail.channel];
    if (mail.expiresAt <= clock.now()) {
      log.warn(
        { mail: mail.id, kind: mail.kind, tries: mail.tries },
        `${noun} came too late and was not sent`,
      );
      await store.commit([buryMail(mail.id, clock.now(), 'expired before it could be sent')]);
      return;
    }
    try {
      await send(mail);
    } catch (error) {
      const waitSeconds = RETRY_SECONDS[Math.min(mail.tries, RETRY_SECONDS.length - 1)] ?? 30;
      log.warn(
        {
          mail: mail.id,
          kind: mail.kind,
          tries: mail.tries + 1,
          error: (error as Error).message,
          waitSeconds,
        },
        `${noun} was not sent`,
      );
      await store.commit([postponeMail(mail.id, clock.now() + waitSeconds * 1000, (error as Error).message)]);
      return;
    }
    log.debug({ mail: mail.id, channel: mail.channel, kind: mail.kind }, 'message sent');
    await store.commit([removeMail(mail.id)]);
  }
}
