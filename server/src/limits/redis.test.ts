import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { makeWorkplace } from '../../testing/process.ts';
import { redisMissing, startRedis, type TestRedis } from '../../testing/redis.ts';
import type { RemoteServer } from '../../testing/remote.ts';
import { startSecondServer } from '../../testing/second-server.ts';

const LIMIT = 20;
const missing = redisMissing();
if (missing !== null) throw new Error(missing);

// Two servers on one Redis, which goes away and comes back.
describe('limits on Redis', () => {
  let redis: TestRedis;
  let app: TestApp;
  let second: RemoteServer & { stop(): Promise<void> };
  beforeAll(async () => {
    redis = await startRedis();
    app = await startApp('postgres', {
      LATCHKEY_LIMITS_URL: redis.url,
      LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1"]',
      LATCHKEY_SIGN_IN_PER_ADDRESS: `{"count":${LIMIT},"seconds":600}`,
      LATCHKEY_HASHING_QUEUE_MILLISECONDS: '60000',
    });
    second = await startSecondServer(app);
  });
  afterAll(async () => {
    await second.stop();
    await app.stop();
    await redis.stop();
  });

  type Server = Pick<TestApp, 'post' | 'request'>;
  const up = async (server: Server) => {
    const { text } = await server.request('GET', '/metrics');
    return Number(/^latchkey_shared_limits_up\{at="redis"\} (\d)/m.exec(text)?.[1]);
  };
  const until = async (what: string, isSo: () => Promise<boolean>) => {
    for (let tries = 0; tries < 400; tries += 1) {
      if (await isSo()) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`never came: ${what}`);
  };
  const guess = (server: Server, address: string) =>
    server.post(
      '/auth/login',
      { username: `nobody${nextNumber()}`, password: 'Summer2026!' },
      { 'x-forwarded-for': address },
    );
  /** How many of many guesses at once, at these servers, were told that they were wrong. */
  const told = async (servers: readonly Server[], address: string, many = 60) => {
    const answers = await Promise.all(
      Array.from({ length: many }, (_, index) => guess(servers[index % servers.length] ?? app, address)),
    );
    for (const { status } of answers) expect([401, 429]).toContain(status);
    return answers.filter(({ status }) => status === 401).length;
  };
  const away = () => app.core.log.lines.filter(({ message }) => /shared limits do not answer/.test(message));

  const bothUp = () =>
    until('the shared count', async () => (await up(app)) === 1 && (await up(second)) === 1);
  /** What both are told while Redis is there all the time: where others use this machine up it may be away for a moment. */
  const toldByBoth = async (network: string) => {
    for (let tries = 1; tries <= 20; tries += 1) {
      await bothUp();
      const before = away().length;
      const address = `${network}.${tries}`;
      const many = await told([app, second], address);
      if (away().length === before) return { many, address };
    }
    throw new Error('Redis was away again and again');
  };

  test('are counted as one by all servers, also when all ask at once', async () => {
    const { many, address } = await toldByBoth('198.51.100');
    expect(many).toBe(LIMIT);
    for (const server of [app, second]) {
      const late = await guess(server, address);
      expect(late.status).toBe(429);
      expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0);
    }
  });

  test('of a Redis that is gone are each server’s own: not open, and nobody waits for it', async () => {
    expect(await told([app], '192.0.2.2', 10)).toBe(10);
    await bothUp();
    const before = away().length;
    await redis.kill();
    // What a server has seen itself it goes on from.
    expect(await told([app], '192.0.2.2')).toBe(LIMIT - 10);
    expect(await told([app, second], '192.0.2.3', 120)).toBe(2 * LIMIT);
    await until('the metric', async () => (await up(app)) === 0 && (await up(second)) === 0);
    expect(away().length - before, 'a line of each server').toBe(2);

    await redis.start();
    await bothUp();
    // One that comes back empty opens nothing that a server knows to be closed.
    expect((await guess(app, '192.0.2.2')).status).toBe(429);
    expect((await toldByBoth('203.0.113')).many).toBe(LIMIT);
    expect(app.core.log.lines.some(({ message }) => /shared limits answer again/.test(message))).toBe(true);
  });

  test('of a Redis that takes connections and says nothing are each server’s own', async () => {
    redis.freeze();
    try {
      expect(await told([app], '192.0.2.5')).toBe(LIMIT);
      await until('the metric', async () => (await up(app)) === 0);
      const person = await app.person();
      const { username, password } = person;
      expect((await app.post('/auth/login', { username, password })).status).toBe(200);
    } finally {
      redis.thaw();
    }
    expect((await toldByBoth('10.20.30')).many).toBe(LIMIT);
  });

  test('are looked at by the doctor', { timeout: 60_000 }, async () => {
    const finding = async (url: string) => {
      const work = makeWorkplace({ LATCHKEY_LIMITS_URL: url });
      const { stdout } = await work.run(['doctor', '--json']);
      work.remove();
      return (JSON.parse(stdout) as { about: string; state: string; message: string }[]).find(
        ({ about }) => about === 'limits',
      );
    };
    expect(await finding(redis.url)).toMatchObject({ state: 'ok' });
    expect(await finding('redis://127.0.0.1:1')).toMatchObject({
      state: 'fail',
      message: expect.stringMatching(/^127\.0\.0\.1:1: .*ECONNREFUSED.*\. Check limits\.url/),
    });
  });

  test('let a server start without it', async () => {
    await redis.kill();
    const third = await startSecondServer(app);
    expect(await told([third], '192.0.2.7')).toBe(LIMIT);
    await third.stop();
    await redis.start();
  });
});
