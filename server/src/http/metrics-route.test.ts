import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { nginxMissing, startNginx } from '../../testing/nginx.ts';
import { rawRequest, rawSend } from '../../testing/raw-request.ts';

const TOKEN = 'a-token-for-whoever-reads-metrics';

describe('metrics without a token', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite');
  });
  afterAll(() => app.stop());

  test.each(['127.0.0.1', '127.0.0.1:8080', 'localhost:8080', 'LocalHost', '127.1.2.3:9', '[::1]:8080'])(
    'are for this machine: Host %s',
    async (host) => {
      const answer = await rawSend(app.url, 'GET /metrics', [`Host: ${host}`]);
      expect([answer.status, answer.text.includes('latchkey_info{')]).toEqual([200, true]);
    },
  );

  test.each([
    'id.example.com',
    'id.example.com:8080',
    '192.0.2.7',
    'localhost.example.com',
    '127.0.0.1.example.com',
    '127.example.com',
    '[::2]',
  ])('are not for whom a proxy passes on as it came: Host %s', async (host) => {
    const answer = await rawSend(app.url, 'GET /metrics', [`Host: ${host}`]);
    expect([answer.status, answer.body.error.code]).toEqual([401, 'unauthorised']);
  });

  test.each([
    'X-Forwarded-For: 127.0.0.1',
    'X-Forwarded-Host: localhost',
    'X-Forwarded-Proto: https',
    'X-Real-IP: 127.0.0.1',
    'Forwarded: for=127.0.0.1',
    'Via: 1.1 proxy',
  ])('are not for whom a proxy on this machine passes on: %s', async (line) => {
    const answer = await rawSend(app.url, 'GET /metrics', ['Host: 127.0.0.1', line]);
    expect([answer.status, answer.body.error.code]).toEqual([401, 'unauthorised']);
  });

  test('are not for whoever speaks HTTP/1.0, as nginx does when it is told nothing', async () => {
    const answer = await rawRequest(app.url, 'GET /metrics HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n');
    expect(answer.status).toBe(401);
  });

  test.skipIf(nginxMissing() !== null)('are not for whom a real nginx passes on', async () => {
    const nginx = await startNginx(`
      location / { proxy_pass ${app.url}; }
      location /named/ { proxy_pass ${app.url}/; proxy_http_version 1.1; proxy_set_header Host $http_host; }`);
    for (const [path, host] of [
      ['/metrics', 'id.example.com'],
      ['/metrics', '127.0.0.1'],
      ['/named/metrics', 'id.example.com'],
    ])
      expect((await rawSend(nginx.url, `GET ${path}`, [`Host: ${host}`])).status, `${path} ${host}`).toBe(
        401,
      );
    await nginx.stop();
  });
});

test.each(['[]', '["127.0.0.1"]'])(
  'metrics with a token are for whoever shows it too, and for nobody else: trusted proxies %s',
  async (proxies) => {
    const app = await startApp('sqlite', {
      LATCHKEY_METRICS_TOKEN: TOKEN,
      LATCHKEY_TRUSTED_PROXIES: proxies,
    });
    const read = (headers: Record<string, string>) => app.request('GET', '/metrics', { headers });
    const shown = { authorization: `Bearer ${TOKEN}` };
    expect((await read({})).status).toBe(200);
    for (const from of [{ 'x-forwarded-for': '203.0.113.7' }, { forwarded: 'for=203.0.113.7' }]) {
      expect((await read({ ...from, ...shown })).status).toBe(200);
      expect((await read(from)).status).toBe(401);
      for (const other of [`Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, TOKEN, 'Bearer', `Basic ${TOKEN}`])
        expect((await read({ ...from, authorization: other })).status, other).toBe(401);
    }
    await app.stop();
  },
);
