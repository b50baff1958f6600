import { RateLimiterCluster, RateLimiterClusterMaster } from 'rate-limiter-flexible';
import type { Log } from '../ports.ts';
import {
  type Count,
  countOf,
  type SharedCount,
  WINDOW_NAMES,
  type WindowLimits,
  type WindowName,
} from './windows.ts';

/** How long the process over the workers may take for anything: it is on this machine and does little else. */
const ANSWER_MILLISECONDS = 500;

/** Counts for the workers, in the memory of the process over them, which calls this once. */
export function countForWorkers(): void {
  new RateLimiterClusterMaster();
}

/**
 * The count that the workers of one server share, kept by the process over them. When that does not answer in time, each
 * goes by what it has seen itself. That is said once in the log, and so is its return.
 */
export function workerCount(limits: WindowLimits, log: Log): SharedCount {
  const limiters = new Map(
    WINDOW_NAMES.map((name) => [
      name,
      new RateLimiterCluster({
        keyPrefix: name,
        points: limits[name].count,
        duration: limits[name].seconds,
        timeoutMs: ANSWER_MILLISECONDS,
      }),
    ]),
  );
  let isAway = false;
  const ask = async (
    window: WindowName,
    question: (limiter: RateLimiterCluster) => Promise<Parameters<typeof countOf>[0] | null>,
  ): Promise<Count | null> => {
    const limiter = limiters.get(window);
    if (!limiter) return null;
    try {
      const state = await question(limiter);
      if (isAway) log.info({}, 'the count of all workers answers again');
      isAway = false;
      return state === null ? null : countOf(state);
    } catch (error) {
      const reason = { error: (error as Error).message };
      if (!isAway)
        log.warn(reason, 'the count of all workers does not answer: each counts for itself until it does');
      isAway = true;
      return null;
    }
  };
  return {
    get: ({ window, key }) => ask(window, (limiter) => limiter.get(key)),
    add: ({ window, key }) => ask(window, (limiter) => limiter.penalty(key)),
  };
}
