import { readFileSync } from 'node:fs';

/** What the server's own figures said in all. */
export interface HealthFigures {
  /** The longest delay of its event loop, but for the time in which its thread waited for a core. */
  readonly longestStallMilliseconds: number;
  /** The longest delay that it measured, whatever the reason. */
  readonly longestDelayMilliseconds: number;
  /** In how many of the half seconds there was a stall of more than 200 ms. */
  readonly stalls: number;
  readonly residentMib: number;
  readonly restarts: number;
}

/** Longer than this, an event loop counts as stalled. */
export const MOST_STALL_MILLISECONDS = 200;

const PAUSE_MILLISECONDS = 500;

/** Looks at a server's metrics again and again, until it is stopped. */
export class HealthWatch {
  readonly #url: string;
  readonly #pid: number;
  readonly #running: Promise<void>;
  #stopped = false;
  #startedAt: number | null = null;
  #waitedMilliseconds: number;
  #figures = {
    longestStallMilliseconds: 0,
    longestDelayMilliseconds: 0,
    stalls: 0,
    residentMib: 0,
    restarts: 0,
  };

  constructor(url: string, pid: number) {
    this.#url = url;
    this.#pid = pid;
    this.#waitedMilliseconds = waitedForCore(pid);
    this.#running = this.#watch();
  }

  /** Ends it. */
  async stop(): Promise<HealthFigures> {
    this.#stopped = true;
    await this.#running;
    return this.#figures;
  }

  async #watch(): Promise<void> {
    // Since its start it did other things.
    await this.#look().catch(() => undefined);
    this.#figures = { ...this.#figures, longestStallMilliseconds: 0, longestDelayMilliseconds: 0, stalls: 0 };
    while (!this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
      await this.#look().catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const text = await (await fetch(`${this.#url}/metrics`)).text();
    const figure = (name: string) =>
      Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
    const waited = waitedForCore(this.#pid);
    const delay = figure('nodejs_eventloop_lag_max_seconds') * 1000;
    const stall = delay - (waited - this.#waitedMilliseconds);
    this.#waitedMilliseconds = waited;
    const startedAt = figure('process_start_time_seconds');
    const so = this.#figures;
    this.#figures = {
      longestStallMilliseconds: Math.max(so.longestStallMilliseconds, stall),
      longestDelayMilliseconds: Math.max(so.longestDelayMilliseconds, delay),
      stalls: so.stalls + (stall > MOST_STALL_MILLISECONDS ? 1 : 0),
      residentMib: Math.max(so.residentMib, figure('process_resident_memory_bytes') / 1024 / 1024),
      restarts: so.restarts + (this.#startedAt !== null && startedAt !== this.#startedAt ? 1 : 0),
    };
    this.#startedAt = startedAt;
  }
}

/** How long the process's main thread has been ready to run while others ran, since it began; 0 where nobody counts it. */
function waitedForCore(pid: number): number {
  try {
    const [, nanoseconds] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ');
    return Number(nanoseconds) / 1e6;
  } catch {
    return 0;
  }
}
