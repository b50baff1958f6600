import { Webhook } from 'standardwebhooks';
import type { Clock, Log } from '../ports.ts';
import { type AuditRecord, recordAudit } from '../store/audit.ts';
import type { Store } from '../store/store.ts';
import { auditEvent } from './event.ts';
import { WebhookCursor, type WebhookLease } from './webhook-cursor.ts';

/** Somebody who is told of audit events as they happen. */
export interface WebhookEndpoint {
  readonly url: string;
  /** `whsec_` and the key in base64, as the Standard Webhooks specification has it. */
  readonly secret: string;
  /** Names of events, or beginnings of names that end in `*`. */
  readonly events: readonly string[];
}

/** What tells them. */
export interface WebhooksOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly endpoints: readonly WebhookEndpoint[];
}

const POLL_MILLISECONDS = 1000;
const ANSWER_MILLISECONDS = 10_000;
const PAGE_EVENTS = 50;

/** Waits between tries of one event; the last one is repeated. */
const RETRY_SECONDS = [1, 5, 15, 30] as const;

/** How long one event is tried before those behind it get their turn. */
const GIVE_UP_MILLISECONDS = 24 * 3_600_000;

/**
 * Tells endpoints of audit events, signed, in the order of the chain, each at least once. The audit log is the outbox: an
 * event is committed with what it tells, and each endpoint has a place in the log up to which it has been told, so that being
 * told costs a sign-in nothing, and nothing is lost that was written. An endpoint that is new is told from then on.
 */
export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: WebhooksOptions) {
    this.#options = options;
    if (options.endpoints.length === 0) return;
    this.#timer = setInterval(() => this.#look(), POLL_MILLISECONDS).unref();
    this.#look();
  }

  /** Waits for what is on its way, and sends nothing after it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  #look(): void {
    const { endpoints, log } = this.#options;
    const round = async () => void (await Promise.all(endpoints.map((endpoint) => this.#serve(endpoint))));
    this.#running = this.#running.then(round).catch((error: Error) => {
      log.warn({ error: error.message }, 'webhooks could not be looked after');
    });
  }

  /** Tells one endpoint what it has not been told, until there is no more, it does not answer, or another server has taken it. */
  async #serve(endpoint: WebhookEndpoint): Promise<void> {
    const lease = await new WebhookCursor(endpoint.url, this.#options).take();
    if (lease !== null) while (await this.#tellPage(lease, endpoint));
  }

  /** @returns whether there may be more to tell, and this server still has the endpoint */
  async #tellPage(lease: WebhookLease, endpoint: WebhookEndpoint): Promise<boolean> {
    const page = await this.#options.store.audit.afterLink(lease.place.link, PAGE_EVENTS);
    for (const event of page) {
      if (this.#stopped) break;
      if (!(await lease.keep())) return false;
      const wanted = endpoint.events.some((pattern) => matches(pattern, event.event));
      const failure = wanted ? await this.#tell(endpoint, event) : null;
      if (failure !== null) return this.#putOff(lease, endpoint, event, failure);
      lease.passed(event.link ?? lease.place.link);
    }
    return page.length === 0 || this.#stopped ? lease.release() : lease.save();
  }

  /** Why an endpoint did not take an event; null when it did. */
  async #tell({ url, secret }: WebhookEndpoint, event: AuditRecord): Promise<string | null> {
    const { link, seal: _seal, event: type, at, ...data } = event;
    const body = JSON.stringify({ type, timestamp: new Date(at).toISOString(), data: { ...data, link } });
    // After a restore the chain has places again that it had before: what is told of them is no repeat.
    const id = `audit_${(await this.#options.store.cutOff.at()) + (link ?? 0)}`;
    const sentAt = new Date(this.#options.clock.now());
    try {
      const response = await fetch(url, {
        method: 'POST',
        redirect: 'error',
        signal: AbortSignal.timeout(ANSWER_MILLISECONDS),
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
          'webhook-signature': new Webhook(secret).sign(id, sentAt, body),
        },
        body,
      });
      await response.body?.cancel();
      return response.ok ? null : `it answered ${response.status}`;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** What was not taken is tried again later; after a day of that, those behind it get their turn. */
  async #putOff(
    lease: WebhookLease,
    { url }: WebhookEndpoint,
    event: AuditRecord,
    failure: string,
  ): Promise<false> {
    const { clock, log } = this.#options;
    const { place } = lease;
    const now = clock.now();
    const host = new URL(url).host;
    const triedSince = place.triedSince === 0 ? now : place.triedSince;
    if (now - triedSince >= GIVE_UP_MILLISECONDS) {
      log.error(
        { host, event: event.event, failure },
        'a webhook was given up: those behind it get their turn',
      );
      const detail = { event: event.event, link: event.link };
      lease.passed(event.link ?? place.link);
      return lease.release([
        recordAudit(auditEvent({ at: now, event: 'webhook.given-up', actor: 'system', detail })),
      ]);
    }
    const wait = RETRY_SECONDS[Math.min(place.tries, RETRY_SECONDS.length - 1)] ?? 30;
    log.warn({ host, failure, retrySeconds: wait }, 'a webhook was not taken');
    lease.failed(triedSince, now + wait * 1000);
    return lease.release();
  }
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
