import type { Change, Engine } from './engine.ts';
import { text } from './rows.ts';

/** How many rows one clean-up statement removes or looks at, at most, so that it never holds the store for long. */
export const CHUNK_ROWS = 200;

/** How long failures are remembered: it is no matter of space only, since waits grow with them. */
const WEEK_SECONDS = 7 * 24 * 3600;

/** How long things are kept. */
export interface Retention {
  /** What has ended, to be looked at. */
  readonly keepSeconds: number;
  /** How long a revocation can matter: longer than the rest, where access tokens live long. */
  readonly revocationSeconds: number;
}

/**
 * Removes what is of no use any more, of what can be found by when that was. It only saves space: whether something is
 * expired is judged where it is used.
 * @returns statements that each return the rows they removed
 */
export function removeExpired(now: number, { keepSeconds, revocationSeconds }: Retention): Change[] {
  const before = (seconds: number) => now - seconds * 1000;
  const ended = before(keepSeconds);
  const chunk = (table: string, key: string, time: string, until = ended): Change => ({
    sql: `DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} WHERE ${time} < $1 LIMIT ${CHUNK_ROWS}) RETURNING 1 AS removed`,
    params: [until],
  });
  return [
    chunk('tickets', 'secret_hash', 'expires_at'),
    chunk('spent_challenges', 'challenge_hash', 'expires_at'),
    chunk('sessions', 'id', 'expires_at'),
    chunk('sessions', 'id', 'ended_at'),
    chunk('outbox', 'id', 'dead_at'),
    chunk('sending_budgets', 'key', 'window_ends_at'),
    chunk('limit_windows', 'key', 'expire', now),
    chunk('revocations', 'sequence', 'at', Math.min(ended, before(revocationSeconds))),
  ];
}

/**
 * Finds the next piece of what is counted. An index by time would cost every sign-in a write, so that it is gone through in
 * the order of its keys instead, a piece at a time.
 */
export function cleanUpReader(engine: Engine) {
  return {
    /** The key that ends the piece after a key; null when there is no whole piece any more. */
    async endOfPiece(after: string): Promise<string | null> {
      const [row] = await engine.read({
        sql: `SELECT key FROM attempts WHERE key > $1 ORDER BY key LIMIT 1 OFFSET ${CHUNK_ROWS - 1}`,
        params: [after],
      });
      return row ? text(row, 'key') : null;
    },
  };
}

/**
 * Removes what is counted for nothing any more between two keys. Wrong codes are forgotten by a completed sign-in only: a
 * code has six digits.
 * @param to null for all that is left
 */
export function removeIdleAttempts(now: number, after: string, to: string | null): Change {
  return {
    sql: `DELETE FROM attempts WHERE key > $2 ${to === null ? '' : 'AND key <= $3'}
      AND last_failure_at < $1 AND in_flight_until < $1 AND streak = 0 AND blocked_until < $1
      AND (failures = 0 OR key NOT LIKE 'factor:%')`,
    params: [now - WEEK_SECONDS * 1000, after, ...(to === null ? [] : [to])],
  };
}
