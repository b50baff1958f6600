import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import pg from 'pg';
import { vi } from 'vitest';
import type { ENGINES } from './engines.ts';

/** Keeps the text of every statement that this process sends to a database from now on, and changes none. */
export function recordStatements(): ReadonlySet<string> {
  const statements = new Set<string>();
  const prepare = DatabaseSync.prototype.prepare;
  vi.spyOn(DatabaseSync.prototype, 'prepare').mockImplementation(function (this: DatabaseSync, sql) {
    statements.add(sql);
    return prepare.call(this, sql);
  });
  // What is written goes to a thread of its own, as a text that has each statement the first time.
  const post = Worker.prototype.postMessage;
  vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, message, ...rest) {
    if (typeof message === 'string' && message.startsWith('{"batch"'))
      for (const { sql } of (JSON.parse(message) as { added: { sql: string }[] }).added) statements.add(sql);
    return post.call(this, message, ...(rest as []));
  });
  const query = pg.Client.prototype.query as (this: pg.Client, ...given: unknown[]) => unknown;
  vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: pg.Client, ...given: unknown[]) {
    const [first] = given as [string | { text: string }];
    statements.add(typeof first === 'string' ? first : first.text);
    return query.apply(this, given);
  } as never);
  return statements;
}

/** Tells how a database would go about a statement. */
export interface Planner {
  /** Steps that go through a whole table or index: the database's own words for each. */
  scans(sql: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Opens the store at an address past the product. */
export async function openPlanner(engine: (typeof ENGINES)[number], url: string): Promise<Planner> {
  if (engine === 'sqlite') {
    const database = new DatabaseSync(url.slice('sqlite:'.length));
    const steps = (sql: string) => database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
    return {
      // A search without an equality goes through one part of an index: how large that is, nobody knows.
      scans: async (sql) =>
        steps(sql)
          .map(({ detail }) => String(detail))
          .filter((step) => /^SCAN /.test(step) || (/^SEARCH /.test(step) && !step.includes('=?')))
          .filter((step) => !/VALUES CLAUSE|CONSTANT ROW/.test(step)),
      close: async () => database.close(),
    };
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await forgetStatistics(client);
  // Of empty tables PostgreSQL reads the whole where it may.
  await client.query('SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off');
  return {
    async scans(sql) {
      const { rows } = await client.query(`EXPLAIN (GENERIC_PLAN, COSTS OFF) ${sql}`);
      const steps = rows.map((row) => String(row['QUERY PLAN']).trim());
      return steps.filter(
        (step, index) =>
          /\bSeq Scan on/.test(step) ||
          (/\bIndex (Only )?Scan\b.* using /.test(step) && !steps[index + 1]?.startsWith('Index Cond')),
      );
    },
    close: () => client.end(),
  };
}

/**
 * Makes PostgreSQL plan, on this connection and until it ends, as if nobody had analysed any table yet: autovacuum does that
 * whenever it pleases, and of a table with ten rows it then goes through all.
 */
async function forgetStatistics(client: pg.Client): Promise<void> {
  const ours = "relnamespace = 'public'::regnamespace";
  const { rows } = await client.query(`SELECT relname FROM pg_class WHERE ${ours} AND relkind = 'r'`);
  await client.query('BEGIN');
  // Autovacuum passes over what is locked.
  for (const { relname } of rows) await client.query(`LOCK TABLE ${relname} IN SHARE UPDATE EXCLUSIVE MODE`);
  await client.query(`DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE ${ours})`);
  await client.query(`UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE ${ours} AND relkind = 'r'`);
}
