import type { Clock } from '../ports.ts';

/**
 * Spaces out what may be done for a key once in a while, however often somebody asks. Kept in the memory of this process, and
 * for so long only.
 */
export class Spacing {
  readonly #clock: Clock;
  readonly #milliseconds: number;
  /** When each was done last, the oldest first. */
  readonly #doneAt = new Map<string, number>();

  constructor(clock: Clock, milliseconds: number) {
    this.#clock = clock;
    this.#milliseconds = milliseconds;
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#doneAt.size;
  }

  /** Whether it may be done for this key now. Then it counts as done. */
  take(key: string): boolean {
    const now = this.#clock.now();
    for (const [each, at] of this.#doneAt) {
      // A clock that is set back holds nothing up for longer.
      if (at <= now && now - at < this.#milliseconds) break;
      this.#doneAt.delete(each);
    }
    if (this.#doneAt.has(key)) return false;
    this.#doneAt.set(key, now);
    return true;
  }
}
