import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { addressKey } from '../limits/address-key.ts';

describe('the HTTP server', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite', {
      LATCHKEY_MOUNTS: JSON.stringify([
        { contract: 'login' },
        { contract: 'profile' },
        { contract: 'role-picker', prefix: '/old' },
      ]),
      LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1"]',
      LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":3,"seconds":60}',
      LATCHKEY_PUBLIC_URL: 'https://id.example.com',
    });
  });
  afterAll(() => app.stop());

  /** Sends bytes as they are, piece by piece, and gives everything that comes back. */
  function raw(pieces: readonly string[], pauseMilliseconds = 0): Promise<string> {
    return new Promise((resolve) => {
      const { hostname, port } = new URL(app.url);
      const socket = connect(Number(port), hostname, async () => {
        for (const piece of pieces) {
          socket.write(piece);
          if (pauseMilliseconds > 0) await new Promise((next) => setTimeout(next, pauseMilliseconds));
        }
      });
      let answer = '';
      socket.on('data', (data) => {
        answer += data.toString();
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(answer));
      socket.setTimeout(4000, () => socket.destroy());
    });
  }

  test('answers what is nowhere in the shape of the contract with the nearest paths, else in the native one', async () => {
    expect((await app.request('GET', '/old/nothing')).body).toEqual({
      status_code: 404,
      message: 'Not Found',
    });
    expect((await app.request('POST', '/api/v1/auths/nothing')).body).toEqual({
      statusCode: 404,
      message: 'Not found',
    });
    const under = await app.request('GET', '/auth/nothing');
    expect(under.status).toBe(404);
    expect(under.body).toMatchObject({
      error_code: 'not-found',
      message: 'Not Found',
      trace_id: under.headers.get('x-request-id'),
    });
    for (const path of ['/nothing', '/v1/nothing', '/older/nothing', '/']) {
      const answer = await app.request('GET', path);
      expect(answer.status).toBe(404);
      expect(answer.body.error).toMatchObject({
        code: 'not-found',
        requestId: answer.headers.get('x-request-id'),
      });
    }
    for (const path of [
      '/auth/login/',
      '//auth/login',
      '/AUTH/LOGIN',
      '/auth/login;a',
      '/auth%2flogin',
      '/auth/./login/x',
      '/%',
      '/%ff',
    ]) {
      const status = (await app.post(path, {})).status;
      expect([400, 404], path).toContain(status);
    }
  });

  test('of two contracts with paths that are as near, answers in the shape of the one mounted last', async () => {
    const all = await startApp('sqlite');
    const bodyAt = async (path: string) => Object.keys((await all.request('GET', path)).body);
    expect(await bodyAt('/identity/nothing')).toEqual(['message', 'error', 'statusCode']);
    expect(await bodyAt('/accounts/nothing')).toEqual(['message', 'error', 'statusCode']);
    expect(await bodyAt('/api/v1/auths/nothing')).toEqual(['statusCode', 'message']);
    expect(await bodyAt('/api/v1/auth/nothing')).toEqual(['code', 'message']);
    expect(await bodyAt('/auth/nothing')).toEqual(['error_code', 'message', 'trace_id']);
    await all.stop();
  });

  test.each([
    ['a path that cannot be decoded', 'GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close', 404],
    ['one below a contract', 'POST /auth/%ff HTTP/1.1\r\nHost: x\r\nConnection: close', 404],
    [
      'a part of a path that is too long',
      `DELETE /v1/sessions/${'x'.repeat(1400)} HTTP/1.1\r\nHost: x\r\nConnection: close`,
      404,
    ],
    ['a method that is none of ours', 'TRACE /auth/login HTTP/1.1\r\nHost: x\r\nConnection: close', 405],
    ['no host', 'GET /auth/me HTTP/1.1\r\nConnection: close', 400],
    [
      'an expectation that nobody knows',
      'GET /auth/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: the-best',
      401,
    ],
    ['what is no HTTP', 'nonsense', 400],
    ['headers that are too large', `GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(17_000)}`, 431],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked', 400],
    ['a NUL in a header', 'POST /identity/sign-in HTTP/1.1\r\nHost: x\r\nx-fingerprint-id: a\0b', 400],
  ])('says no-store, an id that is in the log, and why, to %s', async (_what, head, status) => {
    const answer = await raw([`${head}\r\n\r\n`]);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toMatch(/^cache-control: no-store\r$/im);
    expect(answer).toMatch(/^x-content-type-options: nosniff\r$/im);
    expect(answer).toMatch(/^content-type: application\/json; charset=utf-8\r$/im);
    const [, id = ''] = /^x-request-id: ([0-9a-f]{16})\r$/im.exec(answer) ?? [];
    expect(answer.slice(answer.indexOf('\r\n\r\n'))).toContain(id);
    expect(id).not.toBe('');
    const logged = app.core.log.lines.filter(
      ({ fields }) => (fields as { requestId?: string }).requestId === id,
    );
    expect(logged).toHaveLength(1);
    expect(logged[0]?.fields).toMatchObject({ status });
  });

  test('an absolute target is found, and its methods', async () => {
    const answer = await raw(['GET http://x/auth/login?a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n']);
    expect(answer).toMatch(/^HTTP\/1\.1 405 /);
    expect(answer).toMatch(/^allow: POST\r$/im);
  });

  test('knows the address behind a trusted proxy, and no address that is made up', async () => {
    const fail = (forwarded: string) =>
      app.post('/auth/login', { username: 'nobody', password: 'whatever' }, { 'x-forwarded-for': forwarded });
    for (let each = 0; each < 3; each += 1)
      expect((await fail(`8.8.8.${each}, 203.0.113.7`)).status).toBe(401);
    expect((await fail('1.1.1.1, 203.0.113.7')).status).toBe(429);
    expect((await fail('203.0.113.8')).status).toBe(401);
    for (let each = 0; each < 3; each += 1) await fail('garbage');
    expect((await fail('other garbage')).status).toBe(429);
  });

  test('counts an IPv6 network and both spellings of IPv4 as one', () => {
    expect(addressKey('::ffff:192.0.2.1')).toBe(addressKey('192.0.2.1'));
    expect(addressKey('2001:db8:0:1::1')).toBe(addressKey('2001:0db8:0000:0001:ffff:ffff:ffff:ffff'));
    expect(addressKey('2001:db8::1')).toBe('2001:db8:0:0::/64');
    expect(addressKey('2001:db8:0:1::1')).not.toBe(addressKey('2001:db8:0:2::1'));
    expect(addressKey('::1')).toBe('0:0:0:0::/64');
    expect(addressKey('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
    expect(addressKey('::ffff:c000:0201')).toBe(addressKey('192.0.2.1'));
  });

  test('never takes a host, scheme or address from a header into what it issues', async () => {
    const person = await app.person();
    const headers = {
      'x-forwarded-host': 'evil.example.com',
      'x-forwarded-proto': 'http',
      'x-forwarded-for': '203.0.113.99',
      forwarded: 'host=evil.example.com',
    };
    const { access_token } = (
      await app.post('/auth/login', { username: person.username, password: person.password }, headers)
    ).body;
    const payload = JSON.parse(Buffer.from(access_token.split('.')[1], 'base64url').toString());
    expect(payload).toMatchObject({ iss: 'https://id.example.com', aud: 'https://id.example.com' });
    expect((await app.request('GET', '/openapi.json', { headers })).body.servers).toEqual([
      { url: 'https://id.example.com' },
    ]);
  });

  test('tells browsers to stay with https where that is where it is reached', async () => {
    expect((await app.request('GET', '/livez')).headers.get('strict-transport-security')).toMatch(
      /max-age=31536000/,
    );
  });

  test('refuses headers over 16 KiB, what is no HTTP, and two lengths', async () => {
    expect(await raw([`GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(17_000)}\r\n\r\n`])).toMatch(
      /^HTTP\/1\.1 431 /,
    );
    expect(await raw(['nonsense\r\n\r\n'])).toMatch(/^HTTP\/1\.1 400 /);
    const smuggled = await raw([
      'POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n',
    ]);
    expect(smuggled).toMatch(/^HTTP\/1\.1 400 /);
    expect(smuggled.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  test('gives up a body without end as soon as it is too large', async () => {
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    const answer = await raw([
      'POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
      chunk,
      chunk,
      chunk,
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test.each([['Content-Length'], ['Transfer-Encoding']])(
    'tells a client that writes all of its body before it reads that it is too large: %s',
    async (framing) => {
      const length = 3 * 1024 * 1024;
      const body = 'x'.repeat(length);
      const lines = framing === 'Content-Length' ? `Content-Length: ${length}` : 'Transfer-Encoding: chunked';
      const framed = framing === 'Content-Length' ? body : `${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      for (let each = 0; each < 10; each += 1)
        expect(
          await writeThenRead(app.url, [
            `POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${lines}\r\n\r\n`,
            framed,
          ]),
        ).toMatch(/^HTTP\/1\.1 413 /);
    },
  );

  test('serves others while somebody sends slowly', async () => {
    const slow = Array.from({ length: 50 }, () =>
      raw(['POST /auth/login HTTP/1.1\r\n', 'Host: x\r\n', 'Content-', 'Type: '], 200),
    );
    const begun = performance.now();
    for (let each = 0; each < 20; each += 1) expect((await app.request('GET', '/livez')).status).toBe(200);
    expect(performance.now() - begun).toBeLessThan(2000);
    await Promise.all(slow);
  });

  test('describes every endpoint of every mount, and shows it on a page without a script', async () => {
    const api = (await app.request('GET', '/openapi.json')).body;
    expect(api.openapi).toBe('3.1.0');
    for (const path of [
      '/auth/login',
      '/api/v1/auths/sign-in',
      '/old/auth/sign-in-verify',
      '/v1/session',
      '/.well-known/jwks.json',
    ])
      expect(api.paths).toHaveProperty([path]);
    for (const [method, path] of routesOf(app)) expect(api.paths, path).toHaveProperty([path, method]);
    expect(api.paths['/v1/revocations'].get.security).toEqual([{ bearer: [] }]);
    const page = await app.request('GET', '/docs');
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.text).toContain('/old/auth/sign-in-verify');
    expect(page.text).not.toMatch(/<script/i);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  test('describes which header is needed, and where a bearer token can stand for the body', async () => {
    const all = await startApp('sqlite');
    const { paths } = (await all.request('GET', '/openapi.json')).body;
    await all.stop();
    for (const path of ['/identity/sign-in', '/identity/recognize-device'])
      expect(paths[path].post.parameters).toMatchObject([{ name: 'x-fingerprint-id', required: true }]);
    const { requestBody, security } = paths['/auth/refresh-token'].post;
    expect(requestBody.required).toBe(false);
    expect(security).toEqual([{}, { bearer: [] }]);
    expect(paths['/auth/login'].post.requestBody.required).toBe(true);
  });

  test('says that it lives and is ready, and that it is not while it drains', async () => {
    const other = await startApp('sqlite');
    expect((await other.request('GET', '/livez')).body).toEqual({ status: 'alive' });
    expect((await other.request('GET', '/readyz')).body).toEqual({ status: 'ready', notReady: [] });
    other.app.drain();
    const draining = await other.request('GET', '/readyz');
    expect(draining.status).toBe(503);
    expect(draining.body).toEqual({ status: 'not ready', notReady: ['draining'] });
    await other.stop();
  });

  test('a connection that says nothing does not hold up the end', async () => {
    const other = await startApp('sqlite');
    const silent = connect(Number(new URL(other.url).port), '127.0.0.1');
    await new Promise((resolve) => silent.once('connect', resolve));
    await other.request('GET', '/livez');
    const closed = new Promise((resolve) => silent.once('close', resolve));
    silent.on('error', () => undefined);
    const stopped = other.stop().then(() => 'stopped');
    const late = new Promise((resolve) => setTimeout(resolve, 8000, 'still waiting'));
    expect(await Promise.race([stopped, late])).toBe('stopped');
    await closed;
  });
});

/** Reads nothing until the head and then the body are written, as simple clients do. Rejects when the writing breaks. */
function writeThenRead(url: string, [head, body]: readonly [string, string]): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(head);
      // By now the server may have answered already.
      setTimeout(() => socket.write(body, () => socket.resume()), 20);
    });
    let answer = '';
    socket.pause();
    socket.on('data', (data) => {
      answer += data.toString();
    });
    socket.on('error', reject);
    socket.on('end', () => resolve(answer));
  });
}

/** What is served, but for the description itself, as the description writes it. */
function routesOf({ app }: TestApp): [string, string][] {
  const above: string[] = [];
  const routes = app.server
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', segment = '', methods] = /^(.*[├└]── )(\S+)(?: \(([A-Z, ]+)\))?/.exec(line) ?? [];
      const depth = indent.length / 4;
      above.splice(Math.max(0, depth - 1), above.length, segment);
      const path = above.join('').replace(/:(\w+)/g, '{$1}');
      const named = methods?.split(', ').filter((method) => method !== 'HEAD') ?? [];
      return named.map((method): [string, string] => [method.toLowerCase(), path]);
    });
  expect(routes.length).toBeGreaterThan(20);
  return routes.filter(([, path]) => !['/openapi.json', '/docs', '/metrics'].includes(path));
}
