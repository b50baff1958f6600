import type pg from 'pg';
import { StoreUnavailableError } from '../../errors.ts';
import type { Log } from '../../ports.ts';
import { answers, type Connections } from './connections.ts';

/** How often those that wait are looked at, and a database that was away is tried again. */
const LOOK_MILLISECONDS = 100;

/** How long something may take before the database is asked whether it is there at all. */
const SUSPICIOUS_MILLISECONDS = 500;

/** How long the database may take to say so. */
const ANSWER_MILLISECONDS = 1000;

interface Waiting {
  readonly since: number;
  readonly giveUp: (error: Error) => void;
}

/**
 * Tells a slow database from one that is away. A network can swallow everything without a word: then whatever waits for
 * an answer would wait for its time-out, and whatever comes after it too. So when something takes long, the database is
 * asked over a connection of its own. While it does not answer, everything fails at once, and it is tried until it does.
 */
export class Pulse {
  readonly #all: readonly [Connections, ...Connections[]];
  readonly #log: Log;
  readonly #waiting = new Set<Waiting>();
  readonly #timer: NodeJS.Timeout;
  #client: pg.Client | undefined;
  #connecting: Promise<void> | undefined;
  #answeredAt = 0;
  #asking: Promise<void> | undefined;
  #isAway = false;
  #stopped = false;

  /** @param all over which the database is used; it is asked whether it is there as over the first */
  constructor(all: readonly [Connections, ...Connections[]], log: Log) {
    this.#all = all;
    this.#log = log;
    this.#timer = setInterval(() => this.#look(), LOOK_MILLISECONDS).unref();
  }

  /**
   * Does something with the database for as long as it is there.
   * @throws StoreUnavailableError as soon as it is away; what had been sent before may have been done
   */
  guard<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isAway) return Promise.reject(notThere());
    return new Promise((resolve, reject) => {
      const waiting = { since: performance.now(), giveUp: reject };
      this.#waiting.add(waiting);
      work()
        .then(resolve, reject)
        .finally(() => this.#waiting.delete(waiting));
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#connecting;
    await this.#asking;
    this.#drop();
  }

  #look(): void {
    // A connection of its own is there before it is needed: making one takes longer than an answer.
    if (this.#client === undefined) this.#connecting ??= this.#connect();
    const [oldest] = this.#waiting;
    if (oldest === undefined || this.#asking !== undefined) return;
    if (performance.now() - Math.max(oldest.since, this.#answeredAt) < SUSPICIOUS_MILLISECONDS) return;
    this.#asking = this.#ask().finally(() => {
      this.#asking = undefined;
    });
  }

  async #connect(): Promise<void> {
    const client = this.#all[0].alone();
    try {
      await client.connect();
      this.#client = client;
      client.once('end', () => this.#client === client && this.#drop());
    } catch {
      // Whatever the matter is, others meet it too, and it is tried again.
    } finally {
      this.#connecting = undefined;
    }
  }

  async #ask(): Promise<void> {
    // Where it cannot even be connected to, those that wait are told so by their own connections.
    const client = this.#client;
    if (client === undefined) return;
    if (await answers(client, ANSWER_MILLISECONDS)) this.#answeredAt = performance.now();
    else if (!this.#stopped) await this.#lose();
  }

  /** Lets nobody wait any longer, and comes back when the database does. */
  async #lose(): Promise<void> {
    this.#isAway = true;
    this.#log.warn({}, 'the store does not answer: everything that needs it is refused until it does');
    this.#drop();
    for (const { giveUp } of this.#waiting) giveUp(notThere());
    for (const connections of this.#all) connections.replace();
    // It is looked for as always.
    while (!this.#stopped && this.#client === undefined)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
    this.#isAway = false;
    if (!this.#stopped) this.#log.info({}, 'the store answers again');
  }

  #drop(): void {
    const client = this.#client;
    this.#client = undefined;
    client?.connection.stream.destroy();
  }
}

function notThere(): StoreUnavailableError {
  return new StoreUnavailableError('the store does not answer');
}
