import { RateLimiterMemory } from 'rate-limiter-flexible';

/** What failures are counted over, and what anybody may ask for, each in a window of its own length. */
export const WINDOW_NAMES = ['address', 'asking', 'organisation', 'everybody', 'context'] as const;

/** The name of a limit. */
export type WindowName = (typeof WINDOW_NAMES)[number];

/** How many failures there may be in how many seconds. A window begins with the first that is counted in it. */
export interface WindowLimit {
  readonly count: number;
  readonly seconds: number;
}

/** The limit of each window. */
export type WindowLimits = Readonly<Record<WindowName, WindowLimit>>;

/** Whose failures: of one address, of what one address asks for, of one organisation's doors, of all together, at one context of resource codes. */
export interface Counted {
  readonly window: WindowName;
  readonly key: string;
}

/** How many failures were counted, and for how long they still are. */
export interface Count {
  readonly failures: number;
  readonly milliseconds: number;
}

/** A count that several servers share. It answers or throws within a bounded time. */
export interface SharedCount {
  /** What was counted; null for nothing, and when nobody can be asked now, so that what this process knows has to do. */
  get(counted: Counted): Promise<Count | null>;
  /** Counts one more, atomically. Null when nobody can be told now. */
  add(counted: Counted): Promise<Count | null>;
}

/** How windows are kept. */
export interface WindowsOptions {
  readonly limits: WindowLimits;
  /** Null where this process is the only one. */
  readonly shared: SharedCount | null;
  /** Is told of each attempt that a limit turned away. */
  readonly onLimited?: (window: WindowName) => void;
}

/** How long an answer about what everybody shares is good: what is asked for at each sign-in is read once in that time. */
const FRESH_MILLISECONDS = 1000;

/**
 * Counts failures over windows of time. Each process counts what it sees itself, and asks and tells the count that all of
 * them share, where there is one: so neither a shared count that is away, nor one that has lost its memory, opens anything
 * that this process has seen closed.
 */
export class Windows {
  readonly #options: WindowsOptions;
  /** The failures that this process has seen, or has learnt of from the others. */
  readonly #own: Readonly<Record<WindowName, RateLimiterMemory>>;
  /**
   * Those of which this process has told. Counted apart, as failures at once need not come to the shared count in the order
   * in which this process saw them: going by both orders would refuse more than one order does.
   */
  readonly #told: Readonly<Record<WindowName, RateLimiterMemory>>;
  readonly #askedAt = new Map<string, number>();

  constructor(options: WindowsOptions) {
    this.#options = options;
    this.#own = countersInMemory(options.limits);
    this.#told = countersInMemory(options.limits);
  }

  /** Seconds until all of these may fail again, as far as this process knows; null when they may now. */
  async knownWait(all: readonly Counted[]): Promise<number | null> {
    const counts = await Promise.all(all.map((counted) => this.#ownCount(counted)));
    return this.#longest(all, counts, (failures, limit) => failures >= limit);
  }

  /**
   * Seconds until all of these may fail again, over all servers; null when they may now. What concerns one address or one
   * context is asked each time, the rest once a second.
   */
  async wait(all: readonly Counted[]): Promise<number | null> {
    const known = await this.knownWait(all);
    if (known !== null) return known;
    const { shared } = this.#options;
    if (shared === null) return null;
    const asked = all.filter((counted) => this.#isToBeAsked(counted));
    const counts = await Promise.all(asked.map((counted) => shared.get(counted)));
    await this.#learn(asked, counts);
    return this.#longest(asked, counts, (failures, limit) => failures >= limit);
  }

  /**
   * Counts a failure for each of these.
   * @returns null when it was one of those that there may be; else the seconds to wait. Whoever is over a limit must not be
   *   told that it was a failure: of any number of attempts at once, no more are told than there may be
   */
  async fail(all: readonly Counted[]): Promise<number | null> {
    const { shared } = this.#options;
    const isOver = (failures: number, limit: number) => failures > limit;
    await addTo(this.#own, all);
    if (shared !== null) {
      const counts = await Promise.all(all.map((counted) => shared.add(counted)));
      await this.#learn(all, counts);
      const wait = this.#longest(all, counts, isOver);
      if (wait !== null) return wait;
    }
    return this.#longest(all, await addTo(this.#told, all), isOver);
  }

  async #ownCount({ window, key }: Counted): Promise<Count | null> {
    const state = await this.#own[window].get(key);
    return state === null ? null : countOf(state);
  }

  #isToBeAsked({ window, key }: Counted): boolean {
    if (window === 'address' || window === 'context') return true;
    const name = `${window}:${key}`;
    const now = performance.now();
    if (now - (this.#askedAt.get(name) ?? Number.NEGATIVE_INFINITY) < FRESH_MILLISECONDS) return false;
    this.#askedAt.set(name, now);
    return true;
  }

  /** What the others have closed is closed here too, and need not be asked for again. */
  async #learn(all: readonly Counted[], counts: readonly (Count | null)[]): Promise<void> {
    for (const [index, { window, key }] of all.entries()) {
      const count = counts[index];
      if (!count || count.failures < this.#options.limits[window].count) continue;
      await this.#own[window].set(key, count.failures, seconds(count));
    }
  }

  #longest(
    all: readonly Counted[],
    counts: readonly (Count | null)[],
    isClosed: (failures: number, limit: number) => boolean,
  ): number | null {
    let wait: number | null = null;
    for (const [index, { window }] of all.entries()) {
      const count = counts[index];
      if (!count || !isClosed(count.failures, this.#options.limits[window].count)) continue;
      this.#options.onLimited?.(window);
      wait = Math.max(wait ?? 0, seconds(count));
    }
    return wait;
  }
}

function countersInMemory(limits: WindowLimits): Readonly<Record<WindowName, RateLimiterMemory>> {
  const counter = (name: WindowName) =>
    new RateLimiterMemory({ points: limits[name].count, duration: limits[name].seconds });
  return {
    address: counter('address'),
    asking: counter('asking'),
    organisation: counter('organisation'),
    everybody: counter('everybody'),
    context: counter('context'),
  };
}

/** Counts one more for each of these. */
function addTo(
  counters: Readonly<Record<WindowName, RateLimiterMemory>>,
  all: readonly Counted[],
): Promise<Count[]> {
  return Promise.all(all.map(async ({ window, key }) => countOf(await counters[window].penalty(key))));
}

/** What a limiter of the library says. */
export function countOf(state: { consumedPoints: number; msBeforeNext: number }): Count {
  return { failures: state.consumedPoints, milliseconds: state.msBeforeNext };
}

function seconds({ milliseconds }: Count): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}
