/** What failed for an account, or for a name that is nobody's. Times are milliseconds since 1970. */
export interface Tries {
  failures: number;
  streak: number;
  blockedUntil: number;
  lockedUntil: number;
  lastFailureAt: number;
}

/** The setting of the tests. */
export const MOST_FAILURES = 4;

const HOUR = 3_600_000;
const FIRST_WAIT = 30_000;

/** Nothing failed yet. */
export function noTries(): Tries {
  return { failures: 0, streak: 0, blockedUntil: 0, lockedUntil: 0, lastFailureAt: 0 };
}

/** Lets a try begin, unless it has to wait. @param forgets whether a day without a failure forgets them */
export function admit(tries: Tries, now: number, forgets: boolean): boolean {
  if (!mayBegin(tries, now)) return false;
  if (forgets && tries.lastFailureAt < now - 24 * HOUR) tries.failures = 0;
  if (tries.lockedUntil > 0 && tries.lockedUntil <= now) {
    tries.streak = 0;
    tries.lockedUntil = 0;
  }
  return true;
}

/** Whether a try may begin, without beginning one. */
export const mayBegin = (tries: Tries, now: number): boolean => tries.blockedUntil <= now;

/** A try has failed. @param lockAfter failures in a row that lock; null without such a rule */
export function fail(tries: Tries, now: number, lockAfter: number | null): void {
  tries.failures += 1;
  tries.lastFailureAt = now;
  const over = tries.failures - MOST_FAILURES;
  tries.blockedUntil = over < 0 ? 0 : now + Math.min(HOUR, FIRST_WAIT * 2 ** over);
  if (lockAfter === null || tries.lockedUntil > now) return;
  tries.streak += 1;
  if (tries.streak >= lockAfter) tries.lockedUntil = now + HOUR;
}

/** A try was right: what failed before stays counted, but is no row any more. */
export function pass(tries: Tries): void {
  if (tries.lockedUntil === 0) tries.streak = 0;
}

/** Forgets everything that failed. */
export function forgive(tries: Tries): void {
  Object.assign(tries, noTries());
}
