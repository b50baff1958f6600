import type { Clock } from '../ports.ts';
import {
  type AttemptLimit,
  countAttempt,
  failAttempt,
  passAttempt,
  releaseAttempt,
} from '../store/count-attempt.ts';
import type { Change } from '../store/engine.ts';
import { integer } from '../store/rows.ts';
import type { Store } from '../store/store.ts';

/** Something that attempts are counted for, and its limit. */
export interface Counted {
  readonly key: string;
  readonly limit: AttemptLimit;
}

/** An attempt that was counted and waits to be failed, released or completed. */
export interface Hold extends Counted {
  /** Whether the account is locked: then nothing is evaluated, and the attempt fails. */
  readonly locked: boolean;
  /** Failures before this attempt. */
  readonly failures: number;
}

/** Whether an attempt may be evaluated. */
export type Admission =
  | { readonly kind: 'held'; readonly hold: Hold }
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number }
  | { readonly kind: 'overloaded'; readonly retryAfterSeconds: number };

/** What failed passwords of an account are counted under: over all mounts, and however it was named. */
export const accountKey = (accountId: string): string => `password:account:${accountId}`;

/** What failed passwords for an identifier that names nobody are counted under; takes its keyed hash. */
export const unknownKey = (identifierHash: string): string => `password:unknown:${identifierHash}`;

/** What failed passwords of an installation are counted under. */
export const installationKey = (installationId: string): string => `password:installation:${installationId}`;

/** What wrong codes of an account are counted under: over all tickets, resends and mounts. */
export const factorKey = (accountId: string): string => `factor:account:${accountId}`;

/** How long an attempt may take at most once its turn has come; longer than that nobody is at it any more. */
const EVALUATION_MILLISECONDS = 30_000;

/** How long a caller waits for those in flight before it asks the store again: they may be on another node. */
const ASK_AGAIN_MILLISECONDS = 20;

/**
 * Counts attempts before they are evaluated. Who finds the limit reached only by attempts that are in flight waits for
 * them; who finds it reached by failures is throttled. So of any number of parallel attempts no more are evaluated than
 * may fail, and right ones are never refused for each other.
 */
export class Throttle {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #queueMilliseconds: number;
  readonly #leaseMilliseconds: number;
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(store: Store, clock: Clock, queueMilliseconds: number) {
    this.#store = store;
    this.#clock = clock;
    this.#queueMilliseconds = queueMilliseconds;
    this.#leaseMilliseconds = queueMilliseconds + EVALUATION_MILLISECONDS;
  }

  /**
   * Counts one attempt, waiting for a place within the time bound.
   * @param arrivedAt when the request came, in milliseconds since 1970: the bound counts from there
   */
  async admit(counted: Counted, arrivedAt: number): Promise<Admission> {
    const begun = performance.now();
    for (;;) {
      const now = this.#clock.now();
      const committed = await this.#store.commit([
        countAttempt(counted.key, counted.limit, now, this.#leaseMilliseconds),
      ]);
      if (committed.ok) {
        const [row] = committed.rows[0] ?? [];
        if (!row) throw new Error('an attempt was counted and nothing said of it');
        const locked = integer(row, 'locked_until') > now;
        return { kind: 'held', hold: { ...counted, locked, failures: integer(row, 'failures') } };
      }
      const state = await this.#store.attempts.state(counted.key);
      if (state && state.blockedUntil > now)
        return { kind: 'throttled', retryAfterSeconds: Math.ceil((state.blockedUntil - now) / 1000) };
      // The second, for a clock that is set back meanwhile.
      const waited = Math.max(this.#clock.now() - arrivedAt, performance.now() - begun);
      if (waited >= this.#queueMilliseconds) return { kind: 'overloaded', retryAfterSeconds: 1 };
      await this.#place(counted.key);
    }
  }

  /** Tells those who wait for one of these keys that a place may be free. Called after the commit that freed it. */
  settled(holds: readonly Counted[]): void {
    for (const { key } of holds) {
      const waiting = this.#waiting.get(key);
      this.#waiting.delete(key);
      for (const wake of waiting ?? []) wake();
    }
  }

  /** Gives holds back without a failure, for an attempt that was not evaluated. */
  async release(holds: readonly Hold[]): Promise<void> {
    if (holds.length === 0) return;
    await this.#store.commit(holds.map((hold) => releaseAttempt(hold.key)));
    this.settled(holds);
  }

  #place(key: string): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, waiting);
      const wake = (): void => {
        clearTimeout(timer);
        waiting.delete(wake);
        if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
        resolve();
      };
      const timer = setTimeout(wake, ASK_AGAIN_MILLISECONDS);
      waiting.add(wake);
    });
  }
}

/** The changes that end holds as failures. */
export function failHolds(holds: readonly Hold[], now: number): Change[] {
  return holds.map((hold) => failAttempt(hold.key, hold.limit, now));
}

/** The changes that end holds of which some were right, by key, and the others are not counted beside those. */
export function passHolds(holds: readonly Hold[], right: ReadonlySet<string>): Change[] {
  return holds.map(({ key }) => (right.has(key) ? passAttempt(key) : releaseAttempt(key)));
}

/** The changes that end holds without a failure. */
export function releaseHolds(holds: readonly Hold[]): Change[] {
  return holds.map((hold) => releaseAttempt(hold.key));
}
