/** An answer as a load client reads it. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  /** Seconds after which a client may come again, where it was told. */
  readonly retryAfterSeconds: number | null;
}

/**
 * Reads an answer once all of it has come, else gives null. It knows no more of HTTP than servers write that are measured:
 * a body with a Content-Length, or in chunks.
 */
export function wholeAnswer(received: string): HttpAnswer | null {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = received.slice(0, end + 2);
  const body = bodyOf(head, received.slice(end + 4));
  if (body === null) return null;
  const retryAfter = /\r\nretry-after: (\d+)/i.exec(head)?.[1];
  return {
    status: Number(head.slice(9, 12)),
    body,
    retryAfterSeconds: retryAfter === undefined ? null : Number(retryAfter),
  };
}

function bodyOf(head: string, rest: string): string | null {
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length !== undefined) return rest.length < Number(length) ? null : rest.slice(0, Number(length));
  return /\r\ntransfer-encoding: chunked/i.test(head) ? chunksOf(rest) : '';
}

function chunksOf(rest: string): string | null {
  if (!rest.endsWith('0\r\n\r\n')) return null;
  let body = '';
  for (let at = 0; ; ) {
    const line = rest.indexOf('\r\n', at);
    const size = Number.parseInt(rest.slice(at, line), 16);
    if (line < 0 || Number.isNaN(size) || line + 4 + size > rest.length) return null;
    if (size === 0) return body;
    body += rest.slice(line + 2, line + 2 + size);
    at = line + 4 + size;
  }
}
