import { setTimeout } from 'node:timers/promises';
import type { Vault } from '../crypto/vault.ts';
import type { Clock, Log } from '../ports.ts';
import type { Store } from '../store/store.ts';
import { extendChain, removeChainBefore } from './chain.ts';

/** How often events get their places in the chain, and how often old ones are looked for. */
const CHAIN_MILLISECONDS = 1000;
const RETENTION_MILLISECONDS = 60_000;
/** How long the store is left to others after some of them were removed. */
const PAUSE_MILLISECONDS = 20;
const DAY_MILLISECONDS = 24 * 3_600_000;

/** What the schedule works with. */
export interface AuditScheduleOptions {
  readonly store: Store;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly log: Log;
  /** How long events are kept; 0 for ever. */
  readonly retentionDays: number;
}

/** Keeps the audit log's chain up to date and its length within the retention, for as long as it is not stopped. */
export class AuditSchedule {
  readonly #options: AuditScheduleOptions;
  readonly #timers: readonly NodeJS.Timeout[];
  #running: Promise<void> = Promise.resolve();
  #ending = false;
  #stopped = false;

  constructor(options: AuditScheduleOptions) {
    this.#options = options;
    this.#timers = [
      setInterval(() => this.#queue(() => this.#chain()), CHAIN_MILLISECONDS).unref(),
      setInterval(() => this.#queue(() => this.#retain()), RETENTION_MILLISECONDS).unref(),
    ];
  }

  /** Gives what was written so far its places, and stops. */
  async stop(): Promise<void> {
    this.#ending = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#running;
    this.#queue(() => this.#chain());
    await this.#running;
    this.#stopped = true;
  }

  #queue(round: () => Promise<void>): void {
    if (this.#stopped) return;
    this.#running = this.#running.then(round).catch((error: Error) => {
      this.#options.log.warn({ error: error.message }, 'the audit log could not be looked after');
    });
  }

  async #chain(): Promise<void> {
    const { store, vault, log } = this.#options;
    while ((await extendChain(store, vault, log)) > 0);
  }

  async #retain(): Promise<void> {
    const { store, vault, clock, log, retentionDays } = this.#options;
    if (retentionDays === 0) return;
    const time = clock.now() - retentionDays * DAY_MILLISECONDS;
    let removedTo: number | null = null;
    while (!this.#ending) {
      const next = await removeChainBefore(store, vault, time);
      if (next === null) break;
      removedTo = next;
      // There may be years of them: neither sign-ins nor their places in the chain wait until all are gone.
      await this.#chain();
      await setTimeout(PAUSE_MILLISECONDS);
    }
    if (removedTo !== null) log.info({ link: removedTo }, 'old events were removed from the audit log');
  }
}
