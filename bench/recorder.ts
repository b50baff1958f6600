/** What a run measured. Times are those of requests that were served, from their first try on. */
export interface Summary {
  /** Answers with status 200 a second. */
  readonly perSecond: number;
  readonly p50Milliseconds: number;
  readonly p99Milliseconds: number;
  /** The same until the first answer, be it that somebody is to come back later. */
  readonly firstAnswerP50Milliseconds: number;
  readonly firstAnswerP99Milliseconds: number;
  /** How many answers had each status; `200 wrong` are those whose body was not what it should be. */
  readonly statuses: Readonly<Record<string, number>>;
}

/** Counts answers and keeps how long each took. */
export class Recorder {
  #latencies: number[] = [];
  #firstAnswers: number[] = [];
  #statuses: Record<string, number> = {};
  #begun = 0;

  /** Forgets what came before: the warm-up. */
  begin(): void {
    this.#latencies = [];
    this.#firstAnswers = [];
    this.#statuses = {};
    this.#begun = performance.now();
  }

  /**
   * @param milliseconds since it was asked for the first time
   * @param isFirst whether that was the try that was answered
   */
  record(milliseconds: number, status: number | string, isFirst = true): void {
    if (isFirst) this.#firstAnswers.push(milliseconds);
    if (status === 200) this.#latencies.push(milliseconds);
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
  }

  /**
   * @param waiting how long requests have waited that are not served yet. Those that are above the median already count among the
   *   times, not among the answers; of the others nobody knows what they would have come to.
   */
  end(waiting: readonly number[] = []): Summary {
    const seconds = (performance.now() - this.#begun) / 1000;
    const middle = this.#latencies.length === 0 ? 0 : quantile(this.#latencies, 0.5);
    const served = [...this.#latencies, ...waiting.filter((milliseconds) => milliseconds > middle)];
    return {
      perSecond: this.#latencies.length / seconds,
      p50Milliseconds: quantile(served, 0.5),
      p99Milliseconds: quantile(served, 0.99),
      firstAnswerP50Milliseconds: quantile(this.#firstAnswers, 0.5),
      firstAnswerP99Milliseconds: quantile(this.#firstAnswers, 0.99),
      statuses: this.#statuses,
    };
  }
}

/** The value that this share of all is not above; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The middle value, or what is between the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** A figure as it is printed; a dash for none. */
export const shown = (value: number, digits = 0) => (Number.isFinite(value) ? value.toFixed(digits) : '–');

/** Prints what the figures below it are about. */
export const heading = (text: string) => console.log(`\n${text}`);
