import { expect, test } from 'vitest';
import { BETTER_AUTH, EXPRESS, LATCHKEY } from '../contenders/names.ts';
import type { LoadSummary } from '../load-client.ts';
import { number, percent, table } from './markdown.ts';
import { fileOfRows, withEssentialRows } from './readme-block.ts';
import { report, warnings } from './report.ts';
import { type Figure, loadFigure, plainFigure, type Results } from './results.ts';
import { verdicts } from './targets.ts';

const summary = (perSecond: number, statuses: Record<string, number> = { 200: perSecond }): LoadSummary => ({
  perSecond,
  p50Milliseconds: 1000 / perSecond,
  p99Milliseconds: 2000 / perSecond,
  statuses,
  clientCpuShare: 0.1,
  serverCpuMilliseconds: 3,
  othersCpuShare: 0.02,
});

const figureOf = (measure: Figure['measure'], subject: string, size: number, ...rates: number[]): Figure =>
  loadFigure(
    { measure, subject, size },
    rates.map((rate) => summary(rate)),
    'perSecond',
    rates.length,
  );

const resultsOf = (...figures: Figure[]): Results => ({
  kind: 'quick',
  date: '2026-01-02T03:04:05.000Z',
  machine: { cores: 2, model: 'a processor', memoryGib: 8, system: 'linux 6' },
  node: '24.0.0',
  accounts: 10_000,
  minutes: 7,
  // As they are read from a file: what is no number there is null.
  figures: JSON.parse(JSON.stringify(figures)) as Figure[],
});

test('a figure is the middle round, with the answers of all rounds that were not right', () => {
  const runs = [summary(90, { 200: 90, 503: 2 }), summary(300), summary(100, { 503: 1, '200 wrong': 4 })];
  const figure = loadFigure({ measure: 'sign-in', subject: 'x', size: 8 }, runs, 'perSecond', 3);
  expect(figure).toMatchObject({ value: 100, rounds: [90, 300, 100], isNoisy: true });
  expect(figure.load).toMatchObject({ p50Milliseconds: 10, otherAnswers: { 503: 3, '200 wrong': 4 } });
});

test('the report says how many times another subject Latchkey is, at the same number of connections', () => {
  const text = report(
    resultsOf(
      figureOf('session', LATCHKEY, 8, 999),
      figureOf('session', LATCHKEY, 64, 2900, 3000, 3100),
      figureOf('session', EXPRESS, 64, 1500),
    ),
  );
  const row = text.split('\n').find((line) => line.startsWith(`| ${EXPRESS} | 64`));
  expect(row).toContain('| 64 | 1,500 | 2.00 × |');
  expect(text).toContain('| 64 | 3,000 |  |');
  expect(text).toContain('2 cores (a processor)');
  expect(text).not.toMatch(/NaN|undefined|null/);
});

test('a flood is told by how much lower Latchkey’s is', () => {
  const flood = (subject: string, milliseconds: number) => ({
    ...plainFigure('cheap-flood', subject, 256, [milliseconds]),
  });
  const text = report(resultsOf(flood(LATCHKEY, 4), flood(BETTER_AUTH, 3000)));
  expect(text.split('\n').find((line) => line.startsWith(`| ${BETTER_AUTH} | –`))).toContain('750 ×');
});

const verdictOf = (what: string, ...figures: Figure[]) =>
  verdicts(resultsOf(...figures)).find((verdict) => verdict.what.startsWith(what));

test('a machine that was not quiet and answers that were not right are told first', () => {
  const quiet = figureOf('session', EXPRESS, 64, 1500);
  expect(warnings(resultsOf(quiet))).toEqual([]);
  const facts = quiet.load as NonNullable<Figure['load']>;
  const busy = { ...quiet, load: { ...facts, othersCpuShare: 0.5, otherAnswers: { 400: 3, 503: 2 } } };
  const said = [
    'The machine was not quiet: other programs had up to 50.0 % of it in the middle round of a figure.',
    `${EXPRESS}, session at 64: 3 answers were 400`,
  ];
  expect(warnings(resultsOf(busy))).toEqual(said);
  for (const line of said) expect(report(resultsOf(busy))).toContain(`**${line}**`);
  // PostgreSQL is a program beside the server, as is the flood beside those who are measured.
  expect(
    warnings(resultsOf({ ...busy, subject: 'x, PostgreSQL', load: { ...facts, othersCpuShare: 0.5 } })),
  ).toEqual([]);
  expect(
    warnings(resultsOf({ ...busy, measure: 'cheap-flood', load: { ...facts, othersCpuShare: 0.5 } })),
  ).toEqual([]);
});

test('where nothing was answered nothing was measured', () => {
  const figures = [figureOf('session', LATCHKEY, 64, 3000), figureOf('session', EXPRESS, 64, Number.NaN)];
  expect(verdictOf('session checks of the hand', ...figures)?.verdict).toBe('not measured');
  expect(verdictOf('session checks of the hand', ...figures.toReversed())?.verdict).toBe('not measured');
  const ours = [figureOf('session', LATCHKEY, 64, Number.NaN), figureOf('session', EXPRESS, 64, 1500)];
  expect(verdictOf('session checks of the hand', ...ours)?.verdict).toBe('not measured');
});

test('what was not measured is neither reached nor missed', () => {
  expect(verdicts(resultsOf()).map(({ verdict }) => verdict)).toEqual(
    verdicts(resultsOf()).map(() => 'not measured'),
  );
  const ours = figureOf('sign-in', LATCHKEY, 64, 200);
  expect(verdictOf('sign-ins of Better Auth’s with', ours)).toMatchObject({
    verdict: 'not measured',
    measured: null,
  });
});

test.each([
  { theirs: 200 / 1.1, verdict: 'missed', isAimReached: false },
  { theirs: 200 / 1.3, verdict: 'reached', isAimReached: false },
  { theirs: 200 / 1.5, verdict: 'reached', isAimReached: true },
])('more than others is $verdict at 200 of $theirs', ({ theirs, verdict, isAimReached }) => {
  const figures = [figureOf('sign-in', LATCHKEY, 64, 200), figureOf('sign-in', BETTER_AUTH, 64, theirs)];
  expect(verdictOf('sign-ins of Better Auth’s with', ...figures)).toMatchObject({ verdict, isAimReached });
});

test.each([
  { mib: 111, verdict: 'missed', isAimReached: false },
  { mib: 100, verdict: 'reached', isAimReached: false },
  { mib: 80, verdict: 'reached', isAimReached: true },
])('no more than a bound is $verdict at $mib MiB', ({ mib, verdict, isAimReached }) => {
  const idle = plainFigure('memory-idle', LATCHKEY, null, [mib]);
  expect(verdictOf('memory idle', idle)).toMatchObject({ verdict, isAimReached, measured: mib });
});

test('of several numbers of connections the worst counts', () => {
  const floor = 'raw argon2id, all cores';
  const figures = [
    ...[8, 64, 256].map((size) => figureOf('sign-in', floor, size, 200)),
    figureOf('sign-in', LATCHKEY, 8, 200),
    figureOf('sign-in', LATCHKEY, 64, 180),
    figureOf('sign-in', LATCHKEY, 256, 196),
  ];
  expect(verdictOf('sign-ins of raw argon2id', ...figures)).toMatchObject({
    measured: 90,
    verdict: 'missed',
  });
});

test('the import of a million is judged by its time', () => {
  const rate = plainFigure('import-hashes', LATCHKEY, 1_000_000, [10_000]);
  expect(verdictOf('import of 1,000,000', rate)).toMatchObject({ measured: 100, verdict: 'reached' });
  const scattered = plainFigure('import-scattered', LATCHKEY, 1_000_000, [5000]);
  expect(verdictOf('the same in no order', scattered)).toMatchObject({ measured: 200, verdict: 'missed' });
  const fewer = plainFigure('import-hashes', LATCHKEY, 20_000, [10_000]);
  expect(verdictOf('import of 1,000,000', fewer)).toMatchObject({ verdict: 'not measured' });
});

test('numbers have three digits that mean something', () => {
  expect([0.1234, 12.34, 1234.5, Number.NaN, null].map(number)).toEqual(['0.12', '12.3', '1,235', '–', '–']);
  expect(percent(0.153)).toBe('15.3 %');
  expect(table(['a', 'b'], [['x', '1']])).toBe('| a | b |\n|---|--:|\n| x | 1 |');
});

test('the rows of a page are written between its marks, and name their file', () => {
  const page = 'before\n<!-- bench -->\n<!-- /bench -->\nafter\n';
  const once = withEssentialRows(page, resultsOf(figureOf('session', LATCHKEY, 64, 3000)), 'a.json');
  expect(once).toMatch(/^before\n<!-- bench a\.json -->\n\| [\s\S]*3,000[\s\S]*<!-- \/bench -->\nafter\n$/);
  expect(fileOfRows(page)).toBeNull();
  expect(fileOfRows(once)).toBe('a.json');
  const twice = withEssentialRows(once, resultsOf(), 'b.json');
  expect(twice).not.toContain('3,000');
  expect(fileOfRows(twice)).toBe('b.json');
  expect(() => withEssentialRows('nothing', resultsOf(), 'b.json')).toThrow('marks');
});
