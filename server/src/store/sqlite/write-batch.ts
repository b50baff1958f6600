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
 * Commits many transitions with one sync of the disk. Each has a savepoint of its own, so that one refusal does not
 * undo its neighbours. When the shared commit itself fails, every one of them failed.
 */
export function writeBatch(
  connection: SqliteConnection,
  batch: readonly (readonly Change[])[],
): WriteResult[] {
  try {
    connection.execute('BEGIN IMMEDIATE');
    const results = batch.map((changes) => writeTransition(connection, changes));
    connection.execute('COMMIT');
    return results;
  } catch (error) {
    if (connection.inTransaction()) connection.execute('ROLLBACK');
    return batch.map(() => failure(error));
  }
}

function writeTransition(connection: SqliteConnection, changes: readonly Change[]): WriteResult {
  connection.execute('SAVEPOINT transition');
  try {
    const rows = [];
    for (const change of changes) {
      const returned = connection.query(change.sql, change.params);
      if (change.guard !== undefined && returned.length === 0) {
        connection.execute('ROLLBACK TO transition; RELEASE transition');
        return { ok: false, guard: change.guard };
      }
      rows.push(returned);
    }
    connection.execute('RELEASE transition');
    return { ok: true, rows };
  } catch (error) {
    // A full disk or a failing one ends the whole transaction: then there is no savepoint left to go back to.
    if (!connection.inTransaction()) throw error;
    connection.execute('ROLLBACK TO transition; RELEASE transition');
    return failure(error);
  }
}

// Primary result codes: https://www.sqlite.org/rescode.html
const CONSTRAINT = 19;
const UNAVAILABLE = new Set([
  5 /* busy */, 6 /* locked */, 8 /* read-only */, 10 /* I/O */, 13 /* full */, 14 /* cannot open */,
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
