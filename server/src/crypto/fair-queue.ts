/** Room that a source has for an item which may come. */
export interface Reservation {
  /** Whether it is still there: it can be given up, and be taken away. */
  readonly isHeld: boolean;
  giveUp(): void;
}

/**
 * A queue in which sources take turns, so that one that sends much waits behind itself and not in front of the others.
 * Within a source, first come is first served. A source that has had its turn goes behind all that wait. Room that is
 * reserved has no turn, and is as much of its source's share as what waits.
 */
export class FairQueue<Item> {
  /** Sources that have something waiting, in the order of their turns. */
  readonly #sources = new Map<string, Item[]>();
  /** What each source has reserved, in the order in which it did. */
  readonly #reservations = new Map<string, Set<Reservation>>();
  #length = 0;
  #reserved = 0;

  /** Everything that waits, of all sources. */
  get length(): number {
    return this.#length;
  }

  /** All room that is reserved, by all sources. */
  get reserved(): number {
    return this.#reserved;
  }

  /** How many sources have something waiting. */
  get sources(): number {
    return this.#sources.size;
  }

  /** How much of one source waits. */
  waitingOf(source: string): number {
    return this.#sources.get(source)?.length ?? 0;
  }

  /** How much room one source takes: what waits, and what it has reserved. */
  takenBy(source: string): number {
    return this.waitingOf(source) + (this.#reservations.get(source)?.size ?? 0);
  }

  /** Keeps room for an item of a source. */
  reserve(source: string): Reservation {
    const reservations = this.#reservations.get(source) ?? new Set();
    const reservation: Reservation = {
      get isHeld() {
        return reservations.has(reservation);
      },
      giveUp: () => this.#remove(source, reservation),
    };
    this.#reservations.set(source, reservations.add(reservation));
    this.#reserved += 1;
    return reservation;
  }

  /** Puts an item behind those of its source. */
  push(source: string, item: Item): void {
    const waiting = this.#sources.get(source);
    if (waiting) waiting.push(item);
    else this.#sources.set(source, [item]);
    this.#length += 1;
  }

  /** Takes the first item of the source whose turn it is. */
  shift(): Item | undefined {
    const [next] = this.#sources;
    if (!next) return undefined;
    const [source, waiting] = next;
    const item = waiting.shift();
    this.#sources.delete(source);
    if (waiting.length > 0) this.#sources.set(source, waiting);
    this.#length -= 1;
    return item;
  }

  /**
   * Whether a new item of a source could have the room of another's: of one that takes more than the source itself would
   * then. Of equals, who came first stays.
   */
  couldDisplace(source: string): boolean {
    return this.#largest().taken > this.takenBy(source) + 1;
  }

  /**
   * Takes from the source that takes most room the newest that it has reserved: nobody waits for that yet. Where it has
   * reserved nothing, its newest item.
   * @returns the item, if it was one
   */
  dropFromLargest(): Item | undefined {
    const { source } = this.#largest();
    const reservation = [...(this.#reservations.get(source) ?? [])].at(-1);
    if (reservation) {
      reservation.giveUp();
      return undefined;
    }
    const waiting = this.#sources.get(source);
    if (!waiting) return undefined;
    const item = waiting.pop();
    if (waiting.length === 0) this.#sources.delete(source);
    this.#length -= 1;
    return item;
  }

  /** Empties the queue. */
  takeAll(): Item[] {
    const all = [...this.#sources.values()].flat();
    this.#sources.clear();
    this.#length = 0;
    return all;
  }

  #remove(source: string, reservation: Reservation): void {
    const reservations = this.#reservations.get(source);
    if (!reservations?.delete(reservation)) return;
    this.#reserved -= 1;
    if (reservations.size === 0) this.#reservations.delete(source);
  }

  #largest(): { source: string; taken: number } {
    let largest = { source: '', taken: 0 };
    for (const source of [...this.#sources.keys(), ...this.#reservations.keys()]) {
      const taken = this.takenBy(source);
      if (taken > largest.taken) largest = { source, taken };
    }
    return largest;
  }
}
