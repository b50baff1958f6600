import type { Known } from './ledger.ts';
import { MUTATED, type Mutant } from './mutants.ts';
import { interval } from './sample.ts';

/** What became of a mutant. */
export interface Standing {
  readonly mutant: Mutant;
  readonly state: 'killed' | 'timeout' | 'survived';
  /** How many tests ran its code and passed. */
  readonly tests: number;
  /** What else is to be known of a survivor. */
  readonly remark: string;
}

/** What is known of a mutant. */
export function standing(mutant: Mutant, known: Known, bounds: { testsPerMutant: number }): Standing {
  const killed = known.killed.get(mutant.key);
  const tests = known.passed.get(mutant.key)?.size ?? 0;
  if (killed !== undefined)
    return { mutant, tests, remark: killed.by, state: killed.how === 'timeout' ? 'timeout' : 'killed' };
  const outside = known.outside.get(mutant.key)?.size ?? 0;
  const remark =
    tests >= bounds.testsPerMutant
      ? `${tests} tests pass; more were not tried`
      : tests > 0
        ? `${tests} tests pass`
        : outside > 0
          ? 'it runs before tests only'
          : 'no test runs it';
  return { mutant, state: 'survived', tests, remark };
}

/** Counts, the survivors, and what was left out. */
export function report(
  standings: readonly Standing[],
  ignored: readonly Mutant[],
  known: Known,
  sampled: { readonly seed: number; readonly of: number } | null,
): string {
  return `${[
    ...inWords('Survivors', standings, 'survived'),
    ...inWords('Killed by not ending in time', standings, 'timeout'),
    ...counts(standings, ignored),
    '',
    ...reasons(ignored.map((mutant) => mutant.ignored ?? '')).map((line) => `ignored: ${line}`),
    ...reasons([...known.unusable.values()]).map((line) => `tests that could not be used: ${line}`),
    score(standings, sampled),
  ].join('\n')}\n`;
}

function inWords(title: string, standings: readonly Standing[], wanted: Standing['state']): string[] {
  const short = (text: string) => JSON.stringify(text.replace(/\s+/g, ' ').slice(0, 90));
  const lines = standings
    .filter(({ state }) => state === wanted)
    .sort(
      (left, right) =>
        left.mutant.file.localeCompare(right.mutant.file) || left.mutant.line - right.mutant.line,
    )
    .map(({ mutant: { file, line, column, mutator, original, replacement }, remark }) =>
      [`${file}:${line}:${column} ${mutator} (${remark})`, short(original), short(replacement)].join(
        '\n    ',
      ),
    );
  return lines.length === 0 ? [] : [`${title}:`, '', ...lines, ''];
}

function counts(standings: readonly Standing[], ignored: readonly Mutant[]): string[] {
  const row = (cells: readonly (string | number)[]) =>
    cells.map((cell, at) => (at === 0 ? String(cell).padEnd(10) : String(cell).padStart(10))).join('');
  const rows = [...MUTATED, null].map((folder) => {
    const here = standings.filter(({ mutant }) => folder === null || mutant.folder === folder);
    const of = (state: Standing['state']) => here.filter((one) => one.state === state).length;
    const found = of('killed') + of('timeout');
    return row([
      folder ?? 'all',
      here.length,
      of('killed'),
      of('timeout'),
      of('survived'),
      ignored.filter((mutant) => folder === null || mutant.folder === folder).length,
      here.length === 0 ? '–' : `${((100 * found) / here.length).toFixed(1)} %`,
    ]);
  });
  return [row(['folder', 'mutants', 'killed', 'timeout', 'survived', 'ignored', 'score']), ...rows];
}

/** How often each reason was given, the most frequent first. */
function reasons(given: readonly string[]): string[] {
  const counted = new Map<string, number>();
  for (const reason of given) counted.set(reason, (counted.get(reason) ?? 0) + 1);
  return [...counted]
    .sort(([, left], [, right]) => right - left)
    .map(([reason, count]) => `${count}: ${reason}`);
}

function score(standings: readonly Standing[], sampled: { seed: number; of: number } | null): string {
  const killed = standings.filter(({ state }) => state !== 'survived').length;
  if (standings.length === 0) return 'no mutants';
  const share = `mutation score ${((100 * killed) / standings.length).toFixed(1)} % (${killed} of ${standings.length})`;
  if (sampled === null) return share;
  const [low, high] = interval(killed, standings.length).map((bound) => (100 * bound).toFixed(1));
  return `${share}, a sample of ${sampled.of} with the seed ${sampled.seed}: 95 times in 100 between ${low} % and ${high} %`;
}
