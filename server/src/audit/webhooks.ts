import type { WebhookEndpoint } from './webhook-endpoint.ts';
import { type WebhookLag, type WebhookPorts, WebhookQueue } from './webhook-queue.ts';

/** What tells them. */
export interface WebhooksOptions extends WebhookPorts {
  readonly endpoints: readonly WebhookEndpoint[];
}

/**
 * Tells endpoints of audit events, signed, in the order of the chain, each at least once. The audit log is the outbox: an
 * event is committed with what it tells, and each endpoint has a place in the log up to which it has been told, so that being
 * told costs a sign-in nothing, and nothing is lost that was written. An endpoint that is new is told from then on. Each has
 * a queue of its own: one that is slow or away holds up nobody else.
 */
export class Webhooks {
  readonly #queues: readonly WebhookQueue[];

  constructor({ endpoints, ...ports }: WebhooksOptions) {
    this.#queues = endpoints.map((endpoint) => new WebhookQueue(endpoint, ports));
  }

  /** How far behind each of them is, in the order of the configuration. */
  lags(): Promise<WebhookLag[]> {
    return Promise.all(this.#queues.map((queue) => queue.lag()));
  }

  /** Waits for what is on its way, but not for long, and sends nothing after it. */
  async stop(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.stop()));
  }
}
