import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { DOORS } from '../../testing/doors.ts';
import { type RawAnswer, rawRequest, rawSend } from '../../testing/raw-request.ts';
import { headersOf, ROUTES, type Route, routesServed } from '../../testing/routes.ts';

const EVIL = 'https://evil.example.net';

/** Every way in which somebody could say another method than that of the request. */
const overrides = (method: string): readonly (readonly string[])[] => [
  [`X-HTTP-Method-Override: ${method}`],
  [`X-HTTP-Method: ${method}`],
  [`X-Method-Override: ${method}`],
  [`Method: ${method}`, `_method: ${method}`],
];

/** Other spellings of a path. A proxy in front may read each of them as the path itself. */
const spellings = (path: string): readonly string[] => [
  `/${path}`,
  `${path}/`,
  `${path}//`,
  `${path};a=b`,
  `${path}.json`,
  `${path}%20`,
  `${path}%00`,
  `${path}%2f`,
  `${path}%23`,
  `/.${path}`,
  `/x/..${path}`,
  `${path}/.`,
  `${path}/../${path.split('/').at(-1)}`,
  path.replace(/\/(?=[^/]*$)/, '%2f'),
  path.replace(/\/(?=[^/]*$)/, '\\'),
  path.replace(/\/(?=[^/]*$)/, '//'),
  path.toUpperCase(),
  path.replace(/[a-z](?=[^a-z]*$)/, (letter) => letter.toUpperCase()),
];

/** Lines after which two readers could disagree where the request ends. */
const FRAMINGS: readonly (readonly [string, readonly string[]])[] = [
  ['a length and chunks', ['Content-Length: 4', 'Transfer-Encoding: chunked']],
  ['chunks and a length', ['Transfer-Encoding: chunked', 'Content-Length: 4']],
  ['two lengths', ['Content-Length: 4', 'Content-Length: 90']],
  ['two lengths in one line', ['Content-Length: 4, 90']],
  ['a signed length', ['Content-Length: +4']],
  ['a negative length', ['Content-Length: -4']],
  ['a length in hexadecimal', ['Content-Length: 0x4']],
  ['a length beyond 64 bits', ['Content-Length: 18446744073709551620']],
  ['a length with a space before the colon', ['Content-Length : 4']],
  ['chunks with a space before the colon', ['Transfer-Encoding : chunked']],
  ['an unknown coding', ['Transfer-Encoding: xchunked']],
  ['chunks that are not last', ['Transfer-Encoding: chunked, identity']],
  ['chunks twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity']],
  ['chunks behind a vertical tab', ['Transfer-Encoding: \x0bchunked']],
  ['a folded line', ['Transfer-Encoding:\r\n chunked']],
  ['a line that ends in LF alone', ['A: b\nTransfer-Encoding: chunked']],
  ['a CR inside a line', ['A: b\rTransfer-Encoding: chunked']],
  ['a NUL in a name', ['Transfer-Encoding\0: chunked']],
  ['a line without a colon', ['Transfer-Encoding chunked']],
];

/** Bodies in chunks that a lenient reader would end elsewhere. */
const CHUNKS: readonly (readonly [string, string])[] = [
  ['a size that is none', 'zz\r\n'],
  ['a signed size', '+4\r\nabcd\r\n0\r\n\r\n'],
  ['a size in C’s hexadecimal', '0x4\r\nabcd\r\n0\r\n\r\n'],
  ['a size beyond 64 bits', '10000000000000004\r\nabcd\r\n0\r\n\r\n'],
  ['lines that end in LF alone', '4\nabcd\n0\n\n'],
  ['an extension with a LF in it', '4;a\nb\r\nabcd\r\n0\r\n\r\n'],
  ['more than the size says', '4\r\nabcdef\r\n0\r\n\r\n'],
];

/** The methods that a path has by the list of routes: `:id` in one stands for anything. */
const methodsAt = (path: string): string[] =>
  ROUTES.filter(({ endpoint }) => new RegExp(`^${endpoint.path.replace(/:\w+/g, '[^/]+')}$`).test(path)).map(
    ({ method }) => method,
  );

const SMUGGLED = 'GET /v1/smuggled HTTP/1.1\r\nHost: x\r\nX: y\r\n\r\n';

// That a proxy in front, what guards a route, and the route itself read one request in one way.
describe('HT-6', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite', { LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
  });
  afterAll(() => app.stop());

  const linesOf = (route: Route) => [
    ...Object.entries(headersOf(route)).map(([name, value]) => `${name}: ${value}`),
    ...(route.hasBody ? ['Content-Type: application/json'] : []),
  ];
  const bodyOf = (route: Route) => (route.hasBody ? JSON.stringify(route.shapes[0]?.body ?? {}) : '');
  const send = (route: Route, method: string, path: string, lines: readonly string[] = []) =>
    rawSend(app.url, `${method} ${path}`, [...linesOf(route), ...lines], bodyOf(route));
  const grants = ({ head }: RawAnswer) => /^access-control-[a-z-]+:.*$/im.exec(head)?.[0];

  test.each(ROUTES)('no page of another origin may read or call $name', async (route) => {
    for (const origin of [EVIL, 'null', app.url, `${app.url}.evil.example.net`, '*'])
      for (const method of [route.method, 'OPTIONS']) {
        const lines = [
          `Origin: ${origin}`,
          `Access-Control-Request-Method: ${route.method}`,
          'Access-Control-Request-Headers: authorization, content-type',
          'Access-Control-Request-Private-Network: true',
        ];
        const answer = await send(route, method, route.path, lines);
        expect(grants(answer), answer.head).toBeUndefined();
        if (method === 'OPTIONS') expect(answer.status).toBe(405);
      }
  });

  test('a page of any origin may read the public keys, without credentials, and nothing else of the system’s', async () => {
    const names = routesServed(app).filter((name) => !ROUTES.some((route) => route.name === name));
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) {
      const granted = grants(await rawSend(app.url, name, [`Origin: ${EVIL}`]));
      expect(granted, name).toBe(
        name === 'GET /.well-known/jwks.json' ? 'access-control-allow-origin: *' : undefined,
      );
    }
  });

  test.each(ROUTES)('another method than its own does nothing at $name', async (route) => {
    const others = ['TRACE', 'PUT', 'PATCH', 'DELETE', 'GET', 'POST', 'PROPFIND', 'M-SEARCH', 'PURGE'].filter(
      (method) => !methodsAt(route.path).includes(method),
    );
    for (const method of others) {
      const answer = await send(route, method, route.path, ['X-Echo: evil']);
      expect(answer.status, method).toBe(405);
      expect(answer.head).toMatch(new RegExp(`^allow: .*\\b${route.method}\\b`, 'im'));
      expect(answer.text).not.toContain('evil');
    }
    for (const types of [
      [],
      ['Content-Type: x'],
      ['Content-Type: text/plain'],
      ['Content-Type: application/json'],
    ])
      for (const method of ['QUERY', 'PUT'])
        for (const body of ['', '{', 'x'.repeat(17 * 1024)]) {
          const answer = await rawSend(app.url, `${method} ${route.path}`, types, body);
          expect(answer.status, `${method} ${types}`).toBe(405);
          expect(answer.head).toMatch(new RegExp(`^allow: .*\\b${route.method}\\b`, 'im'));
        }
    for (const method of ['post', 'Get', 'CONNECT', 'HELLO', 'GET\t'])
      expect((await send(route, method, route.path)).status, method).toBeOneOf([0, 400, 404, 405]);
  });

  test.each(ROUTES)('no header, query or member makes another method of the one of $name', async (route) => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE'].filter(
      (each) => !methodsAt(route.path).includes(each),
    ))
      for (const lines of overrides(route.method))
        expect((await send(route, method, `${route.path}?_method=${route.method}`, lines)).status).toBe(405);
  });

  test.each(ROUTES)('no other spelling of its path is $name', async (route) => {
    for (const path of spellings(route.path).filter((each) => methodsAt(each).length === 0)) {
      const { status } = await send(route, route.method, path);
      expect(status, path).toBeOneOf([400, 404]);
    }
  });

  test.each(DOORS)('no other spelling of its path signs in: $contract', async (door) => {
    const person = await app.person();
    const lines = Object.entries({ 'content-type': 'application/json', ...door.headers }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    const body = JSON.stringify(door.body(person));
    for (const path of spellings(door.path))
      expect((await rawSend(app.url, `POST ${path}`, lines, body)).status, path).toBeOneOf([400, 404]);
    const right = await rawSend(app.url, `POST ${door.path}`, lines, body);
    expect(door.isSignedIn({ ...right, headers: new Headers() })).toBe(true);
  });

  test.each(ROUTES)('of two hosts, neither is taken at $name', async (route) => {
    for (const hosts of [
      ['Host: x', 'Host: evil.example.net'],
      ['Host: x', 'host: x'],
    ])
      expect((await send(route, route.method, route.path, hosts)).status).toBe(400);
  });

  test('what ends in two places at once is refused, and what follows it is not read', async () => {
    for (const { method, path } of ROUTES)
      for (const [what, lines] of FRAMINGS) {
        const head = [`${method} ${path} HTTP/1.1`, 'Host: x', 'Content-Type: application/json', ...lines];
        const before = app.core.log.lines.length;
        for (const between of ['', '0\r\n\r\n']) {
          const bytes = `${head.join('\r\n')}\r\n\r\n${between}${SMUGGLED}`;
          expectOneRefusal(await rawRequest(app.url, bytes), what);
        }
        // Neither was it carried out without an answer.
        const statuses = app.core.log.lines
          .slice(before)
          .map(({ fields }) => (fields as { status?: number }).status);
        expect(statuses, what).not.toContain(404);
      }
  }, 120_000);

  test.each(CHUNKS)('chunks with %s are refused, and what follows them is not read', async (what, chunks) => {
    for (const { method, path } of ROUTES.filter(({ hasBody }) => hasBody)) {
      const head = [`${method} ${path} HTTP/1.1`, 'Host: x', 'Content-Type: application/json'];
      const bytes = `${[...head, 'Transfer-Encoding: chunked'].join('\r\n')}\r\n\r\n${chunks}${SMUGGLED}`;
      expectOneRefusal(await rawRequest(app.url, bytes), what);
    }
  });

  test.each(ROUTES)('a body is never the next request, whether or not it is read: $name', async (route) => {
    const lines = ['Connection: keep-alive', `Content-Length: ${SMUGGLED.length}`];
    const head = [`${route.method} ${route.path} HTTP/1.1`, 'Host: x', ...linesOf(route), ...lines];
    const last = 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const { text } = await rawRequest(app.url, `${head.join('\r\n')}\r\n\r\n${SMUGGLED}${last}`);
    expect(text).not.toContain('smuggled');
    expect(text.match(/HTTP\/1\.1 \d{3} /g)?.length, text).toBeOneOf([1, 2]);
    expect(text).not.toMatch(/HTTP\/1\.1 404 [\s\S]*HTTP\/1\.1 404 /);
  });

  test('what asks for another protocol is answered in this one', async () => {
    for (const lines of [
      [
        'Connection: close, upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Key: eA==',
        'Sec-WebSocket-Version: 13',
      ],
      ['Connection: close, Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'],
    ]) {
      const head = ['GET /livez HTTP/1.1', 'Host: x', ...lines];
      const answer = await rawRequest(app.url, `${head.join('\r\n')}\r\n\r\n`);
      expect(answer.status).toBe(200);
      expect(answer.head).not.toMatch(/^upgrade:/im);
    }
  });
});

function expectOneRefusal({ text, head }: RawAnswer, what: string): void {
  expect(text.match(/HTTP\/1\.1 \d{3} /g)?.length, `${what}: ${text}`).toBe(1);
  expect(text, what).toMatch(/^HTTP\/1\.1 400 /);
  expect(head, what).toMatch(/^connection: close$/im);
}
