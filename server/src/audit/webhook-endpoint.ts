import { Webhook } from 'standardwebhooks';
import { reasonOf } from '../outbound.ts';
import type { AuditRecord } from '../store/audit.ts';

/** Somebody who is told of audit events as they happen. */
export interface WebhookEndpoint {
  readonly url: string;
  /** `whsec_` and the key in base64, as the Standard Webhooks specification has it. */
  readonly secret: string;
  /** Names of events, or beginnings of names that end in `*`. */
  readonly events: readonly string[];
}

const ANSWER_MILLISECONDS = 10_000;

/** Whether an endpoint is to be told of an event. */
export function wants({ events }: WebhookEndpoint, { event: name }: AuditRecord): boolean {
  return events.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name,
  );
}

/**
 * Tells an endpoint of an event, signed by the rules of Standard Webhooks.
 * @param id the same for whatever is a repeat
 * @param cutOff ends the call before there is an answer
 * @returns why it was not taken; null when it was
 */
export async function tell(
  { url, secret }: WebhookEndpoint,
  { link, seal: _seal, event: type, at, ...data }: AuditRecord,
  { id, now, cutOff }: { readonly id: string; readonly now: number; readonly cutOff: AbortSignal },
): Promise<string | null> {
  const body = JSON.stringify({ type, timestamp: new Date(at).toISOString(), data: { ...data, link } });
  const sentAt = new Date(now);
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'error',
      signal: AbortSignal.any([cutOff, AbortSignal.timeout(ANSWER_MILLISECONDS)]),
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
    return reasonOf(error as Error);
  }
}
