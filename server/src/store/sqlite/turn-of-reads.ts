import type { Row, Value } from '../engine.ts';
import type { SqliteConnection } from './driver.ts';

/** Reads that share a view of the store for as long as a turn of the event loop lasts. */
export interface TurnOfReads {
  query(sql: string, params: readonly Value[]): Row[];

  /** Lets the next read look anew: something was committed, or the connection is wanted for something else. */
  end(): void;
}

/**
 * Taking a view of a write-ahead log and giving it back are two calls to the system, which cost half as much as a read of
 * everything that a session depends on. The requests that one turn finds have all arrived by then, so they can share one.
 * What another process commits is seen in the next turn; for what this process commits, its owner ends the turn.
 */
export function turnsOfReads(connection: SqliteConnection): TurnOfReads {
  let isOpen = false;
  const end = (): void => {
    if (!isOpen) return;
    isOpen = false;
    // Nothing was written, so there is nothing to commit, and this cannot fail. SQLite ends it by itself after some faults.
    if (connection.inTransaction()) connection.query('ROLLBACK', []);
  };
  return {
    query(sql, params) {
      if (!isOpen) {
        connection.query('BEGIN', []);
        isOpen = true;
        setImmediate(end);
      }
      return connection.query(sql, params);
    },
    end,
  };
}
