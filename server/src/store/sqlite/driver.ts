import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Row, StoreUse, Value } from '../engine.ts';

/** The few methods by which the product speaks to an SQLite library; another library fits behind them. */
export interface SqliteConnection {
  /** Runs one statement and gives all its rows. The statement is prepared once a connection. */
  query(sql: string, params: readonly Value[]): Row[];

  /** Runs statements that take no parameters and give no rows. */
  execute(sql: string): void;

  /** Begins a transaction that writes, and waits up to five seconds for those of other processes. */
  beginWriting(): void;

  /** Whether the commits that follow wait for the disk. They do until this says otherwise. Not inside a transaction. */
  syncCommits(wanted: boolean): void;

  /** Whether a transaction is open: SQLite ends one by itself after some faults, such as a full disk. */
  inTransaction(): boolean;

  close(): void;
}

const BUSY_TIMEOUT_MILLISECONDS = 5000;

/**
 * How often a writer looks whether another process has ended its transaction. SQLite's own waits grow to 100 ms, while
 * somebody who writes all the time lets go for some microseconds only: one who waits would meet them after a second or more.
 */
const LOOK_MILLISECONDS = 0.25;

/**
 * How much of the file each of the two connections keeps in memory. Reading anything of a file of 28 MB, which the system has in
 * its own memory, takes 5.9 µs with 2 MiB as with 8.
 */
const CACHE_KIB = 2048;
const BULK_CACHE_KIB = 81_920;

/** How many pages a log has that is worked off: half a gigabyte, in which many pages have come up more than once. */
const BULK_CHECKPOINT_PAGES = 131_072;

/**
 * Opens a database file so that what it acknowledges is on disk: write-ahead log, a sync at each commit, foreign keys
 * enforced. Waits up to five seconds for a lock that another process holds.
 */
export function openSqlite(path: string, use?: StoreUse): SqliteConnection {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MILLISECONDS });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
  database.exec(`PRAGMA cache_size = -${use?.isBulkLoad ? BULK_CACHE_KIB : CACHE_KIB};`);
  if (use?.isBulkLoad) database.exec(`PRAGMA wal_autocheckpoint = ${BULK_CHECKPOINT_PAGES};`);
  const prepared = new Map<string, Prepared>();
  let begin: StatementSync | undefined;
  let syncs = true;

  return {
    query(sql, params) {
      let entry = prepared.get(sql);
      if (!entry) {
        entry = prepare(database, sql);
        prepared.set(sql, entry);
      }
      const { statement, order, columns } = entry;
      const found: unknown[] = statement.all(...order.map((index) => params[index] ?? null));
      return (found as Value[][]).map((values) => rowOf(columns, values));
    },
    execute: (sql) => database.exec(sql),
    beginWriting() {
      begin ??= becomeWriter(database);
      const deadline = performance.now() + BUSY_TIMEOUT_MILLISECONDS;
      for (;;) {
        try {
          begin.run();
          return;
        } catch (error) {
          if (!isBusy(error) || performance.now() >= deadline) throw error;
        }
        pause(LOOK_MILLISECONDS);
      }
    },
    syncCommits(wanted) {
      if (wanted === syncs) return;
      // A write-ahead log is not synced at each commit with NORMAL, and stays whole: https://www.sqlite.org/wal.html
      database.exec(`PRAGMA synchronous = ${wanted ? 'FULL' : 'NORMAL'}`);
      syncs = wanted;
    },
    inTransaction: () => database.isTransaction,
    close: () => database.close(),
  };
}

interface Prepared {
  readonly statement: StatementSync;
  /** Which parameter stands at each place. */
  readonly order: readonly number[];
  /** The names of what it gives. */
  readonly columns: readonly string[];
}

/** `$1` is a name to SQLite, and looking names up costs more the more there are: each is bound by its place instead. */
function prepare(database: DatabaseSync, sql: string): Prepared {
  const order: number[] = [];
  const text = sql.replace(/\$(\d+)/g, (_, number: string) => {
    order.push(Number(number) - 1);
    return '?';
  });
  const statement = database.prepare(text);
  // Rows with names, as the library makes them, take half as long again: it looks each name up anew for each row.
  statement.setReturnArrays(true);
  return { statement, order, columns: statement.columns().map(({ name }) => name) };
}

function rowOf(columns: readonly string[], values: readonly Value[]): Row {
  const row = { __proto__: null } as unknown as Record<string, Value>;
  for (let at = 0; at < columns.length; at += 1) row[columns[at] ?? ''] = values[at] ?? null;
  return row;
}

/**
 * From here on the connection waits for no lock by itself: in a transaction that writes there is none to wait for. And it
 * keeps in memory what a refused transition has to put back. SQLite would write these pages to a file in the machine's folder for
 * temporary files, for each transition again: a quarter of the writer’s work, and passwords' hashes outside of the store's folder.
 */
function becomeWriter(database: DatabaseSync): StatementSync {
  database.exec('PRAGMA busy_timeout = 0; PRAGMA temp_store = MEMORY');
  return database.prepare('BEGIN IMMEDIATE');
}

/** Result codes: https://www.sqlite.org/rescode.html#busy */
function isBusy(error: unknown): boolean {
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === 5;
}

/** Stops this thread. */
function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
