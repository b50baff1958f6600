import { Webhook } from 'standardwebhooks';
import { secretHash } from '../crypto/vault.ts';
import type { Clock, Log } from '../ports.ts';
import { type AuditRecord, recordAudit } from '../store/audit.ts';
import { replaceFact, stateFact } from '../store/facts.ts';
import type { Store } from '../store/store.ts';
import { auditEvent } from './event.ts';

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

/** How long one server has an endpoint to itself: one that died gives it back. */
const LEASE_MILLISECONDS = 30_000;

/** Waits between tries of one event; the last one is repeated. */
const RETRY_SECONDS = [1, 5, 15, 30] as const;

/** How long one event is tried before those behind it get their turn. */
const GIVE_UP_MILLISECONDS = 24 * 3_600_000;

/** How far an endpoint has been told, kept as a fact. */
interface Cursor {
  readonly link: number;
  readonly leasedUntil: number;
  /** When the event after `link` was tried first, and how often; 0 before. */
  readonly triedSince: number;
  readonly tries: number;
  readonly nextTryAt: number;
}

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

  /** Tells one endpoint what it has not been told, until there is no more, or it does not answer. */
  async #serve(endpoint: WebhookEndpoint): Promise<void> {
    const { store, clock } = this.#options;
    const name = `webhook ${secretHash(endpoint.url)}`;
    const known = await store.facts.value(name);
    const cursor = known === null ? await this.#begin() : (JSON.parse(known) as Cursor);
    const now = clock.now();
    if (cursor.leasedUntil > now || cursor.nextTryAt > now) return;
    let held = JSON.stringify({ ...cursor, leasedUntil: now + LEASE_MILLISECONDS });
    const claim = known === null ? stateFact(name, held) : replaceFact(name, known, held);
    if (!(await store.commit([claim])).ok) return;

    let told: Cursor = cursor;
    for (let page = await store.audit.afterLink(told.link, PAGE_EVENTS); page.length > 0; ) {
      for (const event of page) {
        if (this.#stopped) return this.#release(name, held, told);
        const wanted = endpoint.events.some((pattern) => matches(pattern, event.event));
        const failure = wanted ? await this.#tell(endpoint, event) : null;
        if (failure !== null) {
          const later = this.#afterFailure(endpoint, event, told, failure);
          return this.#release(name, held, later.cursor, later.givenUp);
        }
        told = { ...told, link: event.link ?? told.link, triedSince: 0, tries: 0, nextTryAt: 0 };
      }
      const next = JSON.stringify({ ...told, leasedUntil: clock.now() + LEASE_MILLISECONDS });
      if (!(await store.commit([replaceFact(name, held, next)])).ok) return;
      held = next;
      page = await store.audit.afterLink(told.link, PAGE_EVENTS);
    }
    await this.#release(name, held, told);
  }

  /** A new endpoint is told what is written from now on. */
  async #begin(): Promise<Cursor> {
    const last = await this.#options.store.audit.last();
    return { link: last?.link ?? 0, leasedUntil: 0, triedSince: 0, tries: 0, nextTryAt: 0 };
  }

  async #release(name: string, held: string, cursor: Cursor, givenUp?: AuditRecord): Promise<void> {
    const { store, clock } = this.#options;
    const detail = givenUp && { event: givenUp.event, link: givenUp.link };
    const audit = detail
      ? [recordAudit(auditEvent({ at: clock.now(), event: 'webhook.given-up', actor: 'system', detail }))]
      : [];
    await store.commit([replaceFact(name, held, JSON.stringify({ ...cursor, leasedUntil: 0 })), ...audit]);
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

  #afterFailure(
    { url }: WebhookEndpoint,
    event: AuditRecord,
    told: Cursor,
    failure: string,
  ): { cursor: Cursor; givenUp?: AuditRecord } {
    const { clock, log } = this.#options;
    const now = clock.now();
    const host = new URL(url).host;
    const triedSince = told.triedSince === 0 ? now : told.triedSince;
    if (now - triedSince >= GIVE_UP_MILLISECONDS) {
      log.error(
        { host, event: event.event, failure },
        'a webhook was given up: those behind it get their turn',
      );
      return {
        cursor: { ...told, link: event.link ?? told.link, triedSince: 0, tries: 0, nextTryAt: 0 },
        givenUp: event,
      };
    }
    const wait = RETRY_SECONDS[Math.min(told.tries, RETRY_SECONDS.length - 1)] ?? 30;
    log.warn({ host, failure, retrySeconds: wait }, 'a webhook was not taken');
    return { cursor: { ...told, triedSince, tries: told.tries + 1, nextTryAt: now + wait * 1000 } };
  }
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
