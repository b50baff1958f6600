import { type ServerAccess, unlessAborted } from './ask-server.ts';
import { type CheckedClaims, checkTimes } from './check-claims.ts';
import type { ClaimsOf, TokenShape } from './claims.ts';
import type { Clock } from './clock.ts';
import { GenuineTokens } from './genuine-tokens.ts';
import { introspect } from './introspection.ts';
import { KeySet } from './key-set.ts';
import { type Settings, settingsOf, type VerifierOptions } from './options.ts';
import { TokenRefusedError } from './refusal.ts';
import { type FeedState, RevocationFeed, type RevocationFeedOptions } from './revocation-feed.ts';
import { RevokedSessions } from './revoked-sessions.ts';
import { importSecret } from './verification-key.ts';

/** How it was found out whether the session still stands: not at all where the verifier has no `revocations`. */
export type RevocationCheck = 'feed' | 'introspection' | 'none';

/** What a token says that was found good. */
export interface Verified<Shape extends TokenShape = undefined> {
  /** Frozen: all who ask about the same token are given the same. */
  readonly claims: ClaimsOf<Shape>;
  /** `sub`. */
  readonly subject: string;
  /** `sid`. */
  readonly sessionId: string;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly revocation: RevocationCheck;
}

/** How much of what happened on the server is known here. */
export interface Staleness {
  /** How old what the feed told is; null when it has never been caught up with, or there is none. */
  readonly milliseconds: number | null;
  /** Whether the feed is believed; when it is not, the server is asked about every token. */
  readonly fresh: boolean;
  /** `off` where the verifier has no `revocations`. */
  readonly feed: FeedState | 'off';
  /** How many ended sessions are held. */
  readonly revokedSessions: number;
  /** What went wrong with the feed last; null while it is live. */
  readonly lastError: Error | null;
}

/** How long somebody waits. */
export interface VerifyOptions {
  /** Ends the wait for the server, where there is one. */
  readonly signal?: AbortSignal;
}

/** Checks access tokens. */
export interface Verifier {
  /**
   * Checks a token: its form, signature, claims and times, and that its session has not ended.
   * @throws TokenRefusedError with the reason; the signal's reason when that is aborted
   */
  verify<Shape extends TokenShape = undefined>(
    token: string,
    options?: VerifyOptions,
  ): Promise<Verified<Shape>>;
  staleness(): Staleness;
  /**
   * Waits until tokens can be judged without asking the server: the keys are there, the feed is caught up with. What can
   * be tried again is tried again, however long it takes.
   * @throws FeedRefusedError when the server does not take the credential; Error when the verifier is closed; the
   *   signal's reason when it is aborted
   */
  ready(options?: VerifyOptions): Promise<void>;
  /** Ends the feed and all that is under way. Every token is `unavailable` from then on. */
  close(): void;
}

/**
 * Makes a verifier for the access tokens of one server, and begins to follow its feed of revocations.
 * @throws TypeError for options that cannot work
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const settings = settingsOf(options);
  const closing = new AbortController();
  const { baseUrl, fetch } = settings;
  const access: ServerAccess = { baseUrl, fetch, closed: closing.signal };
  const clock: Clock = { now: settings.now, steadyNow: () => performance.now() };
  const tell = teller(closing.signal);
  const onError = (error: Error) => tell(() => options.onError?.(error));
  const keys = keySetOf(settings, access, clock, onError);
  const genuine = new GenuineTokens({
    ...settings,
    keys,
    secret: settings.secret === null ? null : importSecret(settings.secret),
    remember: settings.rememberedTokens,
  });
  const keepSeconds = settings.maxTokenSeconds + settings.clockToleranceSeconds;
  const sessions = new RevokedSessions(settings.revokedSessions, keepSeconds);
  const feed = feedOf(settings, { access, clock, keys, sessions, onError, tell });
  void feed?.follow();

  return {
    async verify<Shape extends TokenShape>(token: string, { signal }: VerifyOptions = {}) {
      signal?.throwIfAborted();
      if (closing.signal.aborted)
        throw new TokenRefusedError('unavailable', { cause: closing.signal.reason });
      // Whoever has no types may hand over what a header did not have.
      if (typeof token !== 'string' || token === '') throw new TokenRefusedError('missing');
      const claims = await genuine.claimsOf(token, signal);
      checkTimes(claims, clock.now() / 1000, settings.clockToleranceSeconds);
      const revocation = feed === null ? 'none' : judge(sessions, feed, claims);
      if (revocation === 'introspection') await introspect(access, token, signal);
      return verifiedOf<Shape>(claims, revocation);
    },
    staleness: () => ({
      milliseconds: feed?.staleness() ?? null,
      fresh: feed?.isFresh() ?? false,
      feed: feed?.state ?? 'off',
      revokedSessions: sessions.size,
      lastError: feed?.lastError ?? null,
    }),
    async ready({ signal }: VerifyOptions = {}) {
      signal?.throwIfAborted();
      // Who has caught up with the feed has fetched the keys.
      await unlessAborted((feed ?? keys)?.untilReady() ?? Promise.resolve(), signal);
    },
    close: () => closing.abort(new Error('the verifier is closed')),
  };
}

/** Calls functions of whoever uses the verifier. What they throw is theirs: it ends nothing here. */
function teller(closed: AbortSignal) {
  return (call: () => void): void => {
    if (closed.aborted) return;
    try {
      call();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
}

type Teller = ReturnType<typeof teller>;

function keySetOf(
  { algorithms, keyMilliseconds, unknownKeyMilliseconds }: Settings,
  access: ServerAccess,
  { steadyNow }: Clock,
  onError: (error: Error) => void,
): KeySet | null {
  if ([...algorithms].every((algorithm) => algorithm === 'HS256')) return null;
  const lifeMilliseconds = keyMilliseconds;
  return new KeySet({ access, algorithms, lifeMilliseconds, unknownKeyMilliseconds, steadyNow, onError });
}

function feedOf(
  { issuer, revocations, maxStalenessMilliseconds }: Settings,
  { tell, ...parts }: FeedParts,
): RevocationFeed | null {
  if (revocations === null) return null;
  return new RevocationFeed({
    ...parts,
    issuer,
    credential: revocations.credential,
    maxStalenessMilliseconds,
    onStale: (milliseconds) => tell(() => revocations.onStale?.(milliseconds)),
    onFresh: () => tell(() => revocations.onFresh?.()),
    onRevoked: (revocation) => tell(() => revocations.onRevoked?.(revocation)),
  });
}

type FeedParts = Pick<RevocationFeedOptions, 'access' | 'clock' | 'keys' | 'sessions' | 'onError'> & {
  readonly tell: Teller;
};

/**
 * Whether the feed is enough to say that the session stands.
 * @throws TokenRefusedError `revoked` when it says that it does not: that is true however old it is
 */
function judge(
  sessions: RevokedSessions,
  feed: RevocationFeed,
  { sid, iat }: CheckedClaims,
): 'feed' | 'introspection' {
  const judgement = sessions.judge(sid, iat);
  if (judgement === 'revoked') throw new TokenRefusedError('revoked');
  return judgement === 'standing' && feed.isFresh() ? 'feed' : 'introspection';
}

function verifiedOf<Shape extends TokenShape>(
  claims: CheckedClaims,
  revocation: RevocationCheck,
): Verified<Shape> {
  return {
    // Which mount's they are is for the caller to know.
    claims: claims as unknown as ClaimsOf<Shape>,
    subject: claims.sub,
    sessionId: claims.sid,
    issuedAt: claims.iat * 1000,
    expiresAt: claims.exp * 1000,
    revocation,
  };
}
