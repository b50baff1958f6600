import { memberOf, type Reply, textOf } from './connection.ts';
import { TryLaterError, UnexpectedReplyError } from './errors.ts';
import type { NotDone, RefusalReason } from './results.ts';

/** 502 and 504 are said by what stands in front of a server that is away. */
const UNAVAILABLE = new Set([502, 503, 504]);

/**
 * An answer that is no success, as a value.
 * @param reasonOf reads the reason in the words of whoever answered
 * @throws UnexpectedReplyError when it is none that is foreseen
 */
export function notDone(reply: Reply, reasonOf: (reply: Reply) => RefusalReason | null): NotDone {
  const { operation, status, body, retryAfterSeconds } = reply;
  const message = messageOf(body);
  if (status === 429) return { kind: 'throttled', retryAfterSeconds, message };
  if (UNAVAILABLE.has(status)) return { kind: 'unavailable', retryAfterSeconds, message };
  const reason = status >= 400 && status < 500 ? reasonOf(reply) : null;
  if (reason === null) throw new UnexpectedReplyError(operation, status, body);
  return { kind: 'refused', reason, status, message, body };
}

/** An answer that is no success, to a call that has no words for it. */
export function failureOf({ operation, status, body, retryAfterSeconds }: Reply): Error {
  return status === 429 || UNAVAILABLE.has(status)
    ? new TryLaterError(status, retryAfterSeconds)
    : new UnexpectedReplyError(operation, status, body);
}

function messageOf(body: unknown): string {
  return textOf(body, 'message') || textOf(memberOf(body, 'error'), 'message');
}

const NATIVE_REASONS: Readonly<Record<string, RefusalReason>> = {
  'bad-request': 'invalid-input',
  'invalid-code': 'invalid-code',
  'invalid-ticket': 'invalid-ticket',
  'account-refused': 'account-refused',
  'no-such-role': 'no-such-role',
};

/** Why an endpoint below `/v1` says no. */
export function nativeReason({ body }: Reply): RefusalReason | null {
  return NATIVE_REASONS[textOf(memberOf(body, 'error'), 'code')] ?? null;
}
