import type { Outcome } from './attempt.ts';
import type { Attempt, Corridor } from './corridor.ts';

/**
 * What every door where something secret is shown stands behind: an address that failed too often lately must wait, right
 * or wrong, and a refusal is held back until the time that every refusal takes, so that its reason cannot be told by time.
 * @param unequal further kinds of outcome that are held back: those whose time could tell what was found
 */
export async function throughGate(
  corridor: Corridor,
  attempt: Attempt,
  work: () => Promise<Outcome>,
  unequal: readonly Outcome['kind'][] = [],
): Promise<Outcome> {
  const retryAfterSeconds = await corridor.addressLimit.waitSeconds(attempt.caller.address);
  if (retryAfterSeconds !== null) return { kind: 'throttled', retryAfterSeconds };
  const outcome = await work();
  if (outcome.kind !== 'refused' && !unequal.includes(outcome.kind)) return outcome;
  const { refusalMilliseconds } = corridor.limits;
  const due = attempt.caller.arrivedAt + refusalMilliseconds - corridor.clock.now();
  // A clock that is set back keeps nobody waiting.
  const remaining = Math.min(due, refusalMilliseconds);
  if (remaining > 0) await new Promise((resolve) => setTimeout(resolve, remaining));
  return outcome;
}
