import type { Connection, Reply } from './connection.ts';
import type { Dialect, TokenPair } from './dialect.ts';
import { SignedOutError, type SignedOutReason } from './errors.ts';
import { type Phase, phaseOf, subjectOf } from './lifetime.ts';
import { failureOf } from './settle.ts';
import { StoreLock } from './store-lock.ts';
import type { TokenStore, Tokens } from './token-store.ts';

/** What a keeper of tokens works with. */
export interface KeeperParts {
  readonly connection: Connection;
  readonly dialect: Dialect;
  readonly store: TokenStore;
  readonly lockName: string | null;
  readonly refreshAheadSeconds: number;
  readonly now: () => number;
}

/** Nobody waits longer for a refresh: it holds the lock that others wait for. */
const REFRESH_TIMEOUT_MILLISECONDS = 20_000;

/** What says that a refresh token is no good, and never will be again. */
const REFUSED = new Set([400, 401, 422]);

/**
 * Keeps the tokens of a session: renews them before they end, once for however many wait, and tells when they are gone.
 * The store is asked every time, since other tabs may have been there, and written under a lock only.
 */
export class TokenKeeper {
  readonly #parts: KeeperParts;
  readonly #lock: StoreLock;
  /** The renewals in flight, by the access token that each is to take the place of. */
  readonly #renewals = new Map<string, Promise<Tokens>>();
  readonly #listeners = new Set<(reason: SignedOutReason) => void>();
  /** Whether the last that was seen of the store were tokens, and who they were for. */
  #hasSeenTokens = false;
  #subject: string | null = null;
  #lastEnd: SignedOutReason = 'not-signed-in';

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#lock = new StoreLock(parts.store, parts.lockName);
  }

  /** Calls back when a session has ended. @returns what stops that */
  onSignedOut(listener: (reason: SignedOutReason) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether there are tokens in the store with which something can be done. */
  async hasTokens(): Promise<boolean> {
    const tokens = await this.#parts.store.get();
    return tokens !== null && !this.isOver(tokens);
  }

  /**
   * Tokens that are fit to be sent, renewed where they need be.
   * @throws SignedOutError when there are none to be had
   */
  async current(): Promise<Tokens> {
    const tokens = this.present(await this.#parts.store.get());
    const phase = this.#phaseOf(tokens);
    if (phase === 'fresh' || (phase === 'ageing' && tokens.refreshToken === null)) return tokens;
    try {
      return await this.renewed(tokens);
    } catch (error) {
      // Good still: whatever is the matter may have passed by the next call.
      if (phase === 'ageing' && !(error instanceof SignedOutError)) return tokens;
      throw error;
    }
  }

  /**
   * Tokens in the place of some that are no longer good.
   * @throws SignedOutError when the session has ended
   */
  renewed(stale: Tokens): Promise<Tokens> {
    const inFlight = this.#renewals.get(stale.accessToken);
    if (inFlight !== undefined) return inFlight;
    const renewal = this.locked((tokens) => this.#renew(this.present(tokens), stale)).finally(() =>
      this.#renewals.delete(stale.accessToken),
    );
    this.#renewals.set(stale.accessToken, renewal);
    return renewal;
  }

  /** Whether there is nothing left to be done with some tokens. */
  isOver(tokens: Tokens): boolean {
    return tokens.refreshToken === null && this.#phaseOf(tokens) === 'ended';
  }

  /** Does some work on what is in the store while nobody else does. */
  locked<Result>(work: (tokens: Tokens | null) => Promise<Result>): Promise<Result> {
    return this.#lock.exclusively(work);
  }

  /** What was in the store. @throws SignedOutError when that is nothing, or somebody else's than before */
  present(tokens: Tokens | null): Tokens {
    const isOfAnother = tokens !== null && this.#hasSeenTokens && subjectOf(tokens) !== this.#subject;
    if (tokens !== null && !isOfAnother) {
      this.#hasSeenTokens = true;
      this.#subject = subjectOf(tokens);
      return tokens;
    }
    // Told once, if it was not here that the session ended.
    throw this.#hasSeenTokens ? this.#tell('elsewhere') : new SignedOutError(this.#lastEnd);
  }

  /** Keeps tokens that have just come. Only within `locked`. */
  async keep({ accessToken, refreshToken }: TokenPair): Promise<Tokens> {
    const tokens = { accessToken, refreshToken, receivedAt: this.#parts.now() };
    await this.#lock.replace(tokens);
    // Whoever they are for.
    this.#hasSeenTokens = false;
    return this.present(tokens);
  }

  /** Forgets the tokens and tells so. Only within `locked`. */
  async forget(reason: SignedOutReason): Promise<SignedOutError> {
    await this.#lock.replace(null);
    return this.#tell(reason);
  }

  /**
   * Redeems the refresh token and keeps what comes. Only within `locked`.
   * @returns null when it was refused: the session has ended
   */
  async redeem(tokens: Tokens): Promise<Tokens | null> {
    const pair = await this.exchange(tokens);
    return pair === null ? this.#keptByOthers(tokens) : this.keep(pair);
  }

  /** Redeems the refresh token, for nobody but who asks. @returns null when it was refused */
  async exchange({ refreshToken }: Tokens): Promise<TokenPair | null> {
    const { dialect } = this.#parts;
    if (refreshToken === null || dialect.refresh === null) return null;
    const reply = await this.#sendTwice(dialect.refresh, refreshToken);
    if (REFUSED.has(reply.status)) return null;
    const pair = reply.status === 200 ? dialect.tokensOf(reply.body) : null;
    if (pair === null) throw failureOf(reply);
    return pair;
  }

  async #renew(tokens: Tokens, stale: Tokens): Promise<Tokens> {
    requireSameSubject(tokens, stale);
    // Another tab was faster.
    if (tokens.accessToken !== stale.accessToken && this.#phaseOf(tokens) !== 'ended') return tokens;
    const redeemed = await this.redeem(tokens);
    if (redeemed) return redeemed;
    throw await this.forget(this.isOver(tokens) ? 'expired' : 'refused');
  }

  /** A connection that broke may have broken after the server was done: it answers the same again for a few seconds. */
  async #sendTwice(refresh: NonNullable<Dialect['refresh']>, refreshToken: string): Promise<Reply> {
    const send = () =>
      this.#parts.connection.send(refresh.operation, refresh.request(refreshToken), {
        signal: AbortSignal.timeout(REFRESH_TIMEOUT_MILLISECONDS),
      });
    try {
      return await send();
    } catch (error) {
      if (error instanceof Error && error.name === 'TimeoutError') throw error;
      return send();
    }
  }

  /** Where there are no locks, another tab may have redeemed the token first: then what it got is in the store. */
  async #keptByOthers(refused: Tokens): Promise<Tokens | null> {
    const tokens = await this.#parts.store.get();
    if (tokens === null || tokens.accessToken === refused.accessToken) return null;
    requireSameSubject(tokens, refused);
    return tokens;
  }

  #phaseOf(tokens: Tokens): Phase {
    return phaseOf(tokens, this.#parts.now(), this.#parts.refreshAheadSeconds);
  }

  #tell(reason: SignedOutReason): SignedOutError {
    this.#hasSeenTokens = false;
    this.#lastEnd = reason;
    // Later, and each by itself: what a listener throws is not the matter of whoever made this call.
    for (const listener of this.#listeners) queueMicrotask(() => listener(reason));
    return new SignedOutError(reason);
  }
}

/** What was begun in somebody's name does not go on in another's. @throws SignedOutError */
function requireSameSubject(tokens: Tokens, before: Tokens): void {
  if (subjectOf(tokens) !== subjectOf(before)) throw new SignedOutError('elsewhere');
}
