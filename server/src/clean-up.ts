import type { Clock, Log } from './ports.ts';
import { type Retention, removeExpired, removeIdleAttempts } from './store/clean-up.ts';
import type { Change } from './store/engine.ts';
import { removeRetiredKeys } from './store/signing-keys.ts';
import type { Store } from './store/store.ts';

/** How long a retired key stays listed. */
const KEEP_RETIRED_KEYS_MILLISECONDS = 30 * 24 * 3_600_000;

/** How often it looks, and what it leaves. */
export interface CleanUpTimes extends Retention {
  readonly everySeconds: number;
}

/**
 * How many pieces of what is counted it goes through for each minute between two rounds: with few keys all of them, with many
 * they take turns.
 */
const PIECES_A_MINUTE = 100;

/** The share of the writer's time that a clean-up takes while others want to write, too. */
const BUSY_SHARE = 0.25;

/** Removes what is expired, a little at a time, for as long as it is not stopped. */
export class CleanUp {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #retention: Retention;
  readonly #piecesARound: number;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | undefined;
  #stopped = false;
  /** Where the next round goes on among what is counted. */
  #attemptsAfter = '';

  constructor(store: Store, clock: Clock, log: Log, times: CleanUpTimes) {
    this.#retention = times;
    this.#piecesARound = Math.ceil((times.everySeconds / 60) * PIECES_A_MINUTE);
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#timer = setInterval(() => {
      this.#running ??= this.run().finally(() => {
        this.#running = undefined;
      });
    }, times.everySeconds * 1000).unref();
  }

  /** One round: goes on as long as there is something to remove. */
  async run(): Promise<void> {
    const now = this.#clock.now();
    try {
      await this.#store.commit([removeRetiredKeys(now - KEEP_RETIRED_KEYS_MILLISECONDS)]);
      for (const change of removeExpired(now, this.#retention))
        while (!this.#stopped && (await this.#removed(change)) > 0);
      await this.#goThroughAttempts(now);
    } catch (error) {
      this.#log.warn({ error: (error as Error).message }, 'the clean-up was interrupted');
    }
  }

  async #goThroughAttempts(now: number): Promise<void> {
    for (let pieces = 0; pieces < this.#piecesARound && !this.#stopped; pieces += 1) {
      const after = this.#attemptsAfter;
      const to = await this.#store.cleanUp.endOfPiece(after);
      await this.#removed(removeIdleAttempts(now, after, to));
      this.#attemptsAfter = to ?? '';
      if (to === null) return;
    }
  }

  /** Applies a change, and leaves the store to others for a while. @returns how many rows it has removed */
  async #removed(change: Change): Promise<number> {
    const begun = performance.now();
    const committed = await this.#store.commit([change]);
    const removed = committed.ok ? (committed.rows[0]?.length ?? 0) : 0;
    const pause = ((performance.now() - begun) * (1 - BUSY_SHARE)) / BUSY_SHARE;
    await new Promise((resolve) => setTimeout(resolve, pause));
    return removed;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#running;
  }
}
