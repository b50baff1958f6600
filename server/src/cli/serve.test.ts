import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { TEST_SETTINGS, uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { startMailSink } from '../../testing/mail-sink.ts';
import { keptLog } from '../../testing/ports.ts';
import { createDatabase, freePort } from '../../testing/postgres.ts';
import { makeWorkplace, PROGRAM, type RunningServer, type Workplace } from '../../testing/process.ts';
import { openCore } from '../core.ts';
import { hashPassword } from '../crypto/password-hash.ts';
import { sealMail } from '../delivery/queue-mail.ts';
import { enqueueMail } from '../store/outbox.ts';

const PASSWORD = 'the password of everybody here';
const PASSWORD_HASH = hashPassword(PASSWORD, { memoryKib: 256, passes: 1, parallelism: 1 });
const KILLS = 4;

interface Answer {
  readonly status: number;
  readonly body: Record<string, string>;
}

async function post(url: string, body: object): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

/** What clients were told had happened. */
interface Ledger {
  readonly spentCodes: string[];
  readonly signedIn: string[];
  /** Each session's tokens in the order in which they were handed out. */
  readonly chains: string[][];
  failures: number;
}

// Each server is a process of its own: slow where the machine has other work.
describe.each(ENGINES)('a served store on %s', { timeout: 120_000 }, (engine) => {
  const workplaces: Workplace[] = [];
  afterAll(() => {
    for (const work of workplaces) work.remove();
  });

  async function makeLoaded(settings: Record<string, string> = {}): Promise<Workplace> {
    const store =
      engine === 'postgres' ? { LATCHKEY_STORE_URL: await createDatabase(inject('postgresUrl')) } : {};
    const work = makeWorkplace({
      ...store,
      LATCHKEY_SECRETS_KEY: randomBytes(32).toString('base64'),
      LATCHKEY_PUBLIC_URL: 'https://id.example.com',
      ...settings,
    });
    workplaces.push(work);
    await work.run(['migrate']);
    const lines = [
      { kind: 'organisation', id: uuid(900), settings: { maxFailedSignInAttempts: 2 } },
      {
        ...{ kind: 'account', id: uuid(901), username: 'lockable', organisation: uuid(900) },
        ...{ passwordHash: PASSWORD_HASH, emailValidated: true },
      },
      ...Array.from({ length: 20 }, (_, index) => ({
        kind: 'account',
        id: uuid(index + 1),
        username: `user${index}`,
        email: `user${index}@example.com`,
        passwordHash: PASSWORD_HASH,
        emailValidated: true,
        secondFactor: { email: index === 19 },
      })),
      ...Array.from({ length: 600 }, (_, index) => ({
        kind: 'resource',
        context: 'kill',
        code: `CODE${index}`,
      })),
    ];
    const loaded = await work.run(['import', '-'], {
      input: lines.map((line) => JSON.stringify(line)).join('\n'),
    });
    expect(loaded.code, loaded.stderr).toBe(0);
    return work;
  }
  const spend = (server: RunningServer, code: string) =>
    post(`${server.url}/api/v1/auth/sign-in`, {
      type: 'resource',
      data: { resource: `voucher::kill::code::${code}` },
    });
  const signIn = (server: RunningServer, username: string, password = PASSWORD) =>
    post(`${server.url}/auth/login`, { username, password });
  const refresh = (server: RunningServer, refresh_token: string) =>
    post(`${server.url}/auth/refresh-token`, { refresh_token });

  test('loses nothing that was acknowledged when it is killed, and revives nothing that was spent', {
    timeout: 120_000,
  }, async () => {
    const work = await makeLoaded({
      LATCHKEY_SIGN_IN_MAX_FAILURES: '100',
      LATCHKEY_REFRESH_GRACE_SECONDS: '1',
    });
    const ledger: Ledger = { spentCodes: [], signedIn: [], chains: [], failures: 0 };
    let next = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const server = await work.serve();
      let alive = true;
      const busy = async (work: () => Promise<void>) => {
        while (alive) await work().catch(() => undefined);
      };
      const clients = [
        busy(async () => {
          const code = `CODE${next++}`;
          if ((await spend(server, code)).status === 200) ledger.spentCodes.push(code);
        }),
        busy(async () => {
          const { body, status } = await signIn(server, 'user0');
          if (status === 200) ledger.signedIn.push(body.access_token ?? '');
        }),
        busy(async () => {
          const { body } = await signIn(server, 'user1');
          const chain = [body.refresh_token ?? ''];
          ledger.chains.push(chain);
          for (let step = 0; step < 5; step += 1)
            chain.push((await refresh(server, chain.at(-1) ?? '')).body.refresh_token ?? '');
        }),
        busy(async () => {
          if ((await signIn(server, 'user2', 'a wrong password')).status === 401) ledger.failures += 1;
        }),
      ];
      await new Promise((resolve) => setTimeout(resolve, 250 + Math.random() * 400));
      await server.end('SIGKILL');
      alive = false;
      await Promise.all(clients);
    }
    expect(ledger.spentCodes.length).toBeGreaterThan(KILLS);
    expect(ledger.signedIn.length).toBeGreaterThan(KILLS);

    const server = await work.serve();
    for (const code of ledger.spentCodes) expect((await spend(server, code)).status, code).toBe(400);
    for (const token of ledger.signedIn) {
      const session = await fetch(`${server.url}/v1/session`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(session.status).toBe(200);
    }
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const complete = ledger.chains.filter(
      (chain) => chain.length === 6 && chain.every((token) => token !== ''),
    );
    expect(complete.length).toBeGreaterThan(0);
    for (const [index, chain] of complete.entries()) {
      // The newest is good; an old one is reuse, which ends the session.
      if (index % 2 === 0) expect((await refresh(server, chain[5] ?? '')).status).toBe(200);
      expect((await refresh(server, chain[2] ?? '')).status).toBe(401);
    }
    const shown = JSON.parse((await work.run(['account', 'show', 'user2', '--json'])).stdout) as {
      failedSignIns: number;
    };
    expect(shown.failedSignIns).toBeGreaterThanOrEqual(ledger.failures);
    expect((await server.end('SIGTERM')).code).toBe(0);
  });

  test('finishes what is in flight when it is told to stop, and exits 0', async () => {
    const work = await makeLoaded({ LATCHKEY_HASHING_MEMORY_KIB: '65536', LATCHKEY_HASHING_PASSES: '2' });
    const server = await work.serve();
    await signIn(server, 'user3');
    const inFlight = Array.from({ length: 4 }, (_, index) => signIn(server, `user${index + 4}`));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const ended = await server.end('SIGTERM');
    expect(ended.code).toBe(0);
    for (const answer of await Promise.all(inFlight)) expect(answer.status).toBe(200);
    expect(ended.stdout).toContain('"msg":"stopped"');
  });

  test('is told to stop twice, as by a terminal and by npm, and stops once', async () => {
    const work = await makeLoaded();
    const server = await work.serve();
    await signIn(server, 'user3');
    const ended = server.end('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 50));
    process.kill(server.pid, 'SIGINT');
    expect(await ended).toMatchObject({ code: 0, stdout: expect.stringContaining('"msg":"stopped"') });
  });

  test('TH-2: counts failures over a kill, and on the next server', async () => {
    const work = await makeLoaded({
      LATCHKEY_SIGN_IN_MAX_FAILURES: '6',
      LATCHKEY_SIGN_IN_LOCK_SECONDS: '900',
    });
    for (let round = 0; round < 2; round += 1) {
      const server = await work.serve();
      for (let each = 0; each < 3; each += 1)
        expect((await signIn(server, 'user5', 'a wrong password')).status).toBe(401);
      await server.end('SIGKILL');
    }
    const server = await work.serve();
    expect((await signIn(server, 'user5')).status).toBe(429);
    for (let each = 0; each < 2; each += 1)
      expect((await signIn(server, 'lockable', 'a wrong password')).status).toBe(401);
    await server.end('SIGKILL');
    const next = await work.serve();
    // Answered as a wrong password, until the lock ends.
    expect((await signIn(next, 'lockable')).status).toBe(401);
    const shown = JSON.parse((await work.run(['account', 'show', 'lockable', '--json'])).stdout) as {
      locked: { until: string } | null;
    };
    expect(Date.parse(shown.locked?.until ?? '')).toBeGreaterThan(Date.now());
    expect((await work.run(['account', 'unlock', 'lockable'])).code).toBe(0);
    expect((await signIn(next, 'lockable')).status).toBe(200);
    await next.end('SIGTERM');
  });

  test('DL-2: a thousand mails outlive kills, and each goes out', { timeout: 240_000 }, async () => {
    const sink = await startMailSink();
    const work = await makeLoaded({ LATCHKEY_MAIL_URL: sink.url });
    const core = await openCore(work.configuration(), keptLog());
    const now = core.clock.now();
    for (let number = 0; number < 1000; number += 100) {
      const mails = Array.from({ length: 100 }, (_, index) =>
        sealMail(
          {
            to: { name: '', address: `queued${number + index}@example.com` },
            subject: 'Your sign-in code',
            text: '123456\n',
            html: '<p>123456</p>',
          },
          'sign-in-code',
          { now, expiresAt: now + 600_000 },
          core.vault,
          core.random,
        ),
      );
      await core.store.commit(mails.map(enqueueMail));
    }
    for (const enough of [100, 400, 1000]) {
      const server = await work.serve();
      const waiting = async () => (enough < 1000 ? 0 : (await core.store.outbox.depth()).waiting);
      while (sink.delivered.length < enough || (await waiting()) > 0)
        await new Promise((resolve) => setTimeout(resolve, 10));
      await server.end(enough < 1000 ? 'SIGKILL' : 'SIGTERM');
    }
    const addresses = new Set(sink.delivered.flatMap(({ recipients }) => recipients));
    expect(addresses.size).toBe(1000);
    // Whatever went out twice has one Message-ID, by which mail stores show it once.
    expect(new Set(sink.delivered.map(({ messageId }) => messageId)).size).toBe(1000);
    expect(await core.store.outbox.depth()).toEqual({ waiting: 0, dead: 0 });
    await core.store.close();
    await sink.stop();
  });

  test('DL-2: mails what it could not mail before it was killed', async () => {
    const port = await freePort();
    const work = await makeLoaded({ LATCHKEY_MAIL_URL: `smtp://127.0.0.1:${port}` });
    const first = await work.serve();
    const begun = Date.now();
    const challenge = await signIn(first, 'user19');
    expect(challenge.status).toBe(401);
    expect(Date.now() - begun).toBeLessThan(5000);
    await first.end('SIGKILL');
    const sink = await startMailSink(port);
    const second = await work.serve();
    const code = await sink.code('user19@example.com');
    const { challenge_token } = (
      challenge.body as unknown as { extra_attributes: { challenge_token: string } }
    ).extra_attributes;
    expect((await post(`${second.url}/v1/challenges/verify`, { challenge_token, code })).status).toBe(200);
    await second.end('SIGTERM');
    await sink.stop();
  });
});

describe('a server without a mail server', () => {
  test('prints its mails to stderr, never among the data', async () => {
    const work = makeWorkplace();
    const ada = { kind: 'account', id: uuid(1), username: 'ada', passwordHash: PASSWORD_HASH };
    const line = JSON.stringify({
      ...ada,
      email: 'ada@example.com',
      emailValidated: true,
      secondFactor: { email: true },
    });
    expect((await work.run(['import', '-'], { input: line })).code).toBe(0);
    const server = await work.serve();
    const begun = await post(`${server.url}/auth/login`, { username: 'ada', password: PASSWORD });
    const { challenge_token } = (begun.body as unknown as { extra_attributes: Record<string, string> })
      .extra_attributes;
    const printed = /^mail to ada@example\.com: .*[\s\S]*?^ *(\d{6})$/m;
    while (!printed.test(server.stderr())) await new Promise((resolve) => setTimeout(resolve, 10));
    const code = printed.exec(server.stderr())?.[1] ?? '';
    expect((await post(`${server.url}/v1/challenges/verify`, { challenge_token, code })).status).toBe(200);
    const { stdout } = await server.end('SIGTERM');
    expect(stdout).not.toContain(code);
    work.remove();
  });
});

describe('a server whose spans nobody takes', { timeout: 120_000 }, () => {
  async function stopsInFlight(collector: string): Promise<void> {
    const work = makeWorkplace({
      LATCHKEY_TRACING_URL: `${collector}/v1/traces`,
      LATCHKEY_HASHING_MEMORY_KIB: '65536',
      LATCHKEY_HASHING_PASSES: '2',
    });
    const ada = { kind: 'account', id: uuid(1), username: 'ada', passwordHash: PASSWORD_HASH };
    await work.run(['import', '-'], { input: JSON.stringify({ ...ada, emailValidated: true }) });
    const server = await work.serve();
    const signIn = () => post(`${server.url}/auth/login`, { username: 'ada', password: PASSWORD });
    await signIn();
    const inFlight = Array.from({ length: 3 }, signIn);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const ended = await server.end('SIGTERM');
    for (const answer of await Promise.all(inFlight)) expect(answer.status).toBe(200);
    expect(ended.stdout).toContain('"msg":"the last spans were not sent"');
    expect(ended.stdout).toContain('"msg":"stopped"');
    expect(ended.code).toBe(0);
    work.remove();
  }

  test('finishes what is in flight when it is told to stop, and exits 0: the collector is down', async () => {
    await stopsInFlight(`http://127.0.0.1:${await freePort()}`);
  });

  test('and it says nothing', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    await stopsInFlight(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    silent.close();
  });
});

describe('two nodes on one PostgreSQL', { timeout: 120_000 }, () => {
  test('count together, spend once, and see at once what the other ended', async () => {
    const work = makeWorkplace({
      LATCHKEY_STORE_URL: await createDatabase(inject('postgresUrl')),
      LATCHKEY_SECRETS_KEY: randomBytes(32).toString('base64'),
      LATCHKEY_SIGN_IN_MAX_FAILURES: '5',
      LATCHKEY_PUBLIC_URL: 'https://id.example.com',
    });
    await work.run(['migrate']);
    const people = Array.from({ length: 3 }, (_, index) => ({
      kind: 'account',
      id: uuid(index + 1),
      username: `user${index}`,
      passwordHash: PASSWORD_HASH,
      emailValidated: true,
    }));
    await work.run(['import', '-'], {
      input: [...people, { kind: 'resource', context: 'c', code: 'ONCE' }]
        .map((line) => JSON.stringify(line))
        .join('\n'),
    });
    const nodes = await Promise.all([work.serve(), work.serve()]);
    const [one, other] = nodes as [RunningServer, RunningServer];
    const login = (node: RunningServer, username: string, password = PASSWORD) =>
      post(`${node.url}/auth/login`, { username, password });

    const guesses = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        login(index % 2 === 0 ? one : other, 'user0', 'a wrong password'),
      ),
    );
    expect(guesses.filter(({ status }) => status === 401)).toHaveLength(5);
    expect(guesses.filter(({ status }) => status === 429)).toHaveLength(95);

    const spent = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        post(`${(index % 2 === 0 ? one : other).url}/api/v1/auth/sign-in`, {
          type: 'resource',
          data: { resource: 'voucher::c::code::ONCE' },
        }),
      ),
    );
    expect(spent.filter(({ status }) => status === 200)).toHaveLength(1);

    const { access_token, refresh_token } = (await login(one, 'user1')).body;
    const session = async (node: RunningServer) =>
      (await fetch(`${node.url}/v1/session`, { headers: { authorization: `Bearer ${access_token}` } }))
        .status;
    expect(await session(other)).toBe(200);
    const children = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        post(`${(index % 2 === 0 ? one : other).url}/auth/refresh-token`, { refresh_token }),
      ),
    );
    expect(new Set(children.map(({ body }) => body.refresh_token)).size).toBe(1);
    await work.run(['account', 'disable', 'user1']);
    expect([await session(one), await session(other)]).toEqual([401, 401]);
    await Promise.all(nodes.map((node) => node.end('SIGTERM')));
    work.remove();
  });
});

describe('a server that is told to stop while it starts', () => {
  test.each([['serve'], ['demo']])('`%s` stops once it has started, and exits 0', async (command) => {
    const work = makeWorkplace();
    const told = new AbortController();
    const ended = work.run([command], { stop: told.signal });
    // Made first of all, and long before it listens.
    while (!existsSync(join(work.directory, 'data'))) await new Promise((resolve) => setTimeout(resolve, 1));
    told.abort();
    expect(await ended).toMatchObject({ code: 0, stdout: expect.stringContaining('"msg":"stopped"') });
    work.remove();
  });
});

describe('on a terminal', () => {
  test.each([['info'], ['warn']])('the address is printed once where %s is logged', async (level) => {
    const work = makeWorkplace();
    const port = String(await freePort());
    const onTerminal = ['script', '--quiet', '--return', '--command', `exec ${PROGRAM} serve`, 'typescript'];
    const server = spawn(onTerminal[0] ?? '', onTerminal.slice(1), {
      cwd: work.directory,
      env: { ...process.env, ...TEST_SETTINGS, LATCHKEY_LISTEN_PORT: port, LATCHKEY_LOG_LEVEL: level },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let said = '';
    server.stdout.on('data', (piece: Buffer) => {
      said += piece.toString();
    });
    const ended = new Promise((resolve) => server.once('exit', resolve));
    const isReady = async () => (await post(`http://127.0.0.1:${port}/auth/login`, {})).status > 0;
    while (!(await isReady().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 20));
    // What a terminal makes of ^C.
    server.stdin.write('\u0003');
    expect(await ended).toBe(0);
    expect(said.match(/listening on http/g)).toHaveLength(1);
    work.remove();
  });
});

describe('the demo', () => {
  test('is loaded to its end after it was killed in the middle', { timeout: 120_000 }, async () => {
    const work = makeWorkplace({
      LATCHKEY_SECRETS_KEY: randomBytes(32).toString('base64'),
      LATCHKEY_HASHING_MEMORY_KIB: '65536',
      LATCHKEY_HASHING_PASSES: '4',
    });
    const { store } = await openCore(work.configuration(), keptLog());
    const installations = async () => (await store.installations.page('', 10)).length;
    const kill = new AbortController();
    const killed = work.run(['demo'], { kill: kill.signal });
    // Installations come after accounts, and their passwords take time.
    while ((await store.accounts.count()) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    kill.abort();
    expect((await killed).code).toBe(null);
    expect(await installations()).toBe(0);
    const server = await work.serve(['demo'], { LATCHKEY_HASHING_PASSES: '1' });
    expect(await installations()).toBe(2);
    expect((await server.end('SIGTERM')).code).toBe(0);
    await store.close();
    work.remove();
  });

  test('leaves a store of others as it is', async () => {
    const work = makeWorkplace();
    const ada = { kind: 'account', id: uuid(1), username: 'ada', passwordHash: PASSWORD_HASH };
    expect((await work.run(['import', '-'], { input: JSON.stringify(ada) })).code).toBe(0);
    const server = await work.serve(['demo']);
    expect(JSON.parse((await work.run(['account', 'list', '--json'])).stdout)).toHaveLength(1);
    expect((await server.end('SIGTERM')).code).toBe(0);
    work.remove();
  });

  test('prints a curl line for each contract that answers with its success, also after a second start', {
    timeout: 60_000,
  }, async () => {
    const { execFileSync } = await import('node:child_process');
    const work = makeWorkplace({ LATCHKEY_HASHING_MEMORY_KIB: '19456' });
    for (const start of ['first', 'second']) {
      const server = await work.serve(['demo']);
      for (let waited = 0; waited < 5000 && !server.stdout().includes('/docs'); waited += 20)
        await new Promise((resolve) => setTimeout(resolve, 20));
      const lines = server
        .stdout()
        .split('\n')
        .filter((line) => line.startsWith('curl '));
      expect(lines).toHaveLength(7);
      const answers = lines.map((line) => JSON.parse(execFileSync('sh', ['-c', line]).toString()));
      expect(answers.map((answer) => Object.keys(answer)[0])).toEqual([
        'statusCode',
        'accessToken',
        'status_code',
        'authorization',
        'authorization',
        'authorization',
        'access_token',
      ]);
      expect(answers[0].statusCode).toBe(200);
      expect(answers[2].result[0]).toHaveLength(1);
      expect(server.stderr().includes('loaded the demo directory')).toBe(start === 'first');
      expect((await server.end('SIGINT')).code).toBe(0);
    }
    work.remove();
  });
});
