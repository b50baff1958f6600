import type { Line } from './read-lines.ts';

/**
 * Lines in the order in which they came, their texts outside of the heap: tens of thousands of texts on it would make it grow by
 * twice of what they take.
 */
export class PackedLines {
  readonly #bytes: Buffer;
  /** Where each text ends. */
  readonly #ends: number[] = [];
  readonly #sources: string[] = [];
  readonly #lineNumbers: number[] = [];
  /** Those that are no text, by their place among the others. */
  readonly #unreadable = new Map<number, Line>();

  /** @param bytes how much the texts may take together, as UTF-8 */
  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafe(bytes);
  }

  get length(): number {
    return this.#ends.length;
  }

  /** @returns false when there is no room for it */
  add(line: Line): boolean {
    const begin = this.#ends.at(-1) ?? 0;
    const text = typeof line.text === 'string' ? line.text : '';
    const bytes = Buffer.byteLength(text);
    if (begin + bytes > this.#bytes.length) return false;
    if (typeof line.text !== 'string') this.#unreadable.set(this.length, line);
    this.#bytes.write(text, begin);
    this.#ends.push(begin + bytes);
    this.#sources.push(line.source);
    this.#lineNumbers.push(line.lineNumber);
    return true;
  }

  /** @param index from 0, below the length */
  at(index: number): Line {
    const begin = this.#ends[index - 1] ?? 0;
    return (
      this.#unreadable.get(index) ?? {
        source: this.#sources[index] ?? '',
        lineNumber: this.#lineNumbers[index] ?? 0,
        text: this.#bytes.toString('utf8', begin, this.#ends[index]),
      }
    );
  }

  clear(): void {
    this.#ends.length = 0;
    this.#sources.length = 0;
    this.#lineNumbers.length = 0;
    this.#unreadable.clear();
  }
}
