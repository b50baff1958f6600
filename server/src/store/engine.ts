/** What a column can hold on both engines: flags are 0 or 1, times are milliseconds, secrets are text. */
export type Value = string | number | null;

/** One row, by column name. */
export type Row = Readonly<Record<string, Value>>;

/** One parameterised statement. Parameters are `$1`, `$2`, … on both engines, and may be used more than once. */
export interface Query {
  readonly sql: string;
  readonly params: readonly Value[];
}

/**
 * One statement of a commit. A change with a guard ends in `RETURNING`; when it returns no row, the whole commit is
 * rolled back and answers with the guard's name.
 */
export interface Change extends Query {
  readonly guard?: string;
  /**
   * Nothing is told to anybody on the strength of it alone: a commit of nothing else may be acknowledged before it is
   * on disk. It outlives the process, and is on disk with the next commit that is not provisional.
   */
  readonly provisional?: true;
  /**
   * Whether it issues a session or ends some. A commit that ends sessions and any other that issues or ends them come
   * wholly one after the other, the first change included: neither overlooks what the other has done.
   */
  readonly sessions?: 'issues' | 'ends';
}

/** How a commit ended: the rows of each change in order, or the guard that said no. */
export type Committed =
  | { readonly ok: true; readonly rows: readonly (readonly Row[])[] }
  | { readonly ok: false; readonly guard: string };

/** What a library that counts on PostgreSQL by itself asks its questions of. Throws like the engine. */
export interface LimiterClient {
  query(query: {
    readonly name?: string;
    readonly text: string;
    readonly values?: readonly Value[];
  }): Promise<{ readonly rows: readonly Row[]; readonly rowCount: number | null }>;
}

/** An index that is built while others write. Its statement does nothing where there is one of that name. */
export interface IndexToBuild {
  readonly name: string;
  readonly sql: string;
}

/**
 * The seam between the product's SQL and a database. Both engines take the same text.
 * Every method throws StoreUnavailableError when the database cannot be reached.
 */
export interface Engine {
  readonly dialect: 'sqlite' | 'postgres';

  /**
   * Rows of a reading statement. Sees every commit of this process that was acknowledged before the call, and every one of
   * another process that was acknowledged before this turn of the event loop began.
   */
  read(query: Query): Promise<readonly Row[]>;

  /**
   * Applies the changes as one atomic, durable transition: acknowledged means on disk. Throws StoreConflictError when
   * a unique or foreign key forbids it, and then nothing was applied.
   */
  commit(changes: readonly Change[]): Promise<Committed>;

  /**
   * Runs a script of several statements in one transaction of its own. For migrations only. Throws StoreBusyError when a
   * lock did not come in the time that the script itself has set.
   */
  runScript(sql: string): Promise<void>;

  /** Builds an index, or goes on with one that was interrupted. For migrations only. */
  buildIndex(index: IndexToBuild): Promise<void>;

  /** Milliseconds since 1970 by the database's clock. */
  time(): Promise<number>;

  /** Settings of the database by which something acknowledged could be lost, a sentence each with its remedy. */
  durabilityWeaknesses(): Promise<readonly string[]>;

  /**
   * For the windows that servers share: connections of their own, whose commits do not wait for the disk, since every
   * failure of everybody writes the same row. Null on the embedded store.
   */
  limiterClient(): LimiterClient | null;

  close(): Promise<void>;
}

/** How a process uses the embedded store. */
export interface StoreUse {
  /**
   * Whether much is written at once. Then more of the file is kept in memory, so that a page is not read anew each time that it
   * changes, and the log grows longer before it is worked off: a page that changes again and again is written to its place once.
   */
  readonly isBulkLoad: boolean;
}
