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
  /** How many more there are for all where one of them is noisy. */
  readonly extraRounds: number;
}

/** How far values are apart, as a part of the middle one. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

/** Whether values are further apart than they may be; none is left out. */
export const isNoisy = (values: readonly number[]): boolean => !(spread(values) <= NOISY_SPREAD);

/**
 * Lets all of them have their rounds, one after another, so that a slow minute is slow for all; who came first in one round
 * comes last in the next. Where one of them is noisy all have more: a ratio is of the same rounds, whatever they were like.
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
    if (round >= rounds && !all.some(({ results }) => isNoisy(results.map(figureOf)))) break;
    for (const { turn, results } of round % 2 === 0 ? all : all.toReversed())
      results.push(await turn.round());
  }
  return all.map(({ results }) => results);
}
