import {
  BETTER_AUTH,
  BETTER_AUTH_DEFAULT,
  BETTER_AUTH_FEW_THREADS,
  EXPRESS,
  EXPRESS_LOOKUP,
  EXPRESS_NODE_RS,
  LATCHKEY,
  OIDC_PROVIDER,
} from '../contenders/names.ts';
import { table } from './markdown.ts';
import { FLOORS, marked } from './marks.ts';
import { provenance, quiet, warningLines } from './report.ts';
import type { Measure, Results } from './results.ts';

const BLOCK = /(<!-- bench (\S*) ?-->\n)[\s\S]*?(<!-- \/bench -->)/;

/** The rows that a reader wants to see first. */
const ROWS: readonly (readonly [string, readonly (readonly [Measure, number | null])[]])[] = [
  ['password sign-ins a second, 64 connections', [['sign-in', 64]]],
  ['durable refreshes a second, 64 connections', [['refresh', 64]]],
  ['session checks a second, 64 connections', [['session', 64]]],
  ['the same, 20,000 different tokens in turn', [['session-tokens', 20_000]]],
  ['session check while 256 sign in, p99 ms', [['cheap-flood', 256]]],
  [
    'memory idle / under sign-ins, MiB',
    [
      ['memory-idle', null],
      ['memory-loaded', null],
    ],
  ],
  [
    'production install, packages / MiB',
    [
      ['install-packages', null],
      ['install-size', null],
    ],
  ],
];

/** Those who come nearest are among them. */
const SUBJECTS = [
  LATCHKEY,
  BETTER_AUTH,
  BETTER_AUTH_FEW_THREADS,
  BETTER_AUTH_DEFAULT,
  EXPRESS,
  EXPRESS_NODE_RS,
  EXPRESS_LOOKUP,
  OIDC_PROVIDER,
] as const;

/** The essential rows of a run, with where they are from. */
function essentialRows(results: Results, file: string): string {
  const figureOf = (measure: Measure, subject: string | undefined, size: number | null) => {
    const figure = results.figures.find(
      (each) => each.measure === measure && each.subject === subject && (size === null || each.size === size),
    );
    return marked(results, figure);
  };
  const subjects = SUBJECTS.filter((name) => results.figures.some(({ subject }) => subject === name));
  const rows = ROWS.map(([text, parts]) => [
    text,
    ...subjects.map((subject) =>
      parts.map(([measure, size]) => figureOf(measure, subject, size)).join(' / '),
    ),
    parts.map(([measure, size]) => figureOf(measure, FLOORS[measure], size)).join(' / '),
  ])
    .map((cells) => cells.map((cell) => (/^–( \/ –)+$/.test(cell) ? '–' : cell)))
    .filter((cells) => cells.slice(1).some((cell) => cell !== '–'));
  return `${table(['', ...subjects, 'floor'], rows)}\n\n${warningLines(results)}${provenance(results)}: [all of it](bench/results/${file}), [how it was measured](bench/README.md). ${quiet(results)}\n`;
}

/** A page with the essential rows of a run between its two marks. */
export function withEssentialRows(page: string, results: Results, file: string): string {
  if (!BLOCK.test(page)) throw new Error('README.md has no marks of the bench');
  return page.replace(
    BLOCK,
    (_all, _before, _file, after) => `<!-- bench ${file} -->\n${essentialRows(results, file)}${after}`,
  );
}

/** The file that a page's rows are from; null where it has none. */
export const fileOfRows = (page: string): string | null => BLOCK.exec(page)?.[2] || null;
