import type { Revocation } from './session-revoked.ts';

/** What is known of a token: that it is revoked, that it is not, or nothing for sure. */
export type Judgement = 'revoked' | 'standing' | 'unknown';

interface Entry {
  readonly revokedAt: number;
  /** Tokens issued then or before are revoked: all of them, where it is infinite. */
  readonly issuedUntil: number;
}

/** How much later than it was revoked a token of a session may say that it was issued: clocks may be apart. */
const CLOCKS_APART_SECONDS = 10;

/**
 * The sessions whose tokens are revoked, for as long as tokens of them may still be in time. Times in seconds since 1970.
 */
export class RevokedSessions {
  readonly #limit: number;
  readonly #keepSeconds: number;
  /** By session. The first entry is the one that came first. */
  readonly #entries = new Map<string, Entry>();
  /** The latest revocation that had to go for lack of room. */
  #forgottenUpTo = Number.NEGATIVE_INFINITY;

  /**
   * @param limit how many are kept at most. The first ones go when there are more, and of tokens as old as those nothing
   *   is known any more
   * @param keepSeconds the longest time from a token's issue to its last use
   */
  constructor(limit: number, keepSeconds: number) {
    this.#limit = limit;
    this.#keepSeconds = keepSeconds;
  }

  get size(): number {
    return this.#entries.size;
  }

  add({ sessionId, revokedAt, issuedUntil }: Omit<Revocation, 'reason'>): void {
    const before = this.#entries.get(sessionId);
    // Moves to the end: the first entries are to be the oldest.
    this.#entries.delete(sessionId);
    this.#entries.set(sessionId, {
      revokedAt: Math.max(revokedAt, before?.revokedAt ?? revokedAt),
      issuedUntil: Math.max(issuedUntil ?? Number.POSITIVE_INFINITY, before?.issuedUntil ?? 0),
    });
    if (this.#entries.size > this.#limit) this.#forgetFirst();
  }

  judge(sessionId: string, issuedAt: number): Judgement {
    const entry = this.#entries.get(sessionId);
    if (entry !== undefined && issuedAt <= entry.issuedUntil) return 'revoked';
    return issuedAt <= this.#forgottenUpTo ? 'unknown' : 'standing';
  }

  /** Drops those that no token can be in time for any more. */
  dropExpired(nowSeconds: number): void {
    for (const [sessionId, { revokedAt }] of this.#entries) {
      if (revokedAt + CLOCKS_APART_SECONDS + this.#keepSeconds > nowSeconds) return;
      this.#entries.delete(sessionId);
    }
  }

  #forgetFirst(): void {
    for (const [sessionId, { revokedAt }] of this.#entries) {
      this.#entries.delete(sessionId);
      this.#forgottenUpTo = Math.max(this.#forgottenUpTo, revokedAt + CLOCKS_APART_SECONDS);
      return;
    }
  }
}
