import { setTimeout as pause } from 'node:timers/promises';
import type { Clock, Log } from '../ports.ts';
import { type AuditRecord, recordAudit } from '../store/audit.ts';
import type { Store } from '../store/store.ts';
import { auditEvent } from './event.ts';
import { WebhookCursor, type WebhookLease } from './webhook-cursor.ts';
import { tell, type WebhookEndpoint, wants } from './webhook-endpoint.ts';

/** What a queue works with. */
export interface WebhookPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/** How far behind an endpoint is. */
export interface WebhookLag {
  readonly host: string;
  /** 0 when it was told of everything. */
  readonly seconds: number;
}

const POLL_MILLISECONDS = 1000;
const PAGE_EVENTS = 50;

/** How long a stop waits for the answer to what is on its way. */
const STOP_MILLISECONDS = 5000;

/** Waits between tries of one event; the last one is repeated. */
const RETRY_SECONDS = [1, 5, 15, 30] as const;

/** How long one event is tried before those behind it get their turn. */
const GIVE_UP_MILLISECONDS = 24 * 3_600_000;

/** Tells one endpoint what it has not been told, event by event, whatever becomes of others, for as long as it is not stopped. */
export class WebhookQueue {
  readonly #endpoint: WebhookEndpoint;
  readonly #ports: WebhookPorts;
  /** All of the address that may be shown. */
  readonly #host: string;
  readonly #cursor: WebhookCursor;
  readonly #stop = new AbortController();
  readonly #cutOff = new AbortController();
  readonly #running: Promise<void>;

  constructor(endpoint: WebhookEndpoint, ports: WebhookPorts) {
    this.#endpoint = endpoint;
    this.#ports = ports;
    this.#host = new URL(endpoint.url).host;
    this.#cursor = new WebhookCursor(endpoint.url, ports);
    this.#running = this.#run();
  }

  /** Waits for what is on its way, but not for long, and sends nothing after it. What was cut off is sent again by the next server. */
  async stop(): Promise<void> {
    this.#stop.abort();
    const timer = setTimeout(() => this.#cutOff.abort(), STOP_MILLISECONDS);
    await this.#running.finally(() => clearTimeout(timer));
  }

  /** How long the oldest event that the endpoint has not been told of has waited. */
  async lag(): Promise<WebhookLag> {
    const { store, clock } = this.#ports;
    const place = await this.#cursor.place();
    if (place === null) return { host: this.#host, seconds: 0 };
    // What has no place in the chain yet waits as well.
    const [next] = await store.audit.afterLink(place.link, 1);
    const since = next?.at ?? (await store.audit.waitingSince());
    const seconds = since === null ? 0 : Math.max(0, (clock.now() - since) / 1000);
    return { host: this.#host, seconds };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#tellAll().catch((error: Error) => {
        this.#ports.log.warn({ error: error.message }, 'webhooks could not be looked after');
      });
      await pause(POLL_MILLISECONDS, null, { signal, ref: false }).catch(() => null);
    }
  }

  /** Until there is no more to tell, the endpoint does not answer, or another server has it. */
  async #tellAll(): Promise<void> {
    const place = await this.#cursor.place();
    // To have the endpoint costs two commits: not every second, for nothing.
    if (place !== null && (await this.#ports.store.audit.afterLink(place.link, 1)).length === 0) return;
    const lease = await this.#cursor.take();
    if (lease !== null) while (await this.#tellPage(lease));
  }

  /** @returns whether there may be more to tell, and this server still has the endpoint */
  async #tellPage(lease: WebhookLease): Promise<boolean> {
    const { store } = this.#ports;
    const page = await store.audit.afterLink(lease.place.link, PAGE_EVENTS);
    for (const event of page) {
      if (this.#stop.signal.aborted) break;
      if (!(await lease.keep())) return false;
      const failure = wants(this.#endpoint, event) ? await this.#tell(event) : null;
      if (failure !== null)
        return this.#cutOff.signal.aborted ? lease.release() : this.#putOff(lease, event, failure);
      lease.passed(event.link ?? lease.place.link);
    }
    return page.length === 0 || this.#stop.signal.aborted ? lease.release() : lease.save();
  }

  async #tell(event: AuditRecord): Promise<string | null> {
    const { store, clock } = this.#ports;
    // After a restore the chain has places again that it had before: what is told of them is no repeat.
    const id = `audit_${(await store.cutOff.at()) + (event.link ?? 0)}`;
    return tell(this.#endpoint, event, { id, now: clock.now(), cutOff: this.#cutOff.signal });
  }

  /** What was not taken is tried again later; after a day of that, those behind it get their turn. */
  async #putOff(lease: WebhookLease, event: AuditRecord, failure: string): Promise<false> {
    const { clock, log } = this.#ports;
    const { place } = lease;
    const now = clock.now();
    const triedSince = place.triedSince === 0 ? now : place.triedSince;
    if (now - triedSince >= GIVE_UP_MILLISECONDS) {
      log.error(
        { host: this.#host, event: event.event, failure },
        'a webhook was given up: those behind it get their turn',
      );
      const detail = { event: event.event, link: event.link };
      lease.passed(event.link ?? place.link);
      return lease.release([
        recordAudit(auditEvent({ at: now, event: 'webhook.given-up', actor: 'system', detail })),
      ]);
    }
    const wait = RETRY_SECONDS[Math.min(place.tries, RETRY_SECONDS.length - 1)] ?? 30;
    log.warn({ host: this.#host, failure, retrySeconds: wait }, 'a webhook was not taken');
    lease.failed(triedSince, now + wait * 1000);
    return lease.release();
  }
}
