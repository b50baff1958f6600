import { median } from './recorder.ts';

/** Rounds of one figure that differ by more than this part of their middle are noisy. */
export const NOISY_SPREAD = 0.15;

/** One of those that take turns. */
export interface Turn<Result> {
  readonly name: string;
  round(): Promise<Result>;
}

/** How many rounds there are. */
export interface RoundPlan {
  readonly rounds: number;
  /** How many more there may be where they are noisy. */
  readonly extraRounds: number;
}

/** How far values are apart, as a part of the middle one. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

/** Whether even those `count` values that are nearest to the middle one are further apart than they may be. */
export function isNoisy(values: readonly number[], count: number): boolean {
  const middle = median(values);
  const nearest = values.toSorted((left, right) => Math.abs(left - middle) - Math.abs(right - middle));
  return !(spread(nearest.slice(0, count)) <= NOISY_SPREAD);
}

/**
 * Lets all of them have their rounds, one after another, so that a slow minute is slow for all; who came first in one round
 * comes last in the next. Those whose rounds are noisy have more, and the first goes along: the others are read against it.
 * @param figureOf what is compared of a round
 * @returns the rounds of each, in the order of `turns`
 */
export async function alternate<Result>(
  turns: readonly Turn<Result>[],
  { rounds, extraRounds }: RoundPlan,
  figureOf: (result: Result) => number,
): Promise<Result[][]> {
  const all = turns.map((turn) => ({ turn, results: [] as Result[] }));
  for (let round = 0; round < rounds + extraRounds; round += 1) {
    const noisy = round < rounds ? all : all.filter(({ results }) => isNoisy(results.map(figureOf), rounds));
    if (noisy.length === 0) break;
    const wanted = all.filter((each, index) => index === 0 || noisy.includes(each));
    for (const { turn, results } of round % 2 === 0 ? wanted : wanted.toReversed())
      results.push(await turn.round());
  }
  return all.map(({ results }) => results);
}
