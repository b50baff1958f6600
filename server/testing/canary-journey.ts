import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { openStore } from '../src/store/store.ts';
import { bodyFor, type CanaryDirectory, canary, type Recorder } from './canaries.ts';
import { throughAddresses } from './canary-addresses.ts';
import { throughRecovery } from './canary-recovery.ts';
import type { MailSink } from './mail-sink.ts';
import { keptLog } from './ports.ts';
import { rawRequest } from './raw-request.ts';
import { RECOVERY_DOORS } from './recovery.ts';
import { headersOf, ROUTES } from './routes.ts';
import { findSecrets } from './secrets.ts';
import { accessTokenIn, openStep, STEP_CONTRACTS, signIn } from './steps.ts';
import { dumpStore } from './store-dump.ts';
import { totpCode } from './totp.ts';

/** How a server is set up that a journey leads through. */
export const JOURNEY_SETTINGS: Readonly<Record<string, string>> = {
  LATCHKEY_SIGN_UP_ENABLED: 'true',
  LATCHKEY_SIGN_IN_MAX_FAILURES: '100',
  LATCHKEY_MOUNTS: JSON.stringify([
    ...STEP_CONTRACTS.map((contract) => ({ contract })),
    { contract: 'login', prefix: '/shared' },
  ]),
};

/** What a journey is made with. */
export interface Journey {
  readonly server: Recorder;
  readonly directory: CanaryDirectory;
  readonly mail: MailSink;
  readonly storeUrl: string;
  /** Milliseconds since 1970 by the server's clock. */
  now(): number;
  /** Lets time pass on the server's clock, where that can be moved. */
  advance(seconds: number): void;
}

/** Through every contract: success, refusal, both second factors, resending, refreshing, a fault inside. */
async function throughContract(journey: Journey, contract: string): Promise<void> {
  const { server, directory, mail } = journey;
  const plain = directory.who(`plain-${contract}`);
  const { path, headers } = bodyFor(contract, plain);
  expect((await signIn(server, contract, plain)).status).toBe(200);
  for (const [what, who] of [
    ['wrong password', { ...plain, password: server.type(`wrong password at ${contract}`, canary('wrong')) }],
    [
      'password as a name',
      { ...plain, email: server.type(`password as a name at ${contract}`, canary('name')) },
    ],
    ['inactive', directory.who('inactive')],
    ['a fault inside', directory.who(`broken-${contract}`)],
  ] as const)
    expect(
      (await server.post(path, bodyFor(contract, who).body, headers)).status,
      what,
    ).toBeGreaterThanOrEqual(400);

  const mailed = await openStep(server, contract, directory.who(`mailed-${contract}`));
  const address = directory.who(`mailed-${contract}`).email;
  const first = server.type(`code for ${address}`, await mail.code(address));
  await mailed.prove(server.type(`wrong code for ${contract}`, first === '314159' ? '314160' : '314159'));
  await mailed.resend();
  journey.advance(31);
  const again = await openStep(server, contract, directory.who(`mailed-${contract}`));
  const second = server.type(`code for ${address}`, await mail.code(address));
  expect((await again.prove(second)).status).toBe(200);

  const step = await openStep(server, contract, directory.who(`totp-${contract}`));
  const typed = server.type(`TOTP code for ${contract}`, totpCode(journey.now(), directory.seed));
  expect((await step.prove(typed)).status).toBe(200);
  expect((await step.prove(typed)).status).toBeGreaterThanOrEqual(400);
}

/** What only some contracts have. */
async function throughTheRest(journey: Journey): Promise<void> {
  const { server, directory, mail } = journey;
  const { devices, installation, resource } = directory;
  const person = directory.who('device');
  const from = (fingerprint: string) =>
    server.post(
      '/identity/sign-in',
      { username: person.email, password: person.password },
      { 'x-fingerprint-id': fingerprint },
    );
  expect((await from(devices.known)).body.data.observation.code).toBe(1);
  const due = await from(devices.fresh);
  const code = server.type(`code for ${person.email}`, await mail.code(person.email));
  const headers = { authorization: `Bearer ${due.body.data.token}`, 'x-fingerprint-id': devices.fresh };
  expect((await server.post('/identity/recognize-device', { code }, headers)).status).toBe(200);
  expect((await from(devices.waiting)).body.data.observation.code).toBe(3);

  const wrongThing = server.type('wrong password of an installation', canary('installation'));
  const wrongCode = server.type('wrong resource code', `Canary wrong ${randomBytes(9).toString('hex')}`);
  for (const [type, data, status] of [
    ['mobile-device', installation, 200],
    ['mobile-device', { ...installation, password: wrongThing }, 400],
    ['resource', { resource: resource.full }, 200],
    ['resource', { resource: `voucher::canaries::code::${wrongCode}` }, 400],
    ['resource', { resource: `voucher::canaries::${wrongCode}` }, 400],
  ] as const) {
    const answer = await server.post('/api/v1/auth/sign-in', { type, data });
    expect(answer.status, answer.text).toBe(status);
    const { token } = answer.body.authorization ?? {};
    await server.request('GET', '/v1/session', { headers: { authorization: `Bearer ${token}` } });
  }

  const { email: username, password } = directory.who('plain-login');
  for (const prefix of ['', '/shared']) {
    const { refresh_token } = (await server.post(`${prefix}/auth/login`, { username, password })).body;
    const refreshed = await server.post(`${prefix}/auth/refresh-token`, { refresh_token });
    expect(refreshed.status).toBe(200);
    await server.post(`${prefix}/auth/refresh-token`, { refresh_token: refreshed.body.refresh_token });
    // Reuse: the session ends, and that is written down.
    expect((await server.post(`${prefix}/auth/refresh-token`, { refresh_token })).status).toBe(401);
  }
  const { email, password: right } = directory.who('unvalidated');
  expect((await server.post('/auth/login', { username: email, password: right })).status).toBe(401);
}

/** Factors of an owner's own: enrolled, shown wrong and right, stood in for by a recovery code, removed. */
async function throughFactors({ server, directory, mail, now }: Journey): Promise<void> {
  const person = directory.who('enrolling');
  const signIn = { identifier: person.email, password: person.password };
  const { accessToken } = (await server.post('/v1/sign-in', signIn)).body;
  const headers = { authorization: `Bearer ${accessToken}` };
  const { body } = await server.post('/v1/factors/totp', {}, headers);
  for (const [typed, status] of [
    [server.type('wrong code of an enrolment', '271828'), 401],
    [server.type('code of an enrolment', totpCode(now(), body.secret)), 200],
  ] as const) {
    const confirmed = { challenge_token: body.challenge_token, code: typed };
    const answer = await server.post('/v1/factors/totp/confirm', confirmed, headers);
    expect(answer.status, answer.text).toBe(status);
  }
  const { challenge_token } = (await server.post('/v1/factors/email', {}, headers)).body;
  const code = server.type(`code for ${person.email}`, await codeIn(mail, person.email));
  expect((await server.post('/v1/factors/email/confirm', { challenge_token, code }, headers)).status).toBe(
    200,
  );
  const { recoveryCodes } = (await server.post('/v1/factors/recovery-codes', {}, headers)).body;
  const step = await openStep(server, 'login', person);
  expect((await step.prove(recoveryCodes[0])).status).toBe(200);
  await server.request('GET', '/v1/factors', { headers });
  await server.request('DELETE', '/v1/factors/totp', { headers });
  // Left in the middle: a seed that waits, and the rest of the codes.
  await server.post('/v1/factors/totp', {}, headers);
}

/** The code in the next mail that has one. */
async function codeIn(mail: MailSink, address: string): Promise<string> {
  for (;;) {
    const digits = /\b\d{6}\b/.exec((await mail.next(address)).text ?? '')?.[0];
    if (digits !== undefined) return digits;
  }
}

/** What a session's tokens are good for: every reading route, refreshing, and signing out. */
async function throughSession({ server, directory }: Journey, contract: string): Promise<void> {
  const answer = await signIn(server, contract, directory.who(`plain-${contract}`));
  const headers = { authorization: `Bearer ${accessTokenIn(contract, answer)}` };
  const own = ROUTES.filter((route) => route.contract.name === contract);
  for (const route of ROUTES.filter(
    ({ endpoint }) => endpoint.describe.bearer === true && endpoint.method === 'GET',
  ))
    await server.request('GET', route.path, { headers: { ...headersOf(route), ...headers } });
  const refreshToken =
    answer.body.data?.refreshToken ?? answer.body.refreshToken ?? answer.body.refresh_token;
  for (const { path, shapes } of own)
    for (const [member] of shapes
      .flatMap(({ texts }) => texts)
      .filter(([name]) => /^refresh_?token$/i.test(name ?? '')))
      expect((await server.post(path, { [member ?? '']: refreshToken })).status).toBe(200);
  for (const { path } of own.filter(({ path: ending }) => /(sign-?|log)out$/.test(ending)))
    expect((await server.post(path, {}, headers)).status).toBeLessThan(300);
}

/** Secrets where none belong: in bodies that cannot be read, in URLs, in headers, at routes that are not there. */
async function throughFaults({ server, directory }: Journey): Promise<void> {
  const { email, password } = directory.who('plain-login');
  const typed = server.type('something in a URL or a header', `Canary${randomBytes(16).toString('hex')}`);
  const json = { 'content-type': 'application/json' };
  for (const { method, path, hasBody } of ROUTES) {
    const secrets = {
      email,
      password,
      identity: email,
      username: email,
      code: typed,
      pin: typed,
      loginToken: typed,
    };
    const bodies = [
      `${JSON.stringify(secrets).slice(0, -1)},`,
      `${JSON.stringify(secrets)}${JSON.stringify(secrets)}`,
      JSON.stringify({ ...secrets, password: `${password}\0` }),
      JSON.stringify({ ...secrets, password: [password] }),
      JSON.stringify({ ...secrets, more: 'x'.repeat(17_000) }),
      '{"password":"\\ud800 ',
    ];
    for (const body of hasBody ? bodies : []) {
      await server.request(method, path, { body, headers: json });
      await server.request(method, path, { body, headers: { 'content-type': 'text/plain' } });
      await server.request('PUT', path, { body, headers: json });
    }
    const query = new URLSearchParams({ password, token: typed, code: typed }).toString();
    for (const headers of [
      { authorization: `Bearer ${typed}` },
      { authorization: `Basic ${Buffer.from(`x:${typed}`).toString('base64')}`, cookie: `session=${typed}` },
    ])
      await server.request(method, `${path}?${query}`, { headers, ...(hasBody ? { body: '{}' } : {}) });
    await server.request('GET', `${path}/${typed}?${query}`);
  }
  for (const bytes of [
    `GET /${typed} HTTP/9.9\r\nCookie: ${typed}\r\n\r\n`,
    `POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: x${typed}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${`${typed} `.repeat(1000)}\r\n\r\n`,
    typed,
  ])
    expect(findSecrets((await rawRequest(server.url, `${bytes}\r\n\r\n`)).text, server.secrets)).toEqual([]);
}

/** Through everything that people and clients do who mean no harm. */
export async function travelWell(journey: Journey): Promise<void> {
  const { directory, storeUrl } = journey;
  const store = await openStore(storeUrl, keptLog());
  for (const contract of STEP_CONTRACTS)
    await store.commit([
      {
        sql: "UPDATE accounts SET stats = '{broken' WHERE email = $1",
        params: [directory.who(`broken-${contract}`).email],
      },
    ]);
  await store.close();
  for (const contract of STEP_CONTRACTS) await throughContract(journey, contract);
  for (const contract of STEP_CONTRACTS) await throughSession(journey, contract);
  await throughTheRest(journey);
  await throughFactors(journey);
  await throughRecovery(journey);
  await throughAddresses(journey);
}

/** The whole journey, with a look into the store while codes and tickets are waiting and mail cannot be sent. */
export async function travel(journey: Journey): Promise<Buffer> {
  const { directory, server, mail, storeUrl } = journey;
  await travelWell(journey);
  mail.refuseWith(451);
  for (const door of RECOVERY_DOORS)
    await door.ask(server, directory.who(`forgetful-${door.contract}`).email);
  for (const contract of STEP_CONTRACTS)
    await openStep(server, contract, directory.who(`mailed-${contract}`));
  const dump = await dumpStore(storeUrl);
  mail.refuseWith(null);
  await throughFaults(journey);
  return dump;
}
