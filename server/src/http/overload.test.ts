import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { DOORS, signInAt } from '../../testing/doors.ts';
import type { RemoteServer } from '../../testing/remote.ts';
import { startSecondServer } from '../../testing/second-server.ts';
import { accountKey } from '../sign-in/throttle.ts';
import { countAttempt } from '../store/count-attempt.ts';

const FLOODER = '198.51.100.1';
const PERSON = '192.0.2.1';

type Server = Pick<RemoteServer, 'request' | 'post'>;

/** What a metric says; 0 when it says nothing. */
async function metric(server: Server, name: string): Promise<number> {
  const { text } = await server.request('GET', '/metrics');
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`never came: ${what}`);
}

const signInFrom = (server: Server, address: string, username: string, password: string) =>
  server.post('/auth/login', { username, password }, { 'x-forwarded-for': address });
const guess = (server: Server) =>
  signInFrom(server, FLOODER, `nobody${nextNumber()}`, 'a password of nobody');

const SETTINGS = {
  LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1"]',
  LATCHKEY_HASHING_MEMORY_KIB: '19456',
  LATCHKEY_HASHING_PASSES: '2',
};

describe('RL-7: a flood of sign-ins from one address', () => {
  const FLOOD = 200;
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite', { ...SETTINGS, LATCHKEY_HASHING_QUEUE_MILLISECONDS: '60000' });
  });
  afterAll(() => app.stop());

  test('is not in front of whoever comes from another', async () => {
    const person = await app.person();
    let answered = 0;
    const flood = Array.from({ length: FLOOD }, () => guess(app).then(() => (answered += 1)));
    await until('a long queue', async () => (await metric(app, 'latchkey_hash_queue')) > FLOOD / 2);
    expect((await signInFrom(app, PERSON, person.email, person.password)).status).toBe(200);
    expect(FLOOD - answered, 'waiting when the person was in').toBeGreaterThan(20);
    await Promise.all(flood);
  });

  test('that hangs up does not get its places back: what was taken on is worked off', async () => {
    const before = await metric(app, 'latchkey_hash_seconds_count');
    const { hostname, port } = new URL(app.url);
    const sockets = await Promise.all(
      Array.from({ length: 60 }, () => {
        const body = JSON.stringify({ username: `nobody${nextNumber()}`, password: 'a password of nobody' });
        const lines = ['POST /auth/login HTTP/1.1', 'Host: x', 'Content-Type: application/json'];
        const request = [...lines, `Content-Length: ${body.length}`, '', body].join('\r\n');
        return new Promise<ReturnType<typeof connect>>((resolve) => {
          const socket = connect(Number(port), hostname, () => socket.write(request, () => resolve(socket)));
          socket.on('error', () => undefined);
        });
      }),
    );
    await until('a queue', async () => (await metric(app, 'latchkey_hash_queue')) > 20);
    for (const socket of sockets) socket.destroy();
    await until(
      'the work of all',
      async () => (await metric(app, 'latchkey_hash_seconds_count')) >= before + sockets.length,
    );
  });
});

describe('RL-7: a flood that fills the queue', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite', { ...SETTINGS, LATCHKEY_HASHING_QUEUE_MILLISECONDS: '500' });
  });
  afterAll(() => app.stop());

  test('is told when to come back, and others get in', async () => {
    const person = await app.person();
    let isOver = false;
    const statuses: number[] = [];
    const flooder = async (): Promise<void> => {
      while (!isOver) {
        const { status, headers } = await guess(app);
        statuses.push(status);
        if (status === 503) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      }
    };
    const flood = Array.from({ length: 200 }, flooder);
    await until('a full queue', () => statuses.includes(503));
    let status = 0;
    // As a client does that is told to come back. Others on this machine may make any single try too late.
    for (let tries = 0; tries < 30 && status !== 200; tries += 1)
      ({ status } = await signInFrom(app, PERSON, person.email, person.password));
    isOver = true;
    await Promise.all(flood);
    expect(status).toBe(200);
    expect(new Set(statuses)).toEqual(new Set([401, 503]));
    expect(await metric(app, 'latchkey_turned_away_total{why="queue-full"}')).toBeGreaterThan(0);
  });
});

describe('RL-7: places that one address holds, and has nothing to hash for', () => {
  let app: TestApp;
  beforeAll(async () => {
    // Hashes that cost much, so that few have a place, and hold it long.
    app = await startApp('sqlite', {
      ...SETTINGS,
      LATCHKEY_HASHING_PASSES: '16',
      LATCHKEY_HASHING_QUEUE_MILLISECONDS: '5000',
    });
  });
  afterAll(() => app.stop());

  test('go to whoever comes from another: nobody is sent away while threads are idle', async () => {
    const [owner, person] = [await app.person(), await app.person()];
    for (let known = 0; known < 10; known += 1)
      expect((await signInFrom(app, PERSON, person.email, person.password)).status).toBe(200);
    // As many of the account's sign-ins as may be at once are in flight, and take long: whatever comes waits for them.
    const limit = { maxFailures: app.core.config.signIn.maxFailures, waitSeconds: 30, lockAfter: null };
    const inFlight = Array.from({ length: limit.maxFailures }, () =>
      countAttempt(accountKey(owner.id), { ...limit, forgets: true }, app.core.clock.now(), 60_000),
    );
    expect((await app.core.store.commit(inFlight)).ok).toBe(true);

    let isOver = false;
    const statuses: number[] = [];
    const flooder = async (): Promise<void> => {
      while (!isOver) statuses.push((await signInFrom(app, FLOODER, owner.username, owner.password)).status);
    };
    const flood: Promise<void>[] = [];
    // The bound is longer where there are more processors.
    await until('that every place is taken', async () => {
      flood.push(...Array.from({ length: 20 }, flooder));
      return (await metric(app, 'latchkey_turned_away_total{why="queue-full"}')) > 0;
    });
    const [queued, { status }] = [
      await metric(app, 'latchkey_hash_queue'),
      await signInFrom(app, PERSON, person.email, person.password),
    ];
    isOver = true;
    await Promise.all(flood);
    expect(queued).toBe(0);
    expect(status).toBe(200);
    expect(new Set(statuses)).toEqual(new Set([503]));
  });
});

describe('RL-8: a server that can hardly keep up', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite', { LATCHKEY_LIMITS_EVENT_LOOP_MILLISECONDS: '100' });
  });
  afterAll(() => app.stop());

  /** Asks what costs little, and expects that it is answered. */
  async function expectCheapRequestsServed(
    server: Server,
    tokens: { access_token: string; refresh_token: string },
  ) {
    const headers = { authorization: `Bearer ${tokens.access_token}` };
    const cheap = await Promise.all([
      server.request('GET', '/.well-known/jwks.json'),
      server.request('GET', '/livez'),
      server.request('GET', '/v1/session', { headers }),
      server.post('/auth/refresh-token', { refresh_token: tokens.refresh_token }),
    ]);
    expect(cheap.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  }
  const tokensOf = async () => {
    const { username, password } = await app.person();
    return (await app.post('/auth/login', { username, password })).body;
  };

  test('for want of memory begins nothing that costs much, at any door, and all else goes on', async () => {
    const limits = { ...app.core.config.limits, memoryMib: 1 };
    const short = await startSecondServer(app, { limits });
    const person = await app.person();
    for (const door of DOORS) {
      const answer = await short.post(door.path, door.body(person), { ...door.headers });
      expect({ status: answer.status, body: answer.body }).toMatchObject(door.overloaded);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(door.isSignedIn(await signInAt(app, door, person))).toBe(true);
    }
    expect((await short.post('/v1/password/forgot', { identifier: person.email })).status).toBe(503);
    const tokens = await tokensOf();
    const bearer = { authorization: `Bearer ${tokens.access_token}` };
    expect((await short.post('/v1/factors/email', {}, bearer)).status).toBe(503);
    await expectCheapRequestsServed(short, tokens);
    expect(await metric(short, 'latchkey_turned_away_total{why="memory"}')).toBeGreaterThanOrEqual(
      DOORS.length,
    );
    await short.stop();
  });

  test('since its event loop is late begins nothing that costs much, until it is not', async () => {
    const [door] = DOORS;
    if (!door) throw new Error('there is no door');
    const [person, tokens] = [await app.person(), await tokensOf()];
    const hog = setInterval(() => {
      for (const end = performance.now() + 250; performance.now() < end; );
    }, 1);
    try {
      await until('a refusal', async () => (await signInAt(app, door, person)).status === 503);
      await expectCheapRequestsServed(app, tokens);
    } finally {
      clearInterval(hog);
    }
    expect(await metric(app, 'latchkey_turned_away_total{why="event-loop"}')).toBeGreaterThan(0);
    await until('a sign-in', async () => door.isSignedIn(await signInAt(app, door, person)));
  });
});
