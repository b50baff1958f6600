import { ARGON2_FLOOR, ECHO_FLOOR } from '../contenders/names.ts';
import { isNoisy } from '../rounds.ts';
import { count, number } from './markdown.ts';
import { type Figure, find, type Measure, type Results } from './results.ts';

/** The floor of a measure, where it has one: nobody can do more. */
export const FLOORS: Readonly<Partial<Record<Measure, string>>> = {
  'sign-in': ARGON2_FLOOR,
  refresh: ECHO_FLOOR,
  session: ECHO_FLOOR,
};

/** Whether the rounds of a figure are further apart than they may be. */
export const isNoisyFigure = ({ rounds }: Figure): boolean => isNoisy(rounds);

/** Whether a figure is more than nothing but its floor came to in the same rounds: then one of the two is wrong. */
export function isAboveFloor(results: Results, { measure, size, value }: Figure): boolean {
  if (measure === 'import-plain') return value > 1;
  const floor = FLOORS[measure];
  const figure = floor === undefined ? undefined : find(results, measure, floor, size);
  return figure !== undefined && value > figure.value;
}

/** Measures of what is counted. */
const COUNTS: readonly Measure[] = ['install-packages'];

/** A figure as a table has it, with what is to be known before it is believed. */
export function marked(results: Results, figure: Figure | undefined): string {
  if (figure === undefined) return number(undefined);
  const marks = [
    ...(isNoisyFigure(figure) ? ['noisy'] : []),
    ...(isAboveFloor(results, figure) ? ['above its floor: cannot be'] : []),
  ];
  const shown = COUNTS.includes(figure.measure) ? count(figure.value) : number(figure.value);
  return `${shown}${marks.length === 0 ? '' : ` (${marks.join('; ')})`}`;
}
