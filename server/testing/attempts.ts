import type { TestCore } from './core.ts';

/** Makes it so that so much has failed under a key, just now. Times are milliseconds since 1970, 0 for none. */
export async function setAttempts(
  { store, clock }: Pick<TestCore, 'store' | 'clock'>,
  key: string,
  { failures = 0, blockedUntil = 0, lockedUntil = 0 },
): Promise<void> {
  await store.commit([
    {
      sql: `INSERT INTO attempts (key, failures, streak, in_flight, in_flight_until, blocked_until, locked_until, last_failure_at)
        VALUES ($1, $2, 0, 0, 0, $3, $4, $5)
        ON CONFLICT (key) DO UPDATE SET failures = $2, blocked_until = $3, locked_until = $4, last_failure_at = $5`,
      params: [key, failures, blockedUntil, lockedUntil, clock.now()],
    },
  ]);
}
