/**
 * A queue in which sources take turns, so that one that sends much waits behind itself and not in front of the others.
 * Within a source, first come is first served. A source that has had its turn goes behind all that wait.
 */
export class FairQueue<Item> {
  /** Sources that have something waiting, in the order of their turns. */
  readonly #sources = new Map<string, Item[]>();
  #length = 0;

  /** Everything that waits, of all sources. */
  get length(): number {
    return this.#length;
  }

  /** How many sources have something waiting. */
  get sources(): number {
    return this.#sources.size;
  }

  /** How much of one source waits. */
  waitingOf(source: string): number {
    return this.#sources.get(source)?.length ?? 0;
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
   * Whether a new item of a source could take the place of another's: of one that has more waiting than the source itself
   * would have then. Of equals, who came first stays.
   */
  couldDisplace(source: string): boolean {
    return this.#longest().length > this.waitingOf(source) + 1;
  }

  /** Takes the newest item of the source that has most waiting out of the queue. */
  dropFromLongest(): Item | undefined {
    const { source, length } = this.#longest();
    const waiting = this.#sources.get(source);
    if (!waiting) return undefined;
    const item = waiting.pop();
    if (length === 1) this.#sources.delete(source);
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

  #longest(): { source: string; length: number } {
    let longest = { source: '', length: 0 };
    for (const [source, items] of this.#sources)
      if (items.length > longest.length) longest = { source, length: items.length };
    return longest;
  }
}
