import type { Change } from './engine.ts';

/** How many rows one clean-up statement removes at most, so that it never holds the store for long. */
const CHUNK_ROWS = 500;

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
 * Removes what is of no use any more. It only saves space: whether something is expired is judged where it is used.
 * @returns statements that each return the rows they removed
 */
export function removeExpired(now: number, { keepSeconds, revocationSeconds }: Retention): Change[] {
  const before = (seconds: number) => now - seconds * 1000;
  const ended = before(keepSeconds);
  const chunk = (table: string, key: string, condition: string, time = ended): Change => ({
    sql: `DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} WHERE ${condition} LIMIT ${CHUNK_ROWS}) RETURNING 1 AS removed`,
    params: [time],
  });
  // Wrong codes are forgotten by a completed sign-in only: a code has six digits.
  return [
    chunk('tickets', 'secret_hash', 'expires_at < $1'),
    chunk('spent_challenges', 'challenge_hash', 'expires_at < $1'),
    chunk('sessions', 'id', 'expires_at < $1'),
    chunk('sessions', 'id', 'ended_at < $1'),
    chunk(
      'attempts',
      'key',
      `last_failure_at < $1 AND in_flight_until < $1 AND streak = 0 AND blocked_until < $1
        AND (failures = 0 OR key NOT LIKE 'factor:%')`,
      before(WEEK_SECONDS),
    ),
    chunk('outbox', 'id', 'dead_at < $1'),
    chunk('sending_budgets', 'key', 'window_ends_at < $1'),
    chunk('limit_windows', 'key', 'expire < $1', now),
    chunk('revocations', 'sequence', 'at < $1', Math.min(ended, before(revocationSeconds))),
  ];
}
