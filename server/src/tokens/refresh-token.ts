import { createSecretKey } from 'node:crypto';
import type { Vault } from '../crypto/vault.ts';
import type { Clock } from '../ports.ts';
import { headerSegment, type JwsKey, signCompact, verifyCompact } from './compact-jws.ts';

/** The one refresh token that a session has at a time. */
export interface RefreshTokenContent {
  readonly sessionId: string;
  readonly counter: number;
  /** When this counter became the current one, and until when its token is good: milliseconds since 1970. */
  readonly rotatedAt: number;
  readonly expiresAt: number;
}

/** Refresh tokens: nothing of them is stored. */
export type RefreshTokens = ReturnType<typeof createRefreshTokens>;

/**
 * Makes and verifies refresh tokens. A token is computed from the session's counter and the time of its rotation, so it
 * is the same bytes every time, and a forged one costs no query.
 */
export function createRefreshTokens(vault: Vault, clock: Clock) {
  const secret = createSecretKey(vault.key('refresh-token'));
  const key: JwsKey = { id: null, algorithm: 'HS256', signingKey: secret, verifyingKey: secret };
  const header = headerSegment('rt+jwt', key);

  return {
    /** The session's current refresh token. */
    issue(content: RefreshTokenContent): string {
      const [iat, exp] = [Math.floor(content.rotatedAt / 1000), Math.floor(content.expiresAt / 1000)];
      return signCompact(header, { sid: content.sessionId, n: content.counter, iat, exp }, key);
    },

    /** What a token says; `'expired'` for a genuine one that has ended; null for anything else. */
    verify(token: string): { sessionId: string; counter: number } | 'expired' | null {
      const payload = verifyCompact(token, (given) => (given === header ? key : undefined));
      if (payload === null) return null;
      const { sid, n, exp } = payload;
      if (typeof sid !== 'string' || !Number.isSafeInteger(n) || !Number.isSafeInteger(exp)) return null;
      if ((exp as number) * 1000 <= clock.now()) return 'expired';
      return { sessionId: sid, counter: n as number };
    },
  };
}
