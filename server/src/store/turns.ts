import { AsyncLocalStorage } from 'node:async_hooks';
import { StoreUnavailableError } from '../errors.ts';

/** Where the request that is being worked on has had a turn. */
const visits = new AsyncLocalStorage<Set<Turns>>();

/** Does what belongs to one request: what of it comes to the store later goes before requests that have not begun there. */
export function asOneRequest<T>(work: () => T): T {
  return visits.run(new Set(), work);
}

/** Somebody who waits for a turn. */
interface Waiter {
  readonly begin: () => void;
  readonly giveUp: (error: Error) => void;
}

/**
 * Lets so many work at a time. When more come than can be served, some have to be sent away; if it were any of them, hardly a
 * request that asks several times would get to its end. So whoever has had a turn comes before whoever has not, and what is
 * sent away has cost nothing yet.
 */
export class Turns {
  readonly #waitMilliseconds: number;
  readonly #begun = new Set<Waiter>();
  readonly #fresh = new Set<Waiter>();
  #free: number;

  /** @param waitMilliseconds how long anybody waits for a turn */
  constructor(count: number, waitMilliseconds: number) {
    this.#free = count;
    this.#waitMilliseconds = waitMilliseconds;
  }

  /** @throws StoreUnavailableError when its turn did not come in time, or comes no more: then nothing was done */
  async take<T>(work: () => Promise<T>): Promise<T> {
    const visited = visits.getStore();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(visited?.has(this) === true ? this.#begun : this.#fresh);
    visited?.add(this);
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  /** Sends everybody away who waits. */
  end(): void {
    for (const waiter of [...this.#begun, ...this.#fresh])
      waiter.giveUp(new StoreUnavailableError('the store does not answer'));
  }

  #wait(queue: Set<Waiter>): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        queue.delete(waiter);
      };
      const waiter: Waiter = {
        begin: () => {
          leave();
          resolve();
        },
        giveUp: (error) => {
          leave();
          reject(error);
        },
      };
      const timer = setTimeout(
        () => waiter.giveUp(new StoreUnavailableError('the store has too much to do')),
        this.#waitMilliseconds,
      );
      queue.add(waiter);
    });
  }

  #next(): void {
    const [first] = this.#begun.size > 0 ? this.#begun : this.#fresh;
    if (first === undefined) this.#free += 1;
    else first.begin();
  }
}
