import fc from 'fast-check';

/** What is done to the bytes of a request on their way, or what stands in their place. */
export type Harm =
  | { readonly kind: 'whole'; readonly text: string }
  | { readonly kind: 'put'; readonly at: number; readonly text: string }
  | { readonly kind: 'drop'; readonly at: number; readonly length: number }
  | { readonly kind: 'flip'; readonly at: number; readonly mask: number }
  | { readonly kind: 'end'; readonly at: number }
  | { readonly kind: 'line'; readonly text: string };

const LINES = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding:\x0bchunked',
  'Content-Length: 5',
  'Content-Length: -1',
  'Content-Length: +5',
  'Content-Length: 0x5',
  'Content-Length: 99999999999999999999',
  'Content-Length: 5, 5',
  'Content-Type: application/json',
  'Authorization: Bearer a',
  'Host: evil.example.net',
  'Host:',
  'Connection: Content-Length, X-Forwarded-For',
  'Connection: upgrade\r\nUpgrade: websocket',
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__',
  'Expect: 100-continue',
  'X-HTTP-Method-Override: DELETE',
  ' folded: yes',
  'A: b\r\n c: d',
  'A\0: b',
  'A: \0',
  ': b',
  'no colon',
  '\x80\xff: \xff',
  'Trailer: Authorization',
  `X: ${'a'.repeat(20_000)}`,
  Array.from({ length: 1500 }, (_, index) => `h${index}: v`).join('\r\n'),
];

const WHOLES = [
  '',
  '\r\n\r\n\r\n',
  'GET\r\n\r\n',
  'GET /livez\r\n\r\n',
  'GET /livez HTTP/0.9\r\n\r\n',
  'GET /livez HTTP/1.0\r\n\r\n',
  'GET /livez HTTP/1.1\n\n',
  'GET /livez HTTP/1.1\r\r\n\r\n',
  'GET /livez HTTP/3.7\r\nHost: a\r\n\r\n',
  'GET * HTTP/1.1\r\nHost: a\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n',
  'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'get /livez HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET http://evil.example.net/livez HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET \\livez HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET //evil.example.net/%2f.. HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /\x80\xff HTTP/1.1\r\nHost: a\r\n\r\n',
  `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  'POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}',
  'POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n',
  'POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2;a="b\r\n"\r\n{}\r\n0\r\n\r\n',
  'POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer a\r\n\r\n',
  'POST /auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
];

const at = fc.nat({ max: 4000 });

/** One harm, or several. */
export const harms: fc.Arbitrary<Harm[]> = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(...WHOLES).map((text): Harm[] => [{ kind: 'whole', text }]) },
  {
    weight: 1,
    arbitrary: fc
      .uint8Array({ maxLength: 300 })
      .map((bytes): Harm[] => [{ kind: 'whole', text: Buffer.from(bytes).toString('latin1') }]),
  },
  {
    weight: 6,
    arbitrary: fc.array(
      fc.oneof(
        fc.constantFrom(...LINES).map((text): Harm => ({ kind: 'line', text })),
        fc
          .tuple(at, fc.constantFrom('\r\n', '\n', '\r', '\0', ' ', '\t', '\x80', '%', '\r\n\r\n', '"', '{'))
          .map(([at, text]): Harm => ({ kind: 'put', at, text })),
        fc
          .tuple(at, fc.integer({ min: 1, max: 40 }))
          .map(([at, length]): Harm => ({ kind: 'drop', at, length })),
        fc
          .tuple(at, fc.integer({ min: 1, max: 255 }))
          .map(([at, mask]): Harm => ({ kind: 'flip', at, mask })),
        at.map((at): Harm => ({ kind: 'end', at })),
      ),
      { minLength: 1, maxLength: 4 },
    ),
  },
);

/** Does it. Places are counted round the end. */
export function harmed(bytes: Buffer, all: readonly Harm[]): Buffer {
  return all.reduce<Buffer>(harmedOnce, bytes);
}

function harmedOnce(bytes: Buffer, harm: Harm): Buffer {
  if (harm.kind === 'whole') return Buffer.from(harm.text, 'latin1');
  if (harm.kind === 'line') {
    const end = bytes.indexOf('\r\n') + 2;
    return Buffer.concat([
      bytes.subarray(0, end),
      Buffer.from(`${harm.text}\r\n`, 'latin1'),
      bytes.subarray(end),
    ]);
  }
  const place = harm.at % Math.max(1, bytes.length);
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)];
  if (harm.kind === 'put') return Buffer.concat([before, Buffer.from(harm.text, 'latin1'), after]);
  if (harm.kind === 'drop') return Buffer.concat([before, after.subarray(harm.length)]);
  if (harm.kind === 'end') return before;
  const flipped = Buffer.from(bytes);
  if (flipped.length > 0) flipped[place] = (flipped[place] ?? 0) ^ harm.mask;
  return flipped;
}
