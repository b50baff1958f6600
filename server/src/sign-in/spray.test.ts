import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { rawSend } from '../../testing/raw-request.ts';
import type { RemoteServer } from '../../testing/remote.ts';
import { startSecondServer } from '../../testing/second-server.ts';
import { loadConfiguration } from '../config.ts';
import { chanceADay, guessesADay } from '../limits/code-guesses.ts';

type Server = Pick<RemoteServer, 'post'>;

/** Signs in as somebody who comes from that address, by way of a proxy that is believed. */
const signInFrom = (server: Server, address: string, username: string, password: string): Promise<Answer> =>
  server.post('/auth/login', { username, password }, { 'x-forwarded-for': address });
const nobody = () => `nobody${nextNumber()}`;

/** Sends guesses, many at once, and gives the answers. */
async function spray(many: number, guess: (index: number) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let sent = 0; sent < many; sent += 100)
    answers.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(100, many - sent) }, (_, index) => guess(sent + index)),
      )),
    );
  return answers;
}

/** How many were told that they were wrong; all the others must have been told when to come back. */
function told(answers: readonly Answer[], wrong = 401): number {
  for (const { status, headers } of answers) {
    expect([wrong, 429]).toContain(status);
    if (status === 429) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  }
  return answers.filter(({ status }) => status === wrong).length;
}

const SETTINGS = {
  LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1"]',
  LATCHKEY_HASHING_QUEUE_MILLISECONDS: '60000',
};

describe.each(ENGINES)('TH-7: one address, on %s', (engine) => {
  let app: TestApp;
  let servers: (Server & { stop?(): Promise<void> })[];
  beforeAll(async () => {
    app = await startApp(engine, { ...SETTINGS, LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":20,"seconds":600}' });
    // The embedded store is one server's.
    servers = engine === 'postgres' ? [app, await startSecondServer(app)] : [app];
  });
  afterAll(async () => {
    for (const server of servers.toReversed()) await server.stop?.();
  });

  test('with one password for many accounts is told of as many failures as it may have, over all servers', async () => {
    const person = await app.person();
    const accounts = engine === 'sqlite' ? 1000 : 300;
    const answers = await spray(accounts, (index) =>
      signInFrom(servers[index % servers.length] ?? app, '192.0.2.1', nobody(), 'Summer2026!'),
    );
    expect(told(answers)).toBe(20);
    for (const server of servers) {
      const late = await signInFrom(server, '192.0.2.1', person.email, person.password);
      expect(late.status).toBe(429);
      expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await signInFrom(server, '192.0.2.2', person.email, person.password)).status).toBe(200);
    }
  });

  test('is one in every spelling of it, and an IPv6 network is one', async () => {
    const spellings = [
      ['198.51.100.7', '::ffff:198.51.100.7', '::FFFF:198.51.100.7'],
      ['2001:db8:1:2::1', '2001:DB8:1:2:ffff:0:0:9', '2001:0db8:0001:0002::'],
    ];
    const person = await app.person();
    for (const addresses of spellings) {
      const answers = await spray(100, (index) =>
        signInFrom(app, addresses[index % addresses.length] ?? '', nobody(), 'Summer2026!'),
      );
      expect(told(answers)).toBe(20);
      for (const address of addresses)
        expect((await signInFrom(app, address, person.email, person.password)).status, address).toBe(429);
    }
    expect((await signInFrom(app, '2001:db8:1:3::1', person.email, person.password)).status).toBe(200);
  });

  test('does not escape by a path, a method or a header', async () => {
    const person = await app.person();
    await spray(100, () => signInFrom(app, '203.0.113.9', nobody(), 'Summer2026!'));
    const body = JSON.stringify({ username: person.email, password: person.password });
    const send = (target: string, ...headers: string[]) =>
      rawSend(
        app.url,
        target,
        ['X-Forwarded-For: 203.0.113.9', 'Content-Type: application/json', ...headers],
        body,
      );
    for (const path of [
      ...['//auth/login', '/auth//login', '/auth/login/', '/AUTH/LOGIN', '/auth/login;a', '/auth%2flogin'],
      ...['/auth/./login', '/v1/../auth/login', '/auth/login?x=1', '/auth/log%69n', '/auth/login%00'],
    ])
      expect([404, 429, 400], path).toContain((await send(`POST ${path}`)).status);
    for (const method of ['PUT', 'PATCH', 'GET', 'DELETE'])
      expect((await send(`${method} /auth/login`)).status, method).not.toBe(200);
    for (const header of [
      ...['X-HTTP-Method-Override: PUT', 'X-Real-IP: 192.0.2.77', 'Forwarded: for=192.0.2.77'],
      ...['True-Client-IP: 192.0.2.77', 'CF-Connecting-IP: 192.0.2.77', 'X-Client-IP: 192.0.2.77'],
    ])
      expect((await send('POST /auth/login', header)).status, header).toBe(429);
    // What a client says before the proxy has added where it comes from is not believed.
    const forged = { 'x-forwarded-for': '192.0.2.77, 203.0.113.9' };
    const { username, password } = person;
    expect((await app.post('/auth/login', { username, password }, forged)).status).toBe(429);
  });

  test('of which many are right at once waits for nobody', async () => {
    const people = await Promise.all(Array.from({ length: 40 }, () => app.person()));
    const answers = await Promise.all(
      people.map(({ email, password }, index) =>
        signInFrom(servers[index % servers.length] ?? app, '192.0.2.40', email, password),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(new Array(40).fill(200));
  });
});

describe.each(ENGINES)('TH-7: many addresses, on %s', (engine) => {
  const ORGANISATION = uuid(900_001);
  const DEVICE = { 'x-fingerprint-id': 'the device of somebody' };
  let app: TestApp;
  let servers: (Server & { stop?(): Promise<void> })[];
  beforeAll(async () => {
    app = await startApp(engine, {
      ...SETTINGS,
      LATCHKEY_SIGN_IN_PER_ORGANISATION: '{"count":30,"seconds":600}',
      LATCHKEY_SIGN_IN_OVERALL: '{"count":120,"seconds":600}',
      LATCHKEY_MOUNTS: JSON.stringify([
        { contract: 'login' },
        { contract: 'fingerprint' },
        { contract: 'login', prefix: '/campus', organisation: ORGANISATION },
      ]),
    });
    await app.load({ kind: 'organisation', id: ORGANISATION, name: 'Campus' });
    servers = engine === 'postgres' ? [app, await startSecondServer(app)] : [app];
  });
  afterAll(async () => {
    for (const server of servers.toReversed()) await server.stop?.();
  });

  const addressOf = (index: number) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;

  test('use up what an organisation’s doors may fail, and then what all may; who is known goes on', async () => {
    const known = await app.person({
      recogniseDevices: true,
      devices: [DEVICE['x-fingerprint-id']],
    });
    const other = await app.person();
    const session = (await signInFrom(app, '10.9.9.9', other.email, other.password)).body;
    const inside = (address: string, username: string, password: string) =>
      app.post('/campus/auth/login', { username, password }, { 'x-forwarded-for': address });

    const atTheDoor = await spray(100, (index) => inside(addressOf(index), nobody(), 'Summer2026!'));
    expect(told(atTheDoor)).toBe(30);
    const member = await app.person({ organisation: ORGANISATION });
    expect((await inside('10.9.9.10', member.email, member.password)).status).toBe(429);
    expect((await signInFrom(app, '10.9.9.10', other.email, other.password)).status).toBe(200);

    // What was evaluated counts for all, told or not.
    const everywhere = await spray(200, (index) =>
      signInFrom(servers[index % servers.length] ?? app, addressOf(1000 + index), nobody(), 'Summer2026!'),
    );
    expect(told(everywhere)).toBeLessThanOrEqual(90);
    expect(told(everywhere)).toBeGreaterThan(0);
    for (const server of servers) {
      const late = await signInFrom(server, '10.9.9.11', other.email, other.password);
      expect(late.status).toBe(429);
      expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0);
    }

    const recognised = { username: known.email, password: known.password };
    expect((await app.post('/identity/sign-in', recognised, DEVICE)).status).toBe(200);
    const { access_token, refresh_token } = session;
    const bearer = { authorization: `Bearer ${access_token}` };
    expect((await app.request('GET', '/v1/session', { headers: bearer })).status).toBe(200);
    expect((await app.post('/auth/refresh-token', { refresh_token })).status).toBe(200);
  });
});

describe.each(ENGINES)('RC-1: guesses at resource codes, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      ...SETTINGS,
      LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":20,"seconds":600}',
      LATCHKEY_SIGN_IN_PER_CONTEXT: '{"count":50,"seconds":600}',
    });
  });
  afterAll(() => app.stop());

  const present = (address: string, context: string, code: string) =>
    app.post(
      '/api/v1/auth/sign-in',
      { type: 'resource', data: { resource: `voucher::${context}::code::${code}` } },
      { 'x-forwarded-for': address },
    );
  const codeIn = async (context: string) => {
    const code = `CODE${nextNumber()}`;
    await app.load({ kind: 'resource', context, code, expiresAt: '2099-01-01T00:00:00.000Z', maxUses: 0 });
    return code;
  };

  test('are few from one address, and few at one context from all', async () => {
    const [code, elsewhere] = [await codeIn('hall'), await codeIn('library')];
    expect((await present('192.0.2.1', 'hall', code)).status).toBe(200);
    const one = await spray(150, (index) => present('192.0.2.50', 'hall', `GUESS${index}`));
    const wrong = one.find(({ status }) => status !== 429)?.status;
    expect(told(one, wrong)).toBe(20);
    const many = await spray(150, (index) => present(`10.1.${index % 200}.1`, 'hall', `GUESS${index}`));
    expect(told(many, wrong)).toBeLessThanOrEqual(30);
    const late = await present('192.0.2.2', 'hall', code);
    expect(late.status).toBe(429);
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await present('192.0.2.2', 'library', elsewhere)).status).toBe(200);
  });
});

describe('RC-1: the arithmetic', () => {
  test('a code of 64 bits is safe among ten thousand, one of ten letters and digits among a hundred', () => {
    const { perContext } = loadConfiguration({ environment: {} }).signIn;
    const chance = (liveCodes: number, keyspace: number) => chanceADay(liveCodes, keyspace, perContext);
    expect(guessesADay(perContext)).toBe(48_000);
    expect(chance(10_000, 2 ** 64)).toBeLessThan(1e-6);
    expect(chance(100, 36 ** 9)).toBeLessThan(1e-6);
    // Six are too few: operations.md says so.
    expect(chance(1, 36 ** 6)).toBeGreaterThan(1e-6);
  });
});
