import { randomBytes } from 'node:crypto';
import { describe, expect, inject, test } from 'vitest';
import { startApp } from '../../testing/app.ts';
import {
  bodyFor,
  type CanaryDirectory,
  canary,
  canaryDirectory,
  type Recorder,
  recordCanaries,
} from '../../testing/canaries.ts';
import { ENGINES } from '../../testing/engines.ts';
import { type MailSink, startMailSink } from '../../testing/mail-sink.ts';
import { keptLog } from '../../testing/ports.ts';
import { createDatabase } from '../../testing/postgres.ts';
import { makeWorkplace } from '../../testing/process.ts';
import { rawRequest } from '../../testing/raw-request.ts';
import { remoteServer } from '../../testing/remote.ts';
import { ROUTES } from '../../testing/routes.ts';
import { findSecrets, type Secret } from '../../testing/secrets.ts';
import { openStep, STEP_CONTRACTS, signIn } from '../../testing/steps.ts';
import { dumpStore } from '../../testing/store-dump.ts';
import { totpCode } from '../../testing/totp.ts';
import { openStore } from '../store/store.ts';

/** What a journey is made with. */
interface Journey {
  readonly server: Recorder;
  readonly directory: CanaryDirectory;
  readonly mail: MailSink;
  readonly storeUrl: string;
  /** Milliseconds since 1970 by the server's clock. */
  now(): number;
  /** Lets time pass on the server's clock, where that can be moved. */
  advance(seconds: number): void;
}

const SHARED_SECRET = canary('shared secret of a mount');
const MOUNTS = JSON.stringify([
  ...STEP_CONTRACTS.map((contract) => ({ contract })),
  { contract: 'login', prefix: '/shared', algorithm: 'HS256', secret: SHARED_SECRET },
]);

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

/** The whole journey, with a look into the store while codes and tickets are waiting and mail cannot be sent. */
async function travel(journey: Journey): Promise<Buffer> {
  const { directory, server, mail, storeUrl } = journey;
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
  await throughTheRest(journey);
  mail.refuseWith(451);
  for (const contract of STEP_CONTRACTS)
    await openStep(server, contract, directory.who(`mailed-${contract}`));
  const dump = await dumpStore(storeUrl);
  mail.refuseWith(null);
  await throughFaults(journey);
  return dump;
}

function expectClean(places: Readonly<Record<string, string | Buffer>>, secrets: readonly Secret[]): void {
  for (const [place, content] of Object.entries(places)) {
    expect(content.length, place).toBeGreaterThan(100);
    expect(findSecrets(content, secrets), place).toEqual([]);
  }
}

/** In no answer and no mail, but the one that the secret was for. */
function expectOnlyWhereMeant({ server, mail }: Journey): void {
  const answers = new Map(server.answers.map((each) => [`${each.shows.length} ${each.text}`, each]));
  for (const { request, text, shows } of answers.values()) {
    const others = server.secrets.filter((secret) => !shows.some(({ text: shown }) => shown === secret.text));
    expect(findSecrets(text, others), request).toEqual([]);
  }
  for (const delivered of mail.delivered) {
    const own = delivered.recipients.map((recipient) => `code for ${recipient}`);
    const others = server.secrets.filter(({ what }) => !own.includes(what));
    expect(findSecrets(JSON.stringify(delivered), others), delivered.subject).toEqual([]);
  }
}

describe.each(ENGINES)('LG-1: no secret lies about, on %s', (engine) => {
  test('in what is logged, answered, mailed and stored', { timeout: 120_000 }, async () => {
    const directory = canaryDirectory();
    const key = randomBytes(32).toString('base64');
    const settings = { LATCHKEY_MOUNTS: MOUNTS, LATCHKEY_SECRETS_KEY: key };
    const app = await startApp(engine, { ...settings, LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
    await app.load(...directory.lines);
    const known = [...directory.secrets, ...operatorSecrets(key)];
    const storeUrl = app.core.config.store.url;
    const journey: Journey = {
      server: recordCanaries(app, known),
      directory,
      mail: app.mail,
      storeUrl,
      now: () => app.core.clock.now(),
      advance: (seconds) => app.core.clock.advance(seconds),
    };
    const waiting = await travel(journey);
    expectOnlyWhereMeant(journey);
    const log = JSON.stringify(app.core.log.lines);
    expect(log).toContain('"level":"debug"');
    expect(log).toContain('a request failed');
    expectClean(
      { log, 'the store, while codes wait': waiting, 'the store': await dumpStore(storeUrl) },
      journey.server.secrets,
    );
    await app.stop();
  });

  test('in what a process prints at its most talkative', { timeout: 120_000 }, async () => {
    const directory = canaryDirectory();
    const mail = await startMailSink();
    const key = randomBytes(32).toString('base64');
    const postgres = engine === 'postgres' ? await createDatabase(inject('postgresUrl')) : null;
    const settings = { LATCHKEY_MOUNTS: MOUNTS, LATCHKEY_SECRETS_KEY: key, LATCHKEY_MAIL_URL: mail.url };
    const work = makeWorkplace({
      ...settings,
      ...(postgres === null ? {} : { LATCHKEY_STORE_URL: postgres }),
      LATCHKEY_LOG_LEVEL: 'trace',
      LATCHKEY_SIGN_IN_MAX_FAILURES: '100',
    });
    const storeUrl = postgres ?? `sqlite:${work.directory}/data/latchkey.db`;
    await work.run(['migrate']);
    const input = directory.lines.map((line) => JSON.stringify(line)).join('\n');
    const imported = await work.run(['import', '-'], { input });
    expect(imported.code, imported.stderr).toBe(0);
    // The same again, and what is no line: what an import says of either.
    const refused = await work.run(['import', '-'], {
      input: `${input.replaceAll('"kind"', '"sort"')}\n${input.slice(0, -5)}`,
    });
    expect(refused.code).toBe(1);
    const running = await work.serve();
    const journey: Journey = {
      server: recordCanaries(remoteServer(running.url), [...directory.secrets, ...operatorSecrets(key)]),
      directory,
      mail,
      storeUrl,
      now: () => Date.now(),
      advance: () => undefined,
    };
    const waiting = await travel(journey);
    expectOnlyWhereMeant(journey);
    const audit = await work.run(['audit', '--json']);
    const shown = await work.run(['account', 'show', directory.who('plain-login').email, '--json']);
    const checked = await work.run(['doctor']);
    const { stdout, stderr } = await running.end('SIGTERM');
    expect(stdout).toContain('"level":20');
    expect(stdout).toContain('a request failed');
    expectClean(
      {
        'the log': stdout,
        'the store, while codes wait': waiting,
        'the store, when all has ended': await dumpStore(storeUrl),
        'the audit log': audit.stdout,
        'what is shown of an account': shown.stdout,
        'what is said of the rest': [imported, refused, checked, audit, shown, { stdout: '', stderr }]
          .map(
            (each) =>
              `${each.stderr}${each === imported || each === refused || each === checked ? each.stdout : ''}`,
          )
          .join('\n'),
      },
      journey.server.secrets,
    );
    work.remove();
    await mail.stop();
  });
});

function operatorSecrets(key: string): Secret[] {
  return [
    { what: 'secrets.key', text: key },
    { what: 'the bytes of secrets.key', text: Buffer.from(key, 'base64') },
    { what: 'shared secret of a mount', text: SHARED_SECRET },
  ];
}
