import type { Clock, Log } from './ports.ts';
import { type Retention, removeExpired } from './store/clean-up.ts';
import { removeRetiredKeys } from './store/signing-keys.ts';
import type { Store } from './store/store.ts';

/** How long a retired key stays listed. */
const KEEP_RETIRED_KEYS_MILLISECONDS = 30 * 24 * 3_600_000;

/** How often it looks, and what it leaves. */
export interface CleanUpTimes extends Retention {
  readonly everySeconds: number;
}

/** Removes what is expired, a little at a time, for as long as it is not stopped. */
export class CleanUp {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #retention: Retention;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(store: Store, clock: Clock, log: Log, times: CleanUpTimes) {
    this.#retention = times;
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
      for (const change of removeExpired(now, this.#retention)) {
        let removed = 1;
        while (removed > 0 && !this.#stopped) {
          const committed = await this.#store.commit([change]);
          removed = committed.ok ? (committed.rows[0]?.length ?? 0) : 0;
        }
      }
    } catch (error) {
      this.#log.warn({ error: (error as Error).message }, 'the clean-up was interrupted');
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#running;
  }
}
