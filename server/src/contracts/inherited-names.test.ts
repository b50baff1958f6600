import { randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { uuid } from '../../testing/core.ts';
import { DOORS } from '../../testing/doors.ts';
import { ENGINES } from '../../testing/engines.ts';
import { type MailSink, startMailSink } from '../../testing/mail-sink.ts';
import { createDatabase } from '../../testing/postgres.ts';
import { makeWorkplace, type RunningServer, type Workplace } from '../../testing/process.ts';
import { type RemoteServer, remoteServer } from '../../testing/remote.ts';
import { ALIKE, headersOf, OPEN, ROUTES, withMember } from '../../testing/routes.ts';
import { accessTokenIn, openStep, STEP_CONTRACTS } from '../../testing/steps.ts';
import { SEED, totpCode } from '../../testing/totp.ts';
import { hashPassword } from '../crypto/password-hash.ts';

/** Names that every object has without being given them. */
const INHERITED = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__',
  'isPrototypeOf',
];

const PASSWORD = 'a password of at least thirty-two characters';
const PASSWORD_HASH = hashPassword(PASSWORD, { memoryKib: 256, passes: 1, parallelism: 1 });

// In another process, in which touching `__proto__` is a fault: nothing that a sign-in goes through may need it.
describe.each(ENGINES)('IN-5: a server without __proto__, on %s', (engine) => {
  const GUARD = `--disable-proto=throw --import=data:text/javascript,try{({}).__proto__}catch{process.stderr.write('guarded;')}`;
  let mail: MailSink;
  let work: Workplace;
  let running: RunningServer;
  let server: RemoteServer;
  beforeAll(async () => {
    mail = await startMailSink();
    work = makeWorkplace({
      ...(engine === 'postgres' ? { LATCHKEY_STORE_URL: await createDatabase(inject('postgresUrl')) } : {}),
      LATCHKEY_SECRETS_KEY: randomBytes(32).toString('base64'),
      LATCHKEY_MAIL_URL: mail.url,
      NODE_OPTIONS: GUARD,
    });
    await work.run(['migrate']);
    const lines = [...directory(), ...inheritedDirectory()].map((line) => JSON.stringify(line)).join('\n');
    const loaded = await work.run(['import', '-'], { input: lines });
    expect(loaded.stderr).toContain('guarded;');
    expect(loaded.code, loaded.stderr).toBe(0);
    running = await work.serve();
    server = remoteServer(running.url);
  }, 60_000);
  afterAll(async () => {
    expect((await running.end('SIGTERM')).code).toBe(0);
    expect(running.stdout()).not.toMatch(/"level":(50|60)|ERR_PROTO/);
    work.remove();
    await mail.stop();
  });

  const isActive = async (token: string | undefined) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await server.request('GET', '/v1/session', { headers })).status === 200;
  };

  test('guards itself', () => {
    expect(running.stderr()).toContain('guarded;');
  });

  test.each(DOORS)('signs people in, and says who they are: $contract', async (door) => {
    const answer = await server.post(door.path, door.body(person('plain')), door.headers);
    expect(door.isSignedIn(answer)).toBe(true);
    const wrong = { ...person('plain'), password: 'a wrong password' };
    expect((await server.post(door.path, door.body(wrong), door.headers)).status).toBe(door.refused.status);
  });

  test.each(STEP_CONTRACTS)(
    'goes through the second factor, mailed or not, and all that follows: %s',
    async (contract) => {
      const mailed = await openStep(server, contract, person(`mailed-${contract}`));
      const code = await mail.code(person(`mailed-${contract}`).email);
      expect((await mailed.prove(code === '000000' ? '000001' : '000000')).status).toBe(401);
      expect((await mailed.resend()).status).toBeLessThan(300);
      expect(await isActive(accessTokenIn(contract, await mailed.prove(code)))).toBe(true);
      const typed = await openStep(server, contract, person(`totp-${contract}`));
      expect(await isActive(accessTokenIn(contract, await typed.prove(totpCode(Date.now()))))).toBe(true);
    },
  );

  test('recognises a device, refreshes, and takes installations and resource codes', async () => {
    const { email, password } = person('device');
    const headers = { 'x-fingerprint-id': 'a new device' };
    const due = await server.post('/identity/sign-in', { username: email, password }, headers);
    const known = await server.post(
      '/identity/recognize-device',
      { code: await mail.code(email) },
      { ...headers, authorization: `Bearer ${due.body.data.token}` },
    );
    expect(known.body.data.observation.code).toBe(1);
    const { refresh_token } = (
      await server.post('/auth/login', { username: person('plain').email, password })
    ).body;
    const refreshed = await server.post('/auth/refresh-token', { refresh_token });
    expect(await isActive(refreshed.body.access_token)).toBe(true);
    for (const [type, data] of [
      ['mobile-device', { installationId: 'installation'.padEnd(32, '.'), password }],
      ['resource', { resource: 'voucher::plain::code::PLAIN' }],
    ] as const)
      expect((await server.post('/api/v1/auth/sign-in', { type, data })).status, type).toBe(200);
  });

  test.each(INHERITED)('has people, roles, organisations and codes by the name of %s', async (name) => {
    const username = `${name}`;
    const login = await server.post('/auth/login', { username, password: PASSWORD });
    expect(await isActive(login.body.access_token)).toBe(true);
    const profile = await server.post('/api/v1/auths/sign-in', { username, password: PASSWORD });
    expect(profile.body.user).toMatchObject({ username, rol: name, permissions: [name] });
    expect(Object.keys(profile.body.user.stats)).toContain(name);
    const roles = await server.post('/auth/sign-in-verify', { identity: username, password: PASSWORD });
    const inside = roles.body.result[0].find(
      ({ organisation }: { organisation: object | null }) => organisation,
    );
    expect(inside).toMatchObject({ role: name, organisation: { organisationName: name, accountName: name } });
    expect(Object.keys(inside.organisation.settings)).toEqual([name]);
    const picked = await server.post('/auth/sign-in', { loginToken: inside.loginToken, is2FAEnabled: false });
    expect(picked.body).toMatchObject({ role: name, organisation: { organisationName: name } });
    expect(await isActive(picked.body.token)).toBe(true);
    const envelope = await server.post(
      '/identity/sign-in',
      { username, password: PASSWORD },
      { 'x-fingerprint-id': name },
    );
    expect(envelope.body.data.account.username).toBe(username);
    const data = { resource: `voucher::${name}::code::${name}` };
    expect((await server.post('/api/v1/auth/sign-in', { type: 'resource', data })).status).toBe(200);
  });
});

describe.each(ENGINES)('IN-5: names that every object inherits, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
  });
  afterAll(() => app.stop());

  const ordinary = Object.getOwnPropertyNames(Object.prototype).sort();
  const expectNoPollution = () => {
    expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(ordinary);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  };

  describe.each(ROUTES)('at $name', (route) => {
    const send = (body: unknown, headers: Record<string, string> = {}) =>
      app.request(route.method, route.path, {
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: { ...headersOf(route), 'content-type': 'application/json', ...headers },
      });
    const isRefused = ({ status }: { status: number }) =>
      (status >= 400 && status < 500) || ([...ALIKE, ...OPEN].includes(route.name) && status < 300);

    for (const { body, members } of route.hasBody ? route.shapes : [])
      test('are nothing as values, and nothing as keys', async () => {
        for (const name of INHERITED) {
          for (const member of members) {
            for (const value of [name, name.padEnd(32, '_')]) {
              const answer = await send(withMember(body, member, value));
              expect(isRefused(answer), `${member} = ${value}: ${answer.text}`).toBe(true);
            }
            const inherited = JSON.stringify(body).replace(`"${member.at(-1)}":`, `"${name}":`);
            expect(isRefused(await send(inherited))).toBe(true);
          }
          for (const value of ['{"polluted":true}', `{"${name}":{"polluted":true}}`, 'null', '"x"']) {
            const more = JSON.stringify(body).replace('{', `{"${name}":${value},`);
            expect(isRefused(await send(more)), more).toBe(true);
            expect(isRefused(await send(`{"${name}":${JSON.stringify(body)}}`))).toBe(true);
          }
        }
        expectNoPollution();
      });

    test('are nothing as tokens', async () => {
      for (const name of INHERITED) {
        const key = new TextEncoder().encode(name.repeat(8));
        const forged = await new SignJWT({ [name]: name, sid: name, sub: name, jti: name, n: 0 })
          .setProtectedHeader({ alg: 'HS256', typ: name, kid: name })
          .setExpirationTime('1h')
          .sign(key);
        for (const token of [name, forged, `${name}.${name}.${name}`]) {
          const headers = { ...headersOf(route), authorization: `Bearer ${token}` };
          const answer = route.hasBody
            ? await send(route.shapes[0]?.body ?? {}, headers)
            : await app.request(route.method, route.path, { headers });
          expect(route.isOpen ? answer.status === 200 : isRefused(answer), answer.text).toBe(true);
        }
      }
    });

    if (route.endpoint.accepts.includes('form'))
      test('are nothing in a form', async () => {
        for (const name of INHERITED) {
          const headers = { 'content-type': 'application/x-www-form-urlencoded' };
          for (const form of [
            `${name}=x`,
            `${name}[polluted]=x`,
            `${name}.polluted=x`,
            `identity=a&${name}=b`,
          ])
            expect(isRefused(await send(form, headers)), form).toBe(true);
        }
        expectNoPollution();
      });
  });

  test.each(DOORS)('beside what is right change nothing: $contract', async (door) => {
    const someone = await app.person();
    const right = JSON.stringify(door.body(someone));
    for (const name of INHERITED) {
      const body = right.replace('{', `{"${name}":{"polluted":true,"role":"${name}"},`);
      const headers = { 'content-type': 'application/json', ...door.headers };
      expect(door.isSignedIn(await app.request('POST', door.path, { body, headers })), body).toBe(true);
      const only = `{"${name}":${right}}`;
      expect(door.isSignedIn(await app.request('POST', door.path, { body: only, headers })), only).toBe(
        false,
      );
    }
    expectNoPollution();
  });

  test.each(INHERITED)('are no header that is asked for, and no path: %s', async (name) => {
    const { email, password } = await app.person();
    const headers = { [name]: 'x', 'x-fingerprint-id': name };
    expect((await app.post('/identity/sign-in', { username: email, password }, headers)).status).toBe(200);
    for (const path of [
      `/${name}`,
      `/auth/${name}`,
      `/v1/${name}`,
      `/auth/login?${name}[polluted]=1&${name}=2`,
    ])
      expect((await app.request('GET', path)).status).toBeLessThan(500);
    expectNoPollution();
  });
});

function person(name: string): { email: string; password: string } {
  return { email: `${name}@example.com`, password: PASSWORD };
}

let accounts = 0;

function account(name: string, more: object = {}): object {
  accounts += 1;
  const known = { id: uuid(accounts), email: person(name).email, emailValidated: true };
  return { kind: 'account', ...known, passwordHash: PASSWORD_HASH, ...more };
}

/** Somebody for each step there is. */
function directory(): object[] {
  return [
    account('plain'),
    account('device', { recogniseDevices: true, devices: ['another device'] }),
    ...STEP_CONTRACTS.flatMap((contract) => [
      account(`mailed-${contract}`, { secondFactor: { email: true } }),
      account(`totp-${contract}`, { secondFactor: { totp: SEED } }),
    ]),
    { kind: 'installation', installationId: 'installation'.padEnd(32, '.'), passwordHash: PASSWORD_HASH },
    { kind: 'resource', context: 'plain', code: 'PLAIN' },
  ];
}

/** Somebody in everything that can have a name, for each name. */
function inheritedDirectory(): object[] {
  return INHERITED.flatMap((name, index) => {
    const organisation = uuid(900 + index);
    const own = JSON.parse(`{"${name}":1}`) as object;
    const holder = { id: uuid(800 + index), username: name, role: name, stats: own, attributes: own };
    return [
      { kind: 'role', name, permissions: [name] },
      { kind: 'organisation', id: organisation, name, accountName: name, settings: own },
      account(`inherits-${index}`, holder),
      { kind: 'membership', account: holder.id, organisation, role: name },
      { kind: 'resource', context: name, code: name },
    ];
  });
}
