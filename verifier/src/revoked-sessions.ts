/** What is known of a token's session: that it has ended, that it has not, or nothing for sure. */
export type Judgement = 'revoked' | 'standing' | 'unknown';

/**
 * The sessions that have ended, for as long as tokens of them may still be in time. Times in seconds since 1970.
 */
export class RevokedSessions {
  readonly #limit: number;
  readonly #keepSeconds: number;
  /** By session: tokens issued then or before are revoked. The first entry is the one that came first. */
  readonly #revokedAt = new Map<string, number>();
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
    return this.#revokedAt.size;
  }

  /** Every token of the session that was issued at that time or before is revoked; one issued later is not. */
  add(sessionId: string, revokedAt: number): void {
    const before = this.#revokedAt.get(sessionId) ?? revokedAt;
    // Moves to the end: the first entries are to be the oldest.
    this.#revokedAt.delete(sessionId);
    this.#revokedAt.set(sessionId, Math.max(before, revokedAt));
    if (this.#revokedAt.size > this.#limit) this.#forgetFirst();
  }

  judge(sessionId: string, issuedAt: number): Judgement {
    const revokedAt = this.#revokedAt.get(sessionId);
    if (revokedAt !== undefined && issuedAt <= revokedAt) return 'revoked';
    return issuedAt <= this.#forgottenUpTo ? 'unknown' : 'standing';
  }

  /** Drops those that no token can be in time for any more. */
  dropExpired(nowSeconds: number): void {
    for (const [sessionId, revokedAt] of this.#revokedAt) {
      if (revokedAt + this.#keepSeconds > nowSeconds) return;
      this.#revokedAt.delete(sessionId);
    }
  }

  #forgetFirst(): void {
    const [first] = this.#revokedAt;
    if (first === undefined) return;
    this.#revokedAt.delete(first[0]);
    this.#forgottenUpTo = Math.max(this.#forgottenUpTo, first[1]);
  }
}
