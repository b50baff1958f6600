import type { ServerAccess } from './ask-server.ts';
import { type Clock, pause, stopwatch } from './clock.ts';
import type { ServerSentEvent } from './event-stream.ts';
import { FeedRefusedError, listen } from './feed-connection.ts';
import type { KeySet } from './key-set.ts';
import type { RevokedSessions } from './revoked-sessions.ts';
import { type Revocation, readSessionRevoked } from './session-revoked.ts';

/** What a feed needs. */
export interface RevocationFeedOptions {
  readonly access: ServerAccess;
  readonly issuer: string;
  readonly credential: string;
  /** Null where tokens are signed with a shared secret only. */
  readonly keys: KeySet | null;
  readonly sessions: RevokedSessions;
  readonly clock: Clock;
  /** How old what the feed has told may be while it is still believed. */
  readonly maxStalenessMilliseconds: number;
  /** It is not believed any more. Null: it has never been caught up with. */
  readonly onStale: (milliseconds: number | null) => void;
  readonly onFresh: () => void;
  readonly onRevoked: (revocation: Revocation) => void;
  readonly onError: (error: Error) => void;
}

/** How the feed stands. */
export type FeedState = 'connecting' | 'catching-up' | 'live' | 'closed';

/** Three heartbeats of the server's. */
const SILENCE_MILLISECONDS = 3000;
const FIRST_WAIT_MILLISECONDS = 50;
const LONGEST_WAIT_MILLISECONDS = 2000;

/** How long it takes at most until all servers on one store know of a change of keys. */
const SPREAD_MILLISECONDS = 3000;

const CLOSED = new Error('the verifier is closed');

/**
 * Follows the server's feed of revocations and writes the sessions that ended into `sessions`. It connects again by itself,
 * for as long as it is not closed, and goes on where it was.
 */
export class RevocationFeed {
  readonly #options: RevocationFeedOptions;
  readonly #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  #state: FeedState = 'connecting';
  #lastEventId: string | null = null;
  #lastError: Error | null = null;
  #waitMilliseconds = FIRST_WAIT_MILLISECONDS;
  /** Since something came while caught up; null before that. */
  #sinceHeard: (() => number) | null = null;
  #staleTimer: ReturnType<typeof setTimeout> | undefined;
  #staleTold = false;
  /** The keys as they are published since this connection was opened. */
  #keysFetched: Promise<void> = Promise.resolve();

  constructor(options: RevocationFeedOptions) {
    this.#options = options;
    options.access.closed.addEventListener('abort', () => this.#close(), { once: true });
  }

  get state(): FeedState {
    return this.#state;
  }

  /** What went wrong last; null while the feed is live. */
  get lastError(): Error | null {
    return this.#lastError;
  }

  /** Milliseconds since something came while caught up; null when that never was. */
  staleness(): number | null {
    return this.#sinceHeard === null ? null : this.#sinceHeard();
  }

  /** Whether what the feed has told is young enough to be believed. */
  isFresh(): boolean {
    return this.#sinceHeard !== null && this.#sinceHeard() <= this.#options.maxStalenessMilliseconds;
  }

  /**
   * Waits until everything that still matters has been told once.
   * @throws FeedRefusedError when the server refuses the feed; Error when the verifier is closed first
   */
  untilReady(): Promise<void> {
    if (this.#sinceHeard !== null) return Promise.resolve();
    if (this.#state === 'closed') return Promise.reject(CLOSED);
    if (this.#lastError instanceof FeedRefusedError) return Promise.reject(this.#lastError);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Follows the feed until the verifier is closed. */
  async follow(): Promise<void> {
    const { access } = this.#options;
    this.#awaitStaleness();
    while (!access.closed.aborted) {
      await this.#connect();
      await this.#pause();
    }
  }

  async #connect(): Promise<void> {
    const { access, credential } = this.#options;
    try {
      await listen({
        access,
        credential,
        lastEventId: this.#lastEventId,
        silenceMilliseconds: SILENCE_MILLISECONDS,
        onOpen: () => this.#open(),
        onPiece: (events) => this.#take(events),
      });
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error('the feed failed', { cause: error }));
    }
  }

  #open(): void {
    this.#state = 'catching-up';
    // While there was no connection, nobody could say that keys had changed.
    this.#keysFetched = this.#options.keys?.refetch() ?? Promise.resolve();
    this.#keysFetched.catch(() => undefined);
  }

  async #take(events: readonly ServerSentEvent[]): Promise<void> {
    for (const event of events) {
      await this.#apply(event);
      // Not before: what was not applied is to be told again.
      if (event.id !== null) this.#lastEventId = checkedId(event.id);
    }
    if (this.#state === 'live') this.#hear();
  }

  /** An event whose name is not known says something that this version does not need. */
  async #apply({ name, data }: ServerSentEvent): Promise<void> {
    const { sessions, issuer, onRevoked } = this.#options;
    if (name === 'session-revoked') {
      const revocation = readSessionRevoked(data, issuer);
      sessions.add(revocation);
      onRevoked(revocation);
    } else if (name === 'keys-changed') {
      // Not waited for here: tokens wait for it, revocations go on.
      this.#replaceKeys().catch(() => undefined);
    } else if (name === 'caught-up') {
      await this.#keysFetched;
      this.#state = 'live';
      this.#lastError = null;
      this.#waitMilliseconds = FIRST_WAIT_MILLISECONDS;
    }
  }

  /** The key set tells of failures itself. */
  async #replaceKeys(): Promise<void> {
    const { keys, access } = this.#options;
    await keys?.replace();
    // Of several servers, one that did not know of the change yet may have answered.
    await pause(SPREAD_MILLISECONDS, access.closed);
    if (!access.closed.aborted) await keys?.refetch();
  }

  /** Something came while caught up. */
  #hear(): void {
    const { access, clock, sessions, onFresh } = this.#options;
    if (access.closed.aborted) return;
    this.#sinceHeard = stopwatch(clock);
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    sessions.dropExpired(clock.now() / 1000);
    this.#awaitStaleness();
    if (this.#staleTold) onFresh();
    this.#staleTold = false;
  }

  #awaitStaleness(): void {
    const { maxStalenessMilliseconds, onStale } = this.#options;
    clearTimeout(this.#staleTimer);
    this.#staleTimer = setTimeout(() => {
      this.#staleTold = true;
      onStale(this.staleness());
    }, maxStalenessMilliseconds);
  }

  #fail(error: Error): void {
    if (this.#state === 'closed') return;
    this.#state = 'connecting';
    this.#lastError = error;
    if (error instanceof FeedRefusedError) this.#disappoint(error);
    this.#options.onError(error);
  }

  /** Waits before the next connection, longer each time, and not as long as others do that were cut off together. */
  #pause(): Promise<void> {
    const { closed } = this.#options.access;
    const milliseconds = this.#waitMilliseconds * (0.5 + Math.random() / 2);
    this.#waitMilliseconds = Math.min(LONGEST_WAIT_MILLISECONDS, this.#waitMilliseconds * 2);
    return pause(milliseconds, closed);
  }

  #close(): void {
    this.#state = 'closed';
    clearTimeout(this.#staleTimer);
    this.#disappoint(CLOSED);
  }

  #disappoint(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

/** Ids are numbers; anything else could not be sent back as a header. */
function checkedId(id: string): string {
  if (!/^\d{1,20}$/.test(id)) throw new Error('the feed sent an id that is no number');
  return id;
}
