/** What time it is. */
export interface Clock {
  /** Milliseconds since 1970. It can be set, and goes on while the machine sleeps. */
  readonly now: () => number;
  /** Milliseconds since whenever. It only grows, and may stand still while the machine sleeps. */
  readonly steadyNow: () => number;
}

/**
 * Begins to measure.
 * @returns the milliseconds that have gone by, by whichever clock has more of them: too many is the safe mistake
 */
export function stopwatch(clock: Clock): () => number {
  const began = clock.now();
  const begunSteadily = clock.steadyNow();
  return () => Math.max(clock.now() - began, clock.steadyNow() - begunSteadily);
}

/** Waits, until it is aborted at the latest. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, signal.aborted ? 0 : milliseconds);
    signal.addEventListener('abort', end);
  });
}
