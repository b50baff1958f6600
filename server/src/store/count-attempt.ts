import type { Change, Engine } from './engine.ts';
import { integer } from './rows.ts';

/** The longest a growing wait gets, and how long a lock lasts. */
export const LONGEST_WAIT_MILLISECONDS = 3_600_000;

/** Failures older than this no longer throttle, for accounts and for unknown identifiers alike. */
const FORGET_MILLISECONDS = 24 * 3_600_000;

/** How many failures a key may have, and what follows. */
export interface AttemptLimit {
  /** Failures after which each further attempt must wait. */
  readonly maxFailures: number;
  /** The first wait; it doubles with each further failure, up to an hour. */
  readonly waitSeconds: number;
  /** Failures in a row that lock for an hour: an organisation's `maxFailedSignInAttempts`. Null without one. */
  readonly lockAfter: number | null;
  /** Whether failures are forgotten after a day without one. */
  readonly forgets: boolean;
}

/** What a key has against it now. Times are milliseconds since 1970, 0 for none. */
export interface AttemptState {
  readonly failures: number;
  readonly streak: number;
  readonly inFlight: number;
  readonly blockedUntil: number;
  readonly lockedUntil: number;
  readonly lastFailureAt: number;
}

/** Reads what keys have against them. Only to explain: whether an attempt may go ahead is `countAttempt`'s to say. */
export function attemptReader(engine: Engine) {
  return {
    /** The state of a key; null when nothing was ever counted. */
    async state(key: string): Promise<AttemptState | null> {
      const [row] = await engine.read({
        sql: 'SELECT failures, streak, in_flight, blocked_until, locked_until, last_failure_at FROM attempts WHERE key = $1',
        params: [key],
      });
      if (!row) return null;
      return {
        failures: integer(row, 'failures'),
        streak: integer(row, 'streak'),
        inFlight: integer(row, 'in_flight'),
        blockedUntil: integer(row, 'blocked_until'),
        lockedUntil: integer(row, 'locked_until'),
        lastFailureAt: integer(row, 'last_failure_at'),
      };
    },
  };
}

/**
 * Counts an attempt before it is evaluated: the only way to begin one. It takes one of the places that are left below
 * the limit, until it is failed or released; so of any number of parallel attempts, no more are evaluated than may fail.
 * While a key is locked, places are not limited, since nothing is evaluated then. It is provisional: an attempt that is
 * lost with the machine was not answered, and whatever is answered is committed after it. Guard `attempt`: there was a
 * place.
 * @param leaseMilliseconds how long an attempt that nobody finishes holds its place: a crash must not hold it for ever
 * @returns `locked_until` and `failures`
 */
export function countAttempt(
  key: string,
  limit: AttemptLimit,
  now: number,
  leaseMilliseconds: number,
): Change {
  const forgetBefore = limit.forgets ? now - FORGET_MILLISECONDS : 0;
  // Without an organisation's lock there is always room below it.
  const lockAfter = limit.lockAfter ?? Number.MAX_SAFE_INTEGER;
  return {
    guard: 'attempt',
    provisional: true,
    sql: `INSERT INTO attempts (key, failures, streak, in_flight, in_flight_until, blocked_until, locked_until, last_failure_at)
      VALUES ($1, 0, 0, 1, $3, 0, 0, 0)
      ON CONFLICT (key) DO UPDATE SET
        failures = CASE WHEN attempts.last_failure_at < $6 THEN 0 ELSE attempts.failures END,
        streak = CASE WHEN attempts.locked_until > 0 AND attempts.locked_until <= $2 THEN 0 ELSE attempts.streak END,
        locked_until = CASE WHEN attempts.locked_until <= $2 THEN 0 ELSE attempts.locked_until END,
        in_flight = CASE WHEN attempts.in_flight_until <= $2 THEN 1 ELSE attempts.in_flight + 1 END,
        in_flight_until = $3
      WHERE attempts.blocked_until <= $2
        AND CASE WHEN attempts.in_flight_until <= $2 THEN 0 ELSE attempts.in_flight END
          < CASE WHEN attempts.last_failure_at < $6 THEN $4 WHEN attempts.failures < $4 THEN $4 - attempts.failures ELSE 1 END
        AND (attempts.locked_until > $2
          OR CASE WHEN attempts.in_flight_until <= $2 THEN 0 ELSE attempts.in_flight END
          < CASE WHEN attempts.locked_until > 0 THEN $5 WHEN attempts.streak < $5 THEN $5 - attempts.streak ELSE 1 END)
      RETURNING locked_until, failures`,
    params: [key, now, now + leaseMilliseconds, limit.maxFailures, lockAfter, forgetBefore],
  };
}

/** Turns a counted attempt into a failure: gives its place back, and makes the next ones wait when the limit is reached. */
export function failAttempt(key: string, limit: AttemptLimit, now: number): Change {
  const firstWait = limit.waitSeconds * 1000;
  return {
    sql: `UPDATE attempts SET
        in_flight = CASE WHEN in_flight > 0 THEN in_flight - 1 ELSE 0 END,
        failures = failures + 1,
        last_failure_at = $2,
        blocked_until = CASE
          WHEN failures + 1 < $3 THEN 0
          WHEN failures + 1 - $3 >= 12 THEN $5
          WHEN CAST($4 AS BIGINT) * (1 << CAST(failures + 1 - $3 AS INTEGER)) > CAST($5 AS BIGINT) - CAST($2 AS BIGINT) THEN $5
          ELSE CAST($2 AS BIGINT) + CAST($4 AS BIGINT) * (1 << CAST(failures + 1 - $3 AS INTEGER)) END,
        streak = CASE WHEN CAST($6 AS BIGINT) = 0 OR locked_until > $2 THEN streak ELSE streak + 1 END,
        locked_until = CASE WHEN locked_until <= $2 AND CAST($6 AS BIGINT) > 0 AND streak + 1 >= CAST($6 AS BIGINT) THEN $5 ELSE locked_until END
      WHERE key = $1
      RETURNING failures, blocked_until, locked_until`,
    params: [key, now, limit.maxFailures, firstWait, now + LONGEST_WAIT_MILLISECONDS, limit.lockAfter ?? 0],
  };
}

/** Gives the place of a counted attempt back that says nothing about those before it: it was not evaluated, or has not failed. */
export function releaseAttempt(key: string): Change {
  return {
    sql: 'UPDATE attempts SET in_flight = in_flight - 1 WHERE key = $1 AND in_flight > 0',
    params: [key],
  };
}

/** Gives the place of an attempt back that was right: what failed before it stays counted, but is no row any more. */
export function passAttempt(key: string): Change {
  return {
    sql: `UPDATE attempts SET in_flight = CASE WHEN in_flight > 0 THEN in_flight - 1 ELSE 0 END,
          streak = CASE WHEN locked_until > 0 THEN streak ELSE 0 END WHERE key = $1`,
    params: [key],
  };
}

const FORGOTTEN = 'failures = 0, streak = 0, blocked_until = 0, locked_until = 0, last_failure_at = 0';

/**
 * Forgets what failed for a key, or for two at once, and their locks: an administrator said so, or who is there was shown
 * anew. Attempts in flight keep their places.
 */
export function forgiveAttempts(key: string, other: string = key): Change {
  return {
    sql: `UPDATE attempts SET ${FORGOTTEN}
          WHERE key IN ($1, $2) AND (failures > 0 OR streak > 0)`,
    params: [key, other],
  };
}

/**
 * Forgets what failed for a key, or for two at once, unless it is locked now: a sign-in that was completed ends waits. A lock
 * may have been set since it began, and is not its to end.
 */
export function forgiveUnlocked(now: number, key: string, other: string = key): Change {
  return {
    sql: `UPDATE attempts SET ${FORGOTTEN}
          WHERE key IN ($2, $3) AND (failures > 0 OR streak > 0) AND locked_until <= $1`,
    params: [now, key, other],
  };
}

/** Forgets what failed from an account's devices. @param key what begins the keys of all of them */
export function forgiveDeviceAttempts(key: string, accountId: string): Change {
  return {
    sql: `UPDATE attempts SET ${FORGOTTEN}
          WHERE key IN (SELECT CAST($1 AS TEXT) || fingerprint_hash FROM devices WHERE account_id = $2) AND failures > 0`,
    params: [key, accountId],
  };
}

/** The most codes that are evaluated for one ticket. */
export const TICKET_ATTEMPTS = 5;

/** Counts an attempt at a ticket's code before it is evaluated. Guard `ticket`: the ticket is alive and has one left. */
export function countTicketAttempt(secretHash: string, now: number): Change {
  return {
    guard: 'ticket',
    sql: `UPDATE tickets SET attempts = attempts + 1
          WHERE secret_hash = $1 AND attempts < ${TICKET_ATTEMPTS} AND consumed_at IS NULL AND expires_at > $2 RETURNING attempts`,
    params: [secretHash, now],
  };
}
