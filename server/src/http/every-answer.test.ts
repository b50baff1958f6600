import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { type RawAnswer, rawRequest, rawSend } from '../../testing/raw-request.ts';
import { runRawSql } from '../../testing/raw-sql.ts';
import { headersOf, ROUTES, routesServed } from '../../testing/routes.ts';

const YEAR_SECONDS = 31_536_000;
const ROUTES_OVER_HTTP = 12;

/** What stands on every answer, once, and how. */
const EVERYWHERE: Readonly<Record<string, RegExp>> = {
  'cache-control': /^no-store$/,
  'content-security-policy':
    /^default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'$/,
  'cross-origin-opener-policy': /^same-origin$/,
  'cross-origin-resource-policy': /^same-origin$/,
  'referrer-policy': /^no-referrer$/,
  'x-content-type-options': /^nosniff$/,
  'x-request-id': /^[0-9a-f]{16}$/,
};

/** Where something else stands on the right answer, and why it may. */
const ELSEWISE: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  // Public keys, which verifiers keep and pages of any origin may read.
  'GET /.well-known/jwks.json': {
    'cache-control': /^public, max-age=\d+$/,
    'cross-origin-resource-policy': /^cross-origin$/,
    'access-control-allow-origin': /^\*$/,
  },
  // A page: with the one style sheet that stands in it.
  'GET /docs': {
    'content-security-policy':
      /^default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'$/,
  },
};

/** What no answer says: who made it, and anything that a browser would keep, follow or share. */
const NOWHERE =
  /^(server|x-powered-by|via|set-cookie|location|refresh|link|access-control-[a-z-]+|x-xss-protection|etag):/im;

/** What nearly every command needs is gone. */
const BREAK = [
  'accounts',
  'identifiers',
  'attempts',
  'installations',
  'tickets',
  'sessions',
  'resource_codes',
]
  .map((table) => `ALTER TABLE ${table} RENAME TO ${table}_that_was;`)
  .join('');

function valuesOf(head: string, name: string): string[] {
  return [...head.matchAll(new RegExp(`^${name}: (.*)$`, 'gim'))].map(([, value = '']) => value.trim());
}

function expectHeaders({ head, status, text }: RawAnswer, isHttps: boolean, name = ''): void {
  const about = `${name} ${head}`;
  const allowed = status < 300 ? (ELSEWISE[name] ?? {}) : {};
  for (const [header, value] of Object.entries({ ...EVERYWHERE, ...allowed })) {
    const given = valuesOf(head, header);
    expect(given, `${header} of ${about}`).toHaveLength(1);
    expect(given[0], `${header} of ${about}`).toMatch(value);
  }
  const transport = valuesOf(head, 'strict-transport-security');
  if (isHttps) {
    expect(transport, about).toHaveLength(1);
    expect(Number(/max-age=(\d+)/.exec(transport[0] ?? '')?.[1]), about).toBeGreaterThanOrEqual(YEAR_SECONDS);
  } else expect(transport, about).toEqual([]);
  const others = head
    .split('\r\n')
    .filter((line) => !Object.keys(allowed).some((header) => line.toLowerCase().startsWith(`${header}:`)));
  expect(others.join('\r\n'), about).not.toMatch(NOWHERE);
  const hasBody = text.length > head.length + 4;
  const types = valuesOf(head, 'content-type');
  if (hasBody) expect(types, about).toHaveLength(1);
  if (hasBody && status >= 400) expect(types[0], about).toMatch(/^application\/json; charset=utf-8$/);
}

// Made from the routes that the server has: one that is added is held to it by itself.
describe.each([
  ['https', 'https://id.example.com'],
  ['http', 'http://id.example.com'],
])('HT-1: over %s', (scheme, publicUrl) => {
  const isHttps = scheme === 'https';
  let app: TestApp;
  const seen = new Map<string, Set<number>>();
  beforeAll(async () => {
    app = await startApp('sqlite', {
      LATCHKEY_PUBLIC_URL: publicUrl,
      LATCHKEY_SIGN_IN_MAX_FAILURES: '1',
    });
  });
  afterAll(() => app.stop());

  const known = (name: string) => ROUTES.find((route) => route.name === name);

  /** The header lines and the bodies that lead a route to its different answers. */
  function waysTo(name: string): (readonly [string, readonly string[], string])[] {
    const route = known(name);
    const [method = '', path = ''] = (route ? `${route.method} ${route.path}` : name).split(' ');
    const lines = route
      ? Object.entries(headersOf(route)).map(([header, value]) => `${header}: ${value}`)
      : [];
    const json = [...lines, 'Content-Type: application/json'];
    const right = JSON.stringify(route?.shapes[0]?.body ?? {});
    return [
      [`${method} ${path}`, lines, ''],
      [`${method} ${path}`, json, right],
      [`${method} ${path}`, [], ''],
      [`${method} ${path}`, ['Content-Type: text/plain'], right],
      [`${method} ${path}`, json, '{'],
      [`${method} ${path}`, json, JSON.stringify({ more: 'x'.repeat(17_000) })],
      [`${method} ${path}?a=%ff`, [...json, 'X-Forwarded-For: a', 'Origin: https://evil.example.net'], right],
      ...['HEAD', 'OPTIONS', 'TRACE', 'PUT', 'PATCH', 'PROPFIND'].map((other): [string, string[], string] => [
        `${other} ${path}`,
        json,
        '',
      ]),
      [`${method} ${path}/`, json, right],
      [`${method} ${path}%2f`, json, right],
      [`${method} /${path}`, json, right],
      [`${method} ${path}/%ff`, json, right],
    ];
  }

  async function askEverything(): Promise<void> {
    // Over http there is one header less, which a few routes show.
    for (const name of isHttps ? routesServed(app) : routesServed(app).slice(0, ROUTES_OVER_HTTP))
      for (const [target, lines, body] of waysTo(name)) {
        const answer = await rawSend(app.url, target, lines, body);
        expect(answer.status, `${target} ${body.slice(0, 40)}`).toBeGreaterThan(0);
        expectHeaders(answer, isHttps, target.startsWith('HEAD') ? name : target.split('?')[0]);
        seen.set(name, (seen.get(name) ?? new Set()).add(answer.status));
      }
  }

  test('every route has every header on every answer', { timeout: 60_000 }, async () => {
    await askEverything();
    for (const [name, statuses] of seen)
      expect([...statuses], name).toEqual(expect.arrayContaining([404, 405]));
    const all = new Set([...seen.values()].flatMap((statuses) => [...statuses]));
    for (const status of [400, 401, 404, 405, 413, 415, ...(isHttps ? [200, 422, 429] : [])])
      expect([...all]).toContain(status);
  });

  test.each([
    ['no request', 'nonsense\r\n\r\n', 400],
    ['no host', 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['headers that are too large', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`, 431],
    ['a path that is too long', `GET /${'x'.repeat(17_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    ['a path of no characters', 'GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
  ])('what never reaches a route has them too: %s', async (_what, bytes, status) => {
    const answer = await rawRequest(app.url, bytes);
    expect(answer.status).toBe(status);
    expectHeaders(answer, isHttps);
  });

  test('and so has what fails inside', { timeout: 60_000 }, async () => {
    await runRawSql(app.core.config.store.url, BREAK);
    seen.clear();
    await askEverything();
    const failed = [...seen].filter(([, statuses]) => statuses.has(500));
    expect(failed.length).toBeGreaterThan(seen.size / 5);
  });
});
