import type { WireAnswer } from './connection.ts';

/** What must not be in any answer; null when there is nothing of it. */
export function whatIsWrong({ status, head, body }: WireAnswer): string | null {
  // It says when to come back: that is how limits answer.
  if (status === 503 && /^retry-after: \d+$/im.test(head)) return null;
  if (status >= 500 || status < 200) return `answered ${status}`;
  if (!/^x-request-id: [0-9a-f]{16}$/im.test(head)) return 'no request id';
  if (!/^x-content-type-options: nosniff$/im.test(head)) return 'not every header';
  if (/^content-type: application\/json/im.test(head) && body !== '' && parsed(body) === undefined)
    return 'no JSON';
  return null;
}

/** What a text says as JSON; undefined when it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
