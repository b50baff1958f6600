/** What a run measured. */
export interface Summary {
  /** Answers with status 200 a second. */
  readonly perSecond: number;
  readonly p50Milliseconds: number;
  readonly p99Milliseconds: number;
  /** How many answers had each status; `200 wrong` are those whose body was not what it should be. */
  readonly statuses: Readonly<Record<string, number>>;
}

/** Counts answers and keeps how long each took. */
export class Recorder {
  #latencies: number[] = [];
  #statuses: Record<string, number> = {};
  #begun = 0;

  /** Forgets what came before: the warm-up. */
  begin(): void {
    this.#latencies = [];
    this.#statuses = {};
    this.#begun = performance.now();
  }

  record(milliseconds: number, status: number | string): void {
    if (status === 200) this.#latencies.push(milliseconds);
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
  }

  /** @param waiting how long requests have waited that are not answered: they count among the times, not among the answers */
  end(waiting: readonly number[] = []): Summary {
    const seconds = (performance.now() - this.#begun) / 1000;
    const sorted = [...this.#latencies, ...waiting].sort((a, b) => a - b);
    const at = (share: number) =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
    return {
      perSecond: this.#latencies.length / seconds,
      p50Milliseconds: at(0.5),
      p99Milliseconds: at(0.99),
      statuses: this.#statuses,
    };
  }
}

/** The value that this share of all is not above; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** A figure as it is printed. */
export const shown = (value: number, digits = 0) => (Number.isNaN(value) ? '–' : value.toFixed(digits));

/** Prints what the figures below it are about. */
export const heading = (text: string) => console.log(`\n${text}`);
