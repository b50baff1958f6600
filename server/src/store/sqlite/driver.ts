import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Row, Value } from '../engine.ts';

/** The four methods by which the product speaks to an SQLite library; another library fits behind them. */
export interface SqliteConnection {
  /** Runs one statement and gives all its rows. The statement is prepared once a connection. */
  query(sql: string, params: readonly Value[]): Row[];

  /** Runs statements that take no parameters and give no rows. */
  execute(sql: string): void;

  /** Whether a transaction is open: SQLite ends one by itself after some faults, such as a full disk. */
  inTransaction(): boolean;

  close(): void;
}

const BUSY_TIMEOUT_MILLISECONDS = 5000;

/**
 * Opens a database file so that what it acknowledges is on disk: write-ahead log, a sync at each commit, foreign keys
 * enforced. Waits up to five seconds for a lock that another process holds.
 */
export function openSqlite(path: string): SqliteConnection {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MILLISECONDS });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
  const prepared = new Map<string, StatementSync>();

  return {
    query(sql, params) {
      let statement = prepared.get(sql);
      if (!statement) {
        statement = database.prepare(sql);
        prepared.set(sql, statement);
      }
      return statement.all(bindings(params)) as Row[];
    },
    execute: (sql) => database.exec(sql),
    inTransaction: () => database.isTransaction,
    close: () => database.close(),
  };
}

/** `$1` is a parameter named "1" to SQLite: an array without its element 0 has just those names. */
function bindings(params: readonly Value[]): Record<string, Value> {
  const named: Value[] = [];
  for (let index = 0; index < params.length; index += 1) named[index + 1] = params[index] ?? null;
  return named as unknown as Record<string, Value>;
}
