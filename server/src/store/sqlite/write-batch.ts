import type { Change, Committed } from '../engine.ts';
import type { SqliteConnection } from './driver.ts';

/** What SQLite could not do, in words that cross from the writing thread. */
export interface WriteFailure {
  readonly ok: false;
  readonly failure: 'conflict' | 'unavailable' | 'fault';
  readonly message: string;
}

/** How one transition of a batch ended. */
export type WriteResult = Committed | WriteFailure;

/**
 * Commits many transitions with one sync of the disk, or none when all of them are provisional. Each has a savepoint of
 * its own, so that one refusal does not undo its neighbours. When the shared commit itself fails, every one of them
 * failed.
 */
export function writeBatch(
  connection: SqliteConnection,
  batch: readonly (readonly Change[])[],
): WriteResult[] {
  connection.syncCommits(batch.some((changes) => changes.some((change) => !change.provisional)));
  const [only] = batch;
  if (only !== undefined && batch.length === 1) return [attempt(connection, only, ALONE)];
  try {
    connection.beginWriting();
    const results = batch.map((changes) => attempt(connection, changes, AMONG_OTHERS));
    connection.query('COMMIT', []);
    return results;
  } catch (error) {
    if (connection.inTransaction()) connection.query('ROLLBACK', []);
    return batch.map(() => failure(error));
  }
}

/** How a transition begins, is kept, and is undone. */
interface Bracket {
  readonly begin: (connection: SqliteConnection) => void;
  readonly keep: string;
  readonly undo: readonly string[];
}

/** By itself it is a transaction; among others it is a savepoint of theirs. */
const ALONE: Bracket = {
  begin: (connection) => connection.beginWriting(),
  keep: 'COMMIT',
  undo: ['ROLLBACK'],
};
const AMONG_OTHERS: Bracket = {
  begin: (connection) => connection.query('SAVEPOINT transition', []),
  keep: 'RELEASE transition',
  undo: ['ROLLBACK TO transition', 'RELEASE transition'],
};

function attempt(connection: SqliteConnection, changes: readonly Change[], bracket: Bracket): WriteResult {
  const undo = (): void => {
    for (const statement of bracket.undo) connection.query(statement, []);
  };
  try {
    bracket.begin(connection);
    const rows = [];
    for (const change of changes) {
      const returned = connection.query(change.sql, change.params);
      if (change.guard !== undefined && returned.length === 0) {
        undo();
        return { ok: false, guard: change.guard };
      }
      rows.push(returned);
    }
    connection.query(bracket.keep, []);
    return { ok: true, rows };
  } catch (error) {
    // A full disk or a failing one ends the whole transaction: then there is nothing left to go back to, and among
    // others it is everybody's failure.
    if (connection.inTransaction()) undo();
    else if (bracket === AMONG_OTHERS) throw error;
    return failure(error);
  }
}

// Primary result codes: https://www.sqlite.org/rescode.html
const CONSTRAINT = 19;
const UNAVAILABLE = new Set([
  5 /* busy */, 6 /* locked */, 7 /* no memory */, 8 /* read-only */, 10 /* I/O */, 13 /* full */,
  14 /* cannot open */,
]);

/** Sorts an error of SQLite's by its result code. */
export function failure(error: unknown): WriteFailure {
  const code = (error as { errcode?: number }).errcode ?? 0;
  const primary = code & 0xff;
  const message = error instanceof Error ? error.message : String(error);
  if (primary === CONSTRAINT) return { ok: false, failure: 'conflict', message };
  const closed = (error as { code?: string }).code === 'ERR_INVALID_STATE';
  return { ok: false, failure: closed || UNAVAILABLE.has(primary) ? 'unavailable' : 'fault', message };
}
