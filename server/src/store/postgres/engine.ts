import pg from 'pg';
import { OperatorError, StoreBusyError, StoreConflictError, StoreUnavailableError } from '../../errors.ts';
import type { Log } from '../../ports.ts';
import type { Change, Committed, Engine, LimiterClient, Query, Row } from '../engine.ts';
import { buildIndex } from './build-index.ts';
import { type Connections, openConnections, together } from './connections.ts';
import { Pulse } from './pulse.ts';

const BIGINT_OID = 20;
const CONNECT_TIMEOUT_MILLISECONDS = 2000;
const STATEMENT_TIMEOUT_MILLISECONDS = 5000;
const QUERY_TIMEOUT_MILLISECONDS = STATEMENT_TIMEOUT_MILLISECONDS + 1000;
const CONNECTIONS = 10;
const LIMITER_CONNECTIONS = 4;
const ATTEMPTS = 4;

// Class or code: https://www.postgresql.org/docs/15/errcodes-appendix.html
const RETRYABLE = new Set(['40001', '40P01']);
const CONFLICTS = new Set(['23505', '23503']);
/** A write to a standby, or to a primary that was demoted. */
const READ_ONLY = '25006';
const LOCK_TIMED_OUT = '55P03';
const UNAVAILABLE_CLASSES = new Set(['08', '53', '57', '58']);

/**
 * The store on PostgreSQL 15 or newer, shared by any number of nodes. Statements are named, so that the server plans
 * each once a connection. A transition that lost a deadlock is tried again: nothing of it had been applied.
 */
export function openPostgresEngine(url: string, log: Log): Engine {
  const connections = openConnections(connectionOptions(url), CONNECTIONS, log);
  const counting = openConnections(
    // What a crash of the database forgets of it is the last half second.
    { ...connectionOptions(url), options: '-c synchronous_commit=off' },
    LIMITER_CONNECTIONS,
    log,
  );
  const pulse = new Pulse([connections, counting], log);
  const guard = <T>(those: Connections, work: (pool: pg.Pool) => Promise<T>): Promise<T> =>
    pulse.guard(() => reported(() => those.use(work)));
  const guarded = <T>(work: (pool: pg.Pool) => Promise<T>): Promise<T> => guard(connections, work);

  return {
    dialect: 'postgres',
    read: (query) => guarded((pool) => run(pool, query)),
    commit: (changes) => guarded((pool) => commitWithRetry(pool, changes)),
    runScript: (sql) => reported(() => withClient(url, (client) => runScript(client, sql))),
    buildIndex: (index) => reported(() => withClient(url, (client) => buildIndex(client, index))),
    time: () => guarded(databaseTime),
    durabilityWeaknesses: () => guarded(durabilityWeaknesses),
    limiterClient: () => limiterOver((work) => guard(counting, work)),
    async close() {
      await pulse.stop();
      await Promise.all([connections.close(), counting.close()]);
    },
  };
}

/** @param use does something with the pool that limits are counted over */
function limiterOver(use: <T>(work: (pool: pg.Pool) => Promise<T>) => Promise<T>): LimiterClient {
  return {
    async query({ values = [], ...query }) {
      const { rows, rowCount } = await use((pool) => pool.query({ ...query, values: [...values] }));
      return { rows: rows as Row[], rowCount };
    },
  };
}

function connectionOptions(url: string): pg.PoolConfig {
  return {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MILLISECONDS,
    statement_timeout: STATEMENT_TIMEOUT_MILLISECONDS,
    query_timeout: QUERY_TIMEOUT_MILLISECONDS,
    pipeline: true,
    application_name: 'latchkey',
    types: {
      getTypeParser: (oid, format) => (oid === BIGINT_OID ? Number : pg.types.getTypeParser(oid, format)),
    },
  };
}

const names = new Map<string, string>();

function statementName(sql: string): string {
  let name = names.get(sql);
  if (name === undefined) {
    name = `s${names.size}`;
    names.set(sql, name);
  }
  return name;
}

/** @param place how many statements were sent before it that are not answered yet: it has their time too */
async function run(client: pg.Pool | pg.PoolClient, query: Query, place = 0): Promise<readonly Row[]> {
  const timed = {
    name: statementName(query.sql),
    text: query.sql,
    values: [...query.params],
    query_timeout: QUERY_TIMEOUT_MILLISECONDS * (place + 1),
  };
  const result = await client.query(timed);
  return result.rows as Row[];
}

async function commitWithRetry(pool: pg.Pool, changes: readonly Change[]): Promise<Committed> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const isStatement = changes.length === 1 && changes[0]?.sessions === undefined;
      return isStatement ? await commitOne(pool, changes) : await commitMany(pool, changes);
    } catch (error) {
      if (attempt === ATTEMPTS || !RETRYABLE.has(codeOf(error))) throw error;
    }
  }
}

/** One statement is a transaction by itself: one round trip. */
async function commitOne(pool: pg.Pool, changes: readonly Change[]): Promise<Committed> {
  const rows: (readonly Row[])[] = [];
  for (const change of changes) {
    const returned = await run(pool, change);
    if (change.guard !== undefined && returned.length === 0) return { ok: false, guard: change.guard };
    rows.push(returned);
  }
  return { ok: true, rows };
}

/**
 * Waits three times: for the beginning, since without one each statement would be a transaction by itself; for all the
 * statements together, of which those after one that failed do nothing; and for the end.
 */
async function commitMany(pool: pg.Pool, changes: readonly Change[]): Promise<Committed> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(beginning(changes));
    const answers = await Promise.allSettled(
      together(client, () => changes.map((change, index) => run(client, change, index))),
    );
    const rows: (readonly Row[])[] = [];
    for (const [index, answer] of answers.entries()) {
      if (answer.status === 'rejected') throw answer.reason;
      const returned = answer.value;
      const guard = changes[index]?.guard;
      if (guard !== undefined && returned.length === 0) {
        await client.query('ROLLBACK');
        return { ok: false, guard };
      }
      rows.push(returned);
    }
    await client.query('COMMIT');
    return { ok: true, rows };
  } catch (error) {
    // A connection that failed is given up; what was begun on it, PostgreSQL undoes when it notices.
    if (error instanceof pg.DatabaseError)
      await client.query('ROLLBACK').catch((lost: Error) => {
        broken = lost;
      });
    else broken = error as Error;
    throw error;
  } finally {
    client.release(broken);
  }
}

/**
 * Those that end sessions take a lock alone, those that issue them take it together. It comes before all other locks, and
 * what is read after it sees every commit that had it before.
 */
function beginning(changes: readonly Change[]): string {
  const does = (what: Change['sessions']) => changes.some((change) => change.sessions === what);
  const key = "hashtext('latchkey.revocations')";
  if (does('ends')) return `BEGIN; SELECT pg_advisory_xact_lock(${key})`;
  return does('issues') ? `BEGIN; SELECT pg_advisory_xact_lock_shared(${key})` : 'BEGIN';
}

/** A connection of its own, on which a statement may take as long as it takes. */
async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MILLISECONDS,
  });
  // Whoever waits for an answer is told by it that the connection has ended.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

async function runScript(client: pg.Client, sql: string): Promise<void> {
  await client.query('BEGIN');
  await client.query(sql);
  await client.query('COMMIT');
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? '');
}

/** Gives the driver's errors the store's names. An error without an SQLSTATE came from the connection, not the server. */
async function reported<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = codeOf(error);
    const message = error instanceof Error ? error.message : String(error);
    if (CONFLICTS.has(code)) throw new StoreConflictError(message);
    if (code === LOCK_TIMED_OUT) throw new StoreBusyError(message);
    if (code === '28P01' || code === '28000' || code === '3D000') {
      throw new OperatorError(`the store refused the connection: ${message}. Check store.url.`);
    }
    // By its class, not by its code: EPIPE has five letters too.
    const lost =
      error instanceof pg.DatabaseError
        ? UNAVAILABLE_CLASSES.has(code.slice(0, 2)) || code === READ_ONLY
        : !(error instanceof TypeError || error instanceof RangeError);
    if (lost) throw new StoreUnavailableError(message, { cause: error });
    throw error;
  }
}

async function databaseTime(pool: pg.Pool): Promise<number> {
  const [row] = await run(pool, {
    sql: 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now',
    params: [],
  });
  return Number(row?.now);
}

async function durabilityWeaknesses(pool: pg.Pool): Promise<string[]> {
  const [row] = await run(pool, {
    sql: `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit, current_setting('full_page_writes') AS pages`,
    params: [],
  });
  return [
    ...(row?.fsync === 'off'
      ? ['fsync is off: a crash of the machine loses or breaks data. Set fsync = on.']
      : []),
    ...(row?.commit === 'off'
      ? [
          'synchronous_commit is off: a crash loses revocations that were acknowledged. Set synchronous_commit = on.',
        ]
      : []),
    ...(row?.pages === 'off'
      ? ['full_page_writes is off: a crash can tear pages. Set full_page_writes = on.']
      : []),
  ];
}
