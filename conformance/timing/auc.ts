/**
 * The probability that a value of the first takes longer than one of the second, equal ones counting half: 0.5 when nothing can
 * be told by it. It is the Mann-Whitney statistic over the number of pairs.
 */
export function auc(first: readonly number[], second: readonly number[]): number {
  const all = [
    ...first.map((value) => ({ value, isFirst: true })),
    ...second.map((value) => ({ value, isFirst: false })),
  ].sort((one, other) => one.value - other.value);
  let ranks = 0;
  for (let start = 0; start < all.length; ) {
    let end = start;
    while (end < all.length && all[end]?.value === all[start]?.value) end += 1;
    // Equal values have the middle of their ranks, which begin with 1.
    const rank = (start + 1 + end) / 2;
    for (let at = start; at < end; at += 1) if (all[at]?.isFirst) ranks += rank;
    start = end;
  }
  return (ranks - (first.length * (first.length + 1)) / 2) / (first.length * second.length);
}

const RESAMPLES = 1000;

/**
 * Between what the AUC of these two lies, at 95 %, by the bootstrap.
 * @param random numbers from 0 to below 1
 */
export function aucInterval(
  first: readonly number[],
  second: readonly number[],
  random: () => number,
): readonly [number, number] {
  const resampled = (values: readonly number[]) =>
    values.map(() => values[Math.floor(random() * values.length)] ?? 0);
  const found = Array.from({ length: RESAMPLES }, () => auc(resampled(first), resampled(second))).sort(
    (one, other) => one - other,
  );
  const at = (part: number) => found[Math.min(RESAMPLES - 1, Math.floor(part * RESAMPLES))] ?? 0.5;
  return [at(0.025), at(0.975)];
}

/** What an AUC may be where nothing can be told in practice. */
export const BAND = [0.45, 0.55] as const;

/** Two reasons, their AUC in one run, and between what it lies. */
export interface PairAuc {
  readonly between: string;
  readonly auc: number;
  readonly interval: readonly [number, number];
}

/** Whether something can be told: the AUC is outside the band, and more than chance would put it there. */
export function isOutside({ auc: value, interval: [low, high] }: PairAuc): boolean {
  return (value < BAND[0] || value > BAND[1]) && (high < 0.5 || low > 0.5);
}

/** The pairs that were outside in every one of the runs: once is chance, three times is not. */
export function outsideInAll(runs: readonly (readonly PairAuc[])[]): string[] {
  const [first = [], ...others] = runs.map((pairs) => pairs.filter(isOutside).map(({ between }) => between));
  return first.filter((between) => others.every((outside) => outside.includes(between)));
}
