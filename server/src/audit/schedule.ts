import { setTimeout } from 'node:timers/promises';
import type { Vault } from '../crypto/vault.ts';
import type { Clock, Log } from '../ports.ts';
import type { Store } from '../store/store.ts';
import { BATCH_EVENTS, lookForEvents, removeChainBefore } from './chain.ts';
import type { ChainEnd } from './chain-end.ts';

/** How often events get their places in the chain, and how often old ones are looked for. */
const CHAIN_MILLISECONDS = 1000;
const RETENTION_MILLISECONDS = 60_000;
/** How long the store is left to others after some of them were removed. */
const PAUSE_MILLISECONDS = 20;
const DAY_MILLISECONDS = 24 * 3_600_000;

/** How often the log says where the chain ends, and repeats what is wrong with it. */
const TELL_MILLISECONDS = 3_600_000;

/** How many commits a server that stops makes for what others have left. */
const LAST_BATCHES = 64;

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
  readonly #queued = new Set<string>();
  #running: Promise<void> = Promise.resolve();
  #ending = false;
  #end: ChainEnd | null = null;
  #chainedAt = 0;
  #toldEndAt: number;
  #told: { readonly problem: string; readonly at: number } | null = null;

  constructor(options: AuditScheduleOptions) {
    this.#options = options;
    this.#toldEndAt = options.clock.now();
    this.#timers = [
      setInterval(() => this.#queue('chain', () => this.chain()), CHAIN_MILLISECONDS).unref(),
      setInterval(() => this.#queue('retain', () => this.#retain()), RETENTION_MILLISECONDS).unref(),
    ];
  }

  /** Gives what was written so far its places, says where the chain ends, and stops. */
  async stop(): Promise<void> {
    this.#ending = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#running;
    this.#queue('last', async () => {
      for (let batch = 0; batch < LAST_BATCHES && (await this.#extend()) === BATCH_EVENTS; batch += 1);
      this.#tellEnd();
    });
    await this.#running;
  }

  /** One round: as many commits as there are events for, and no more for those that come meanwhile. */
  async chain(): Promise<void> {
    const { clock } = this.#options;
    this.#chainedAt = clock.now();
    while ((await this.#extend()) === BATCH_EVENTS && !this.#ending);
    if (Math.abs(clock.now() - this.#toldEndAt) >= TELL_MILLISECONDS) this.#tellEnd();
  }

  /** @param name of what waits once at most, however long the store takes */
  #queue(name: string, round: () => Promise<void>): void {
    if (this.#queued.has(name)) return;
    this.#queued.add(name);
    const begin = () => {
      this.#queued.delete(name);
      return round();
    };
    this.#running = this.#running.then(begin).catch((error: Error) => {
      this.#options.log.warn({ error: error.message }, 'the audit log could not be looked after');
    });
  }

  async #extend(): Promise<number> {
    const { store, vault } = this.#options;
    const { events, end, problem } = await lookForEvents(store, vault);
    if (problem !== null) this.#tellProblem(problem);
    if (end === null) return events;
    if (this.#end !== null && end.link < this.#end.link)
      this.#options.log.error(
        { link: end.link, noted: named(this.#end) },
        'the audit log ends before where it ended: an older state was put back, or its end cut off',
      );
    this.#end = end;
    return events;
  }

  /** What the log has of the chain is out of reach of who has the database. */
  #tellEnd(): void {
    this.#toldEndAt = this.#options.clock.now();
    if (this.#end !== null && this.#end.link > 0)
      this.#options.log.info({ last: named(this.#end) }, 'the audit log ends here');
  }

  #tellProblem(problem: string): void {
    const at = this.#options.clock.now();
    const isKnown = this.#told?.problem === problem && Math.abs(at - this.#told.at) < TELL_MILLISECONDS;
    if (isKnown) return;
    this.#told = { problem, at };
    this.#options.log.error({}, `${problem}: latchkey audit verify`);
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
      if (Math.abs(clock.now() - this.#chainedAt) >= CHAIN_MILLISECONDS) await this.chain();
      await setTimeout(PAUSE_MILLISECONDS);
    }
    if (removedTo !== null) log.info({ link: removedTo }, 'old events were removed from the audit log');
  }
}

/** As `latchkey audit verify --expect` takes it. */
function named({ link, seal }: ChainEnd): string {
  return `${link}:${seal}`;
}
