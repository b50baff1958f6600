import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { startMailSink } from '../../testing/mail-sink.ts';
import { keptLog } from '../../testing/ports.ts';
import { createDatabase } from '../../testing/postgres.ts';
import { makeWorkplace, type RunningServer, type Workplace } from '../../testing/process.ts';
import { hashThreads } from '../app.ts';
import { openCore } from '../core.ts';
import { hashPassword } from '../crypto/password-hash.ts';
import { sealMail } from '../delivery/queue-mail.ts';
import { enqueueMail } from '../store/outbox.ts';

const PASSWORD = 'the password of everybody here';
const PASSWORD_HASH = hashPassword(PASSWORD, { memoryKib: 256, passes: 1, parallelism: 1 });
const WORKERS = 2;
const serveAll = ['serve', '--workers', String(WORKERS)];

interface Answer {
  readonly status: number;
  readonly body: Record<string, string>;
}

/** Each request has a connection of its own, so that they come to all workers in turn. */
async function ask(url: string, options: RequestInit = {}): Promise<Answer> {
  const headers = { ...options.headers, connection: 'close' };
  const response = await fetch(url, { ...options, headers });
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text || '{}') as Record<string, string> };
}

const post = (url: string, body: object, headers: Record<string, string> = {}): Promise<Answer> =>
  ask(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

const many = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));

const statusesOf = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status);

const login = ({ url }: RunningServer, username: string, password = PASSWORD): Promise<Answer> =>
  post(`${url}/auth/login`, { username, password });

const spend = ({ url }: RunningServer, code: string): Promise<Answer> =>
  post(`${url}/api/v1/auth/sign-in`, {
    type: 'resource',
    data: { resource: `voucher::c::code::${code}` },
  });

/** What each of the workers says of an access token. */
const sessions = async ({ url }: RunningServer, token = ''): Promise<number[]> =>
  statusesOf(
    await many(2 * WORKERS, () =>
      ask(`${url}/v1/session`, { headers: { authorization: `Bearer ${token}` } }),
    ),
  );
const all = (status: number): number[] => Array<number>(2 * WORKERS).fill(status);

/** The processes that a server's first one has started. */
const workersOf = ({ pid }: RunningServer): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

/** Those that hash, and nothing else, have the lowest priority there is. */
const threadsOfLowestPriority = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`).filter((thread) => {
    const [, rest = ''] = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').split(') ');
    return rest.split(' ')[16] === '19';
  }).length;

const pidsThatAnswered = (server: RunningServer): Set<number> =>
  new Set(
    server
      .stdout()
      .split('\n')
      .flatMap((line) =>
        line.includes('"msg":"request"') ? [(JSON.parse(line) as { pid: number }).pid] : [],
      ),
  );

const workplaces: Workplace[] = [];
afterEach(() => {
  for (const work of workplaces.splice(0)) work.remove();
});

async function makeLoaded(
  engine: (typeof ENGINES)[number],
  settings: Record<string, string> = {},
): Promise<Workplace> {
  const store =
    engine === 'postgres' ? { LATCHKEY_STORE_URL: await createDatabase(inject('postgresUrl')) } : {};
  const ours = {
    LATCHKEY_SECRETS_KEY: randomBytes(32).toString('base64'),
    LATCHKEY_HASHING_QUEUE_MILLISECONDS: '60000',
  };
  const work = makeWorkplace({ ...store, ...ours, ...settings });
  workplaces.push(work);
  await work.run(['migrate']);
  const lines = [
    ...Array.from({ length: 10 }, (_, index) => ({
      kind: 'account',
      id: uuid(index + 1),
      username: `user${index}`,
      passwordHash: PASSWORD_HASH,
      emailValidated: true,
    })),
    ...Array.from({ length: 1000 }, (_, index) => ({ kind: 'resource', context: 'c', code: `CODE${index}` })),
  ];
  const loaded = await work.run(['import', '-'], {
    input: lines.map((line) => JSON.stringify(line)).join('\n'),
  });
  expect(loaded.code, loaded.stderr).toBe(0);
  return work;
}

describe.each(ENGINES)('workers on %s', { timeout: 120_000 }, (engine) => {
  test('count together, spend once, and see at once what another ended', async () => {
    const work = await makeLoaded(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '5' });
    const server = await work.serve(serveAll);
    const guesses = statusesOf(await many(60, () => login(server, 'user0', 'a wrong password')));
    expect(guesses.filter((status) => status === 401)).toHaveLength(5);
    expect(guesses.filter((status) => status === 429)).toHaveLength(55);

    const spent = statusesOf(await many(60, () => spend(server, 'CODE0')));
    expect(spent.filter((status) => status === 200)).toHaveLength(1);

    const { access_token, refresh_token } = (await login(server, 'user1')).body;
    const children = await many(60, () => post(`${server.url}/auth/refresh-token`, { refresh_token }));
    expect(new Set(children.map(({ body }) => body.refresh_token)).size).toBe(1);
    expect(await sessions(server, access_token)).toEqual(all(200));
    await work.run(['account', 'disable', 'user1']);
    expect(await sessions(server, access_token)).toEqual(all(401));

    const mine = (await login(server, 'user2')).body;
    expect(await sessions(server, mine.access_token)).toEqual(all(200));
    await post(`${server.url}/v1/sign-out`, {}, { authorization: `Bearer ${mine.access_token}` });
    expect(await sessions(server, mine.access_token)).toEqual(all(401));

    const old = (await login(server, 'user3')).body;
    await work.run(['key', 'rotate', '--emergency']);
    // As long as servers may take to read the keys again.
    await sleep(2000);
    expect(await sessions(server, old.access_token)).toEqual(all(401));
    const fresh = (await login(server, 'user3')).body;
    expect(await sessions(server, fresh.access_token)).toEqual(all(200));

    expect(pidsThatAnswered(server)).toEqual(new Set(workersOf(server)));
    expect((await server.end('SIGTERM')).code).toBe(0);
    expect(await work.run(['audit', 'verify'])).toMatchObject({ code: 0 });
  });

  test('have one limit for a client address, which outlives each of them', async () => {
    const work = await makeLoaded(engine, { LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":20,"seconds":600}' });
    const server = await work.serve(serveAll);
    const told = statusesOf(await many(90, (index) => login(server, `nobody${index}`)));
    expect(told.filter((status) => status === 401)).toHaveLength(20);
    expect(told.filter((status) => status === 429)).toHaveLength(70);
    for (const pid of workersOf(server)) process.kill(pid, 'SIGKILL');
    await expect
      .poll(() => login(server, 'nobody').catch(() => null), { timeout: 20_000 })
      .toMatchObject({ status: 429 });
    expect(statusesOf(await many(9, () => login(server, 'user0')))).toEqual(Array(9).fill(429));
    await server.end('SIGTERM');
  });
});

describe('workers', { timeout: 120_000 }, () => {
  test('of which one is killed under load go on, lose nothing that was told, and are as many again', async () => {
    const work = await makeLoaded('sqlite');
    const server = await work.serve(serveAll);
    const spent: string[] = [];
    let next = 0;
    let isOver = false;
    const clients = many(8, async () => {
      while (!isOver) {
        const code = `CODE${next++}`;
        // Whoever was connected to the one that is killed gets no answer.
        if ((await spend(server, code).catch(() => null))?.status === 200) spent.push(code);
      }
    });
    const before = workersOf(server);
    const killed: number[] = [];
    const answering = () => {
      const have = pidsThatAnswered(server);
      return workersOf(server).filter((pid) => have.has(pid) && !killed.includes(pid)).length;
    };
    for (const kill of [0, 1]) {
      await expect.poll(() => spent.length, { timeout: 20_000 }).toBeGreaterThan(20 * (kill + 1));
      await expect.poll(answering, { timeout: 40_000 }).toBe(WORKERS);
      const victim = before[kill] ?? 0;
      killed.push(victim);
      process.kill(victim, 'SIGKILL');
      // The others answer meanwhile.
      const told = spent.length;
      await expect.poll(() => spent.length, { timeout: 20_000 }).toBeGreaterThan(told + 20);
    }
    await expect.poll(answering, { timeout: 40_000 }).toBe(WORKERS);
    isOver = true;
    await clients;
    expect(workersOf(server)).toHaveLength(WORKERS);
    expect(workersOf(server).filter((pid) => before.includes(pid))).toHaveLength(WORKERS - 2);
    expect(server.stdout()).toContain('a worker ended: another takes its place');
    expect(statusesOf(await Promise.all(spent.map((code) => spend(server, code))))).not.toContain(200);
    expect((await server.end('SIGTERM')).code).toBe(0);
    expect(await work.run(['audit', 'verify'])).toMatchObject({ code: 0 });
  });

  test('finish what is in flight when the server is told to stop, and it exits 0', async () => {
    const work = await makeLoaded('sqlite', {
      LATCHKEY_HASHING_MEMORY_KIB: '65536',
      LATCHKEY_HASHING_PASSES: '2',
    });
    const server = await work.serve(serveAll);
    await login(server, 'user0');
    const inFlight = many(6, (index) => login(server, `user${index}`));
    await sleep(30);
    const ended = await server.end('SIGTERM');
    expect(ended.code).toBe(0);
    expect(statusesOf(await inFlight)).toEqual(Array(6).fill(200));
    expect(ended.stdout.match(/"msg":"stopped"/g)).toHaveLength(WORKERS);
    expect(ended.stdout).toContain('"msg":"all workers have stopped"');
  });

  test('of which one hangs are stopped all the same, and the exit code tells', async () => {
    const work = await makeLoaded('sqlite');
    const server = await work.serve(serveAll);
    process.kill(workersOf(server)[0] ?? 0, 'SIGSTOP');
    expect((await server.end('SIGTERM')).code).toBe(1);
  });

  test('go on while the process over them hangs, each by its own count', async () => {
    const work = await makeLoaded('sqlite', { LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":20,"seconds":600}' });
    const server = await work.serve(serveAll);
    process.kill(server.pid, 'SIGSTOP');
    expect(await login(server, 'user0')).toMatchObject({ status: 200 });
    const told = statusesOf(await many(40 * WORKERS, (index) => login(server, `nobody${index}`)));
    expect(told.filter((status) => status === 401).length).toBeLessThanOrEqual(20 * WORKERS);
    expect(told.filter((status) => status === 429).length).toBeGreaterThanOrEqual(20 * WORKERS);
    process.kill(server.pid, 'SIGCONT');
    await expect.poll(() => login(server, 'user0'), { timeout: 20_000 }).toMatchObject({ status: 429 });
    const { code, stdout } = await server.end('SIGTERM');
    expect(code).toBe(0);
    expect(stdout).toContain('the count of all workers does not answer');
  });

  test('say where they listen once, when all of them do, and keep the port when all of them die', async () => {
    const work = await makeLoaded('sqlite');
    const server = await work.serve(serveAll);
    const first = workersOf(server);
    expect(first).toHaveLength(WORKERS);
    for (const pid of first) process.kill(pid, 'SIGKILL');
    const isReady = () => ask(`${server.url}/readyz`).catch(() => null);
    await expect.poll(isReady, { timeout: 20_000 }).toMatchObject({ status: 200 });
    const { code, stdout, stderr } = await server.end('SIGINT');
    expect(code).toBe(0);
    expect(stderr.match(/listening on/g)).toHaveLength(1);
    expect(stdout.match(/listening on/g)).toHaveLength(1);
  });

  test('send what waits at a start once, however many they are', async () => {
    const sink = await startMailSink();
    const work = await makeLoaded('sqlite', { LATCHKEY_MAIL_URL: sink.url });
    const core = await openCore(work.configuration(), keptLog());
    const [now, text] = [core.clock.now(), { subject: 'Your sign-in code', text: '123456\n', html: '' }];
    const mails = Array.from({ length: 200 }, (_, index) =>
      sealMail(
        { to: { name: '', address: `queued${index}@example.com` }, ...text },
        'sign-in-code',
        { now, expiresAt: now + 600_000 },
        core.vault,
        core.random,
      ),
    );
    await core.store.commit(mails.map(enqueueMail));
    const server = await work.serve(serveAll);
    const waiting = async () => (await core.store.outbox.depth()).waiting;
    await expect.poll(waiting, { timeout: 30_000 }).toBe(0);
    expect((await server.end('SIGTERM')).code).toBe(0);
    expect(sink.delivered).toHaveLength(200);
    await core.store.close();
    await sink.stop();
  });

  test('tell their metrics together, whichever of them is asked', async () => {
    const work = await makeLoaded('sqlite');
    const server = await work.serve(serveAll);
    await many(30, (index) => login(server, `user${index % 10}`));
    const scrapes = await many(6, async () => (await fetch(`${server.url}/metrics`)).text());
    for (const text of scrapes) {
      expect(text).toMatch(/^latchkey_sign_ins_total\{mount="login",outcome="signed-in"\} 30$/m);
      expect(text).toMatch(/^latchkey_info\{version="[^"]+"\} 1$/m);
    }
    await server.end('SIGTERM');
  });

  test('share the processors: together they have no more hashing threads than one process has', async () => {
    const work = await makeLoaded('sqlite');
    const processors = availableParallelism();
    for (const count of [1, 2]) {
      const server = await work.serve(['serve', '--workers', String(count)]);
      const pids = count === 1 ? [server.pid] : workersOf(server);
      const threads = Array.from({ length: count }, (_, place) => hashThreads(processors, { count, place }));
      // Threads are there from when they are wanted.
      await many(20 * processors, (index) => login(server, `nobody${index}`));
      await expect
        .poll(() => pids.map(threadsOfLowestPriority).sort(), { timeout: 30_000 })
        .toEqual(threads.sort());
      await server.end('SIGTERM');
    }
  });

  test('have a hashing thread for each processor between them, and at least one each', () => {
    for (let processors = 1; processors <= 9; processors += 1)
      for (let count = 1; count <= 9; count += 1) {
        const threads = Array.from({ length: count }, (_, place) =>
          hashThreads(processors, { count, place }),
        );
        expect(threads.reduce((sum, each) => sum + each)).toBe(Math.max(processors, count));
        expect(Math.max(...threads) - Math.min(...threads)).toBeLessThanOrEqual(1);
      }
  });

  test('go on when another cannot be started for a while', async () => {
    const work = await makeLoaded('sqlite');
    const server = await work.serve(serveAll);
    const [victim = 0] = workersOf(server);
    // Without a file descriptor left, the process over them can start nothing.
    const limit = (descriptors: string) =>
      execFileSync('prlimit', ['--pid', String(server.pid), `--nofile=${descriptors}:`]);
    const [, before = ''] =
      /^Max open files +(\d+)/m.exec(readFileSync(`/proc/${server.pid}/limits`, 'utf8')) ?? [];
    limit('3');
    process.kill(victim, 'SIGKILL');
    await expect.poll(() => server.stdout(), { timeout: 20_000 }).toContain('a worker could not be started');
    expect(await login(server, 'user0')).toMatchObject({ status: 200 });
    limit(before);
    await expect.poll(() => workersOf(server).length, { timeout: 20_000 }).toBe(WORKERS);
    expect((await server.end('SIGTERM')).code).toBe(0);
  });

  test('are given the number of all, whatever the configuration says by the time that one takes a place over', async () => {
    const work = await makeLoaded('sqlite');
    const file = `${work.directory}/latchkey.config.json`;
    writeFileSync(file, JSON.stringify({ workers: WORKERS }));
    const server = await work.serve(['serve']);
    writeFileSync(file, JSON.stringify({ workers: 1 }));
    for (const pid of workersOf(server)) process.kill(pid, 'SIGKILL');
    const metrics = async () => (await fetch(`${server.url}/metrics`)).text();
    await expect
      .poll(() => ask(`${server.url}/readyz`).catch(() => null), { timeout: 20_000 })
      .toMatchObject({ status: 200 });
    await expect.poll(() => workersOf(server).length, { timeout: 20_000 }).toBe(WORKERS);
    await many(12, (index) => login(server, `user${index % 10}`));
    // Whoever took itself for the whole server would tell of its own alone.
    for (const text of await many(6, metrics))
      expect(text).toMatch(/^latchkey_sign_ins_total\{mount="login",outcome="signed-in"\} 12$/m);
    await server.end('SIGTERM');
  });

  test('do not begin with a configuration that is wrong, and say what is wrong as one process does', async () => {
    const work = await makeLoaded('sqlite');
    const taken = createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port));
    });
    const wrong: Record<string, string>[] = [
      { LATCHKEY_LISTEN_PORT: String(port) },
      { LATCHKEY_LISTEN_HOST: '203.0.113.9', LATCHKEY_LISTEN_PORT: '8080' },
      { LATCHKEY_SECRETS_KEY: randomBytes(32).toString('base64') },
      { LATCHKEY_MOUNTS: '[]', LATCHKEY_WORKERS: '0' },
    ];
    for (const environment of wrong) {
      const alone = await work.run(['serve'], { environment });
      const together = await work.run(serveAll, { environment });
      expect(alone).toMatchObject({ code: 1, stderr: expect.stringMatching(/^latchkey: ./) });
      expect(together).toMatchObject({ code: 1, stderr: alone.stderr });
    }
    for (const number of ['0', '65', 'auto', '1.5'])
      expect(await work.run(['serve', '--workers', number])).toMatchObject({ code: 2 });
    await new Promise((resolve) => taken.close(resolve));
  });

  test('give up when none serves and none can', async () => {
    const work = makeWorkplace();
    workplaces.push(work);
    const server = await work.serve(['serve'], { LATCHKEY_WORKERS: '2' });
    expect(workersOf(server)).toHaveLength(2);
    // The next makes another secret, which the store was not made with.
    rmSync(`${work.directory}/data/secret.key`);
    for (const pid of workersOf(server)) process.kill(pid, 'SIGKILL');
    await expect.poll(() => server.stderr(), { timeout: 30_000 }).toContain('another secrets.key');
    await expect.poll(() => server.stdout(), { timeout: 30_000 }).toContain('all workers have stopped');
    expect((await server.end('SIGTERM')).code).toBe(1);
  });

  test('are no more than the program itself where there is to be one', async () => {
    const work = await makeLoaded('sqlite');
    const server = await work.serve(['serve', '--workers', '1'], { LATCHKEY_WORKERS: '4' });
    expect(workersOf(server)).toHaveLength(0);
    expect((await server.end('SIGTERM')).code).toBe(0);
  });
});
