import type { Clock } from '../ports.ts';
import {
  type AttemptLimit,
  countAttempt,
  failAttempt,
  forgiveAttempts,
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
  /** The places it has: one under its key, and one under that of a recognised device where it came from one. */
  readonly places: readonly Counted[];
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

/**
 * What failed passwords are counted under that come from a device which the account recognises, beside the account's own
 * key: what strangers fail does not keep it out (ASVS 6.1.1).
 */
export const deviceKey = (accountId: string, fingerprintHash: string): string =>
  `${accountKey(accountId)}:${fingerprintHash}`;

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
        const failures = integer(row, 'failures');
        return { kind: 'held', hold: { ...counted, locked, failures, places: [counted] } };
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

  /**
   * Counts one attempt from a device that the account recognises: by the device's own failures, and by the account's as far
   * as those let it. A wait of the account does not hold it up; a lock does.
   */
  async admitRecognised(account: Counted, device: Counted, arrivedAt: number): Promise<Admission> {
    const own = await this.admit(device, arrivedAt);
    if (own.kind !== 'held') return own;
    const beside = await this.admit(account, arrivedAt);
    if (beside.kind === 'held') return { kind: 'held', hold: { ...beside.hold, places: [account, device] } };
    if (beside.kind === 'overloaded') {
      await this.release([own.hold]);
      return beside;
    }
    const state = await this.#store.attempts.state(account.key);
    const locked = (state?.lockedUntil ?? 0) > this.#clock.now();
    return { kind: 'held', hold: { ...own.hold, ...account, locked, places: [device] } };
  }

  /** Tells those who wait for one of these keys that a place may be free. Called after the commit that freed it. */
  settled(holds: readonly { readonly places: readonly { readonly key: string }[] }[]): void {
    for (const { key } of holds.flatMap(({ places }) => places))
      for (const wake of this.#waiting.get(key) ?? []) wake();
  }

  /** Gives holds back without a failure, for an attempt that was not evaluated. */
  async release(holds: readonly Hold[]): Promise<void> {
    if (holds.length === 0) return;
    await this.#store.commit(releaseHolds(holds));
    this.settled(holds);
  }

  #place(key: string): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, waiting);
      const wake = (): void => {
        clearTimeout(timer);
        waiting.delete(wake);
        if (waiting.size === 0) this.#waiting.delete(key);
        resolve();
      };
      const timer = setTimeout(wake, ASK_AGAIN_MILLISECONDS);
      waiting.add(wake);
    });
  }
}

/** The changes that end holds as failures. */
export function failHolds(holds: readonly Hold[], now: number): Change[] {
  return placesOf(holds).map(({ key, limit }) => failAttempt(key, limit, now));
}

/** The changes that end holds of which some were right, by key, and the others are not counted beside those. */
export function passHolds(holds: readonly Hold[], right: ReadonlySet<string>): Change[] {
  return holds.flatMap((hold) =>
    right.has(hold.key) ? hold.places.flatMap((place) => passPlace(hold, place)) : releaseHolds([hold]),
  );
}

/** The changes that end holds without a failure. */
export function releaseHolds(holds: readonly Hold[]): Change[] {
  return placesOf(holds).map(({ key }) => releaseAttempt(key));
}

/** A right password shows that a device's failures were its owner's. Those of the account may be anybody's. */
function passPlace(hold: Hold, { key }: Counted): Change[] {
  return key === hold.key ? [passAttempt(key)] : [passAttempt(key), forgiveAttempts(key)];
}

function placesOf(holds: readonly Hold[]): Counted[] {
  return holds.flatMap((hold) => hold.places);
}
