import type { WindowLimit } from './windows.ts';

const DAY_SECONDS = 86_400;

/** The chance at which a day's guesses at a context may hit one of its live resource codes: one in a million. */
const BEARABLE_CHANCE = 1e-6;

/** Guesses at a context's resource codes that are evaluated in the worst day, whoever makes them. */
export function guessesADay({ count, seconds }: WindowLimit): number {
  // A window's end may let as many again begin at once.
  return 2 * count * Math.ceil(DAY_SECONDS / seconds);
}

/** The chance that a day's guesses hit one of so many live codes, each one of so many that there could be. */
export function chanceADay(liveCodes: number, keyspace: number, perContext: WindowLimit): number {
  return Math.min(1, (liveCodes * guessesADay(perContext)) / keyspace);
}

/** Whether a day's guesses hit a code, or another of its kind that is live at its context, with a chance that cannot be borne. */
export function isGuessableCode(code: string, liveCodes: number, perContext: WindowLimit): boolean {
  return chanceADay(liveCodes, keyspaceOf(code), perContext) >= BEARABLE_CHANCE;
}

/**
 * How many codes there could be that look like one, at most: as many as its letters and digits make. What stands between these
 * is taken to be the same in all. That a part of it is a word, a date or a number that is counted up cannot be seen.
 */
export function keyspaceOf(code: string): number {
  const characters = code.match(/[\p{L}\p{N}]/gu) ?? [];
  return alphabetSize(characters.join('')) ** characters.length;
}

function alphabetSize(characters: string): number {
  if (/^[0-9]*$/.test(characters)) return 10;
  if (/^([0-9a-f]*|[0-9A-F]*)$/.test(characters)) return 16;
  const cases = /\p{Lu}/u.test(characters) && /\p{Ll}/u.test(characters) ? 2 : 1;
  return 26 * cases + (/\p{N}/u.test(characters) ? 10 : 0);
}
