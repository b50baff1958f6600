import type { TokenStore, Tokens } from './token-store.ts';

/** The Web Locks API, as far as it is needed; insecure pages and older versions of Node.js lack it. */
interface Locks {
  request<Result>(
    name: string,
    options: { readonly mode: 'exclusive' | 'shared' },
    work: () => Promise<Result>,
  ): Promise<Result>;
  query(): Promise<{ readonly held?: readonly { readonly name?: string }[] }>;
}

/** The end of the queue of each store in this process. */
const queues = new WeakMap<TokenStore, Promise<unknown>>();

/** How long tokens are marked as replaced, and how long the ones in their place are waited for. */
const MARKED_MILLISECONDS = 5000;
const WAIT_MILLISECONDS = 2000;
const LOOK_AGAIN_MILLISECONDS = 20;

/**
 * One at a time at a store: in this process by a queue, and across tabs under a Web Lock, where there are any.
 *
 * Browsers do not keep `localStorage` in step with their locks: what a tab wrote under the lock can reach another one after
 * that has got it. So whoever replaces tokens marks them by a second lock, which is named after them, before the first is
 * let go; and whoever finds marked tokens waits for the new ones to arrive.
 */
export class StoreLock {
  readonly #store: TokenStore;
  readonly #name: string | null;

  /** @param name what the lock is called; null when nobody else sees the store */
  constructor(store: TokenStore, name: string | null) {
    this.#store = store;
    this.#name = name;
  }

  /** Does some work on the tokens in the store while nobody else does. */
  exclusively<Result>(work: (tokens: Tokens | null) => Promise<Result>): Promise<Result> {
    const turn = (queues.get(this.#store) ?? Promise.resolve()).then(() => this.#locked(work));
    queues.set(
      this.#store,
      turn.catch(() => undefined),
    );
    return turn;
  }

  /** Puts other tokens, or none, in the place of those that are there. Only within `exclusively`. */
  async replace(tokens: Tokens | null): Promise<void> {
    const before = await this.#store.get();
    await (tokens === null ? this.#store.clear() : this.#store.set(tokens));
    if (before !== null) await this.#mark(before);
  }

  async #locked<Result>(work: (tokens: Tokens | null) => Promise<Result>): Promise<Result> {
    const locks = locksFor(this.#name);
    if (this.#name === null || locks === undefined) return work(await this.#store.get());
    return locks.request(this.#name, { mode: 'exclusive' }, async () => work(await this.#arrived(locks)));
  }

  /** What is in the store, once it is what the tab that was here before has left. */
  async #arrived(locks: Locks): Promise<Tokens | null> {
    const tokens = await this.#store.get();
    if (tokens === null || !(await this.#isMarked(locks, tokens))) return tokens;
    const deadline = Date.now() + WAIT_MILLISECONDS;
    while (Date.now() < deadline) {
      const now = await this.#store.get();
      if (now?.accessToken !== tokens.accessToken) return now;
      await storageEvent();
    }
    return tokens;
  }

  async #isMarked(locks: Locks, tokens: Tokens): Promise<boolean> {
    const { held = [] } = await locks.query();
    return held.some(({ name }) => name === this.#markOf(tokens));
  }

  async #mark(replaced: Tokens): Promise<void> {
    const locks = locksFor(this.#name);
    if (locks === undefined) return;
    await new Promise<void>((marked) => {
      void locks.request(this.#markOf(replaced), { mode: 'shared' }, async () => {
        marked();
        await unwatched(MARKED_MILLISECONDS);
      });
    });
  }

  /** The end of the token is enough to tell it from others, and of no use to anybody. */
  #markOf({ accessToken }: Tokens): string {
    return `${this.#name}:replaced:${accessToken.slice(-16)}`;
  }
}

function locksFor(name: string | null): Locks | undefined {
  return name === null ? undefined : (globalThis as { navigator?: { locks?: Locks } }).navigator?.locks;
}

/** Waits for a while, without keeping a process alive for it. */
function unwatched(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer: unknown = setTimeout(resolve, milliseconds);
    (timer as { unref?: () => void }).unref?.();
  });
}

/** Waits until another tab's writing arrives, or for a moment: timers are slow in tabs that nobody sees, events are not. */
function storageEvent(): Promise<void> {
  const page = globalThis as unknown as Partial<EventTarget>;
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      page.removeEventListener?.('storage', done);
      resolve();
    };
    const timer = setTimeout(done, LOOK_AGAIN_MILLISECONDS);
    page.addEventListener?.('storage', done);
  });
}
