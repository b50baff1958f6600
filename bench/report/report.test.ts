import { expect, test } from 'vitest';
import {
  ARGON2_FLOOR,
  BETTER_AUTH,
  EXPRESS,
  EXPRESS_LOOKUP,
  LATCHKEY,
  OIDC_PROVIDER,
} from '../contenders/names.ts';
import type { LoadSummary } from '../load-client.ts';
import { count, number, percent, table } from './markdown.ts';
import { fileOfRows, withEssentialRows } from './readme-block.ts';
import { report, warnings } from './report.ts';
import { type Figure, loadFigure, plainFigure, type Results } from './results.ts';
import { verdicts } from './targets.ts';

const summary = (perSecond: number, statuses: Record<string, number> = { 200: perSecond }): LoadSummary => ({
  perSecond,
  p50Milliseconds: 1000 / perSecond,
  p99Milliseconds: 2000 / perSecond,
  firstAnswerP50Milliseconds: 500 / perSecond,
  firstAnswerP99Milliseconds: 500 / perSecond,
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
  const figure = loadFigure({ measure: 'sign-in', subject: 'x', size: 8 }, runs, 'perSecond');
  expect(figure).toMatchObject({ value: 100, rounds: [90, 300, 100] });
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
    'The machine was not quiet: in the middle round of a figure up to 50.0 % of it was neither the measured server’s nor its client’s.',
    `${EXPRESS}, session at 64: 3 answers were 400`,
  ];
  expect(warnings(resultsOf(busy))).toEqual(said);
  const page = withEssentialRows('<!-- bench -->\n<!-- /bench -->', resultsOf(busy), 'a.json');
  for (const line of said) {
    expect(report(resultsOf(busy))).toContain(`**${line}**`);
    expect(page).toContain(`**${line}**`);
  }
  // PostgreSQL is a program beside the server, as is the flood beside those who are measured.
  expect(
    warnings(resultsOf({ ...busy, subject: 'x, PostgreSQL', load: { ...facts, othersCpuShare: 0.5 } })),
  ).toEqual([]);
  expect(
    warnings(resultsOf({ ...busy, measure: 'cheap-flood', load: { ...facts, othersCpuShare: 0.5 } })),
  ).toEqual([]);
});

test('what is noisy is marked wherever it stands, and all of it is counted', () => {
  const noisy = [100, 130, 160];
  const figures = [
    plainFigure('cheap-quiet', LATCHKEY, null, noisy),
    plainFigure('cheap-flood', LATCHKEY, 256, noisy),
    plainFigure('verification', '@latchkey/verifier', 16, noisy),
    plainFigure('memory-idle', LATCHKEY, null, noisy),
    plainFigure('cpu-hash', LATCHKEY, 8, noisy),
    plainFigure('install-packages', LATCHKEY, null, [100]),
  ];
  const text = report(resultsOf(...figures));
  expect(text).toContain(`| ${LATCHKEY} | 130 (noisy) | – | 130 (noisy) |`);
  expect(text).toContain('| @latchkey/verifier | 16 | 130 (noisy) |');
  expect(text).toContain('| CPU ms of a sign-in: hashing threads | 8 | 130 (noisy) |');
  expect(text).toContain('| memory idle | at most 110 MiB | 80.0 MiB | 130 MiB (noisy) | missed |');
  expect(text).toContain('5 of 6 figures stayed noisy');
});

test('a ratio is noisy when either of its figures is', () => {
  const [quiet, noisy] = [[100], [100, 130, 160]] as const;
  const of = (ours: readonly number[], theirs: readonly number[]) =>
    verdictOf(
      'refreshes of oidc',
      figureOf('refresh', LATCHKEY, 64, ...ours),
      figureOf('refresh', OIDC_PROVIDER, 64, ...theirs),
    );
  expect([of(quiet, quiet), of(quiet, noisy), of(noisy, quiet)].map((verdict) => verdict?.isNoisy)).toEqual([
    false,
    true,
    true,
  ]);
});

test('a figure above its floor is marked as what cannot be, and told first', () => {
  const floor = figureOf('sign-in', ARGON2_FLOOR, 256, 247);
  const above = resultsOf(floor, figureOf('sign-in', LATCHKEY, 256, 299));
  const said = `${LATCHKEY}, sign-in at 256: more than its floor, which cannot be.`;
  expect(warnings(above)).toEqual([said]);
  expect(report(above)).toContain('| 299 (above its floor: cannot be) |');
  const below = resultsOf(floor, figureOf('sign-in', LATCHKEY, 256, 240));
  expect(warnings(below)).toEqual([]);
  expect(report(below)).toContain('| 240 |');
});

test('who has no room in a window is told below the table', () => {
  const rest = [1, 256].map((size) => figureOf('sign-in', LATCHKEY, size, 200));
  const slow = figureOf('sign-in', BETTER_AUTH, 1, 15);
  expect(report(resultsOf(...rest, slow))).toContain(`as there are connections: ${BETTER_AUTH} at 256.`);
  expect(report(resultsOf(...rest))).not.toContain('Left out');
});

test('session checks are held against a server that promises the same, and against one that promises less', () => {
  const figures = [
    figureOf('session', LATCHKEY, 64, 3000),
    figureOf('session', EXPRESS, 64, 2500),
    figureOf('session', EXPRESS_LOOKUP, 64, 1500),
  ];
  const checks = 'session checks of the hand-written server’s that';
  expect(verdictOf(`${checks} refuses`, ...figures)).toMatchObject({ measured: 2, verdict: 'reached' });
  expect(verdictOf(`${checks} does not know`, ...figures)).toMatchObject({
    measured: 1.2,
    verdict: 'missed',
  });
});

test('where nothing was answered nothing was measured', () => {
  const figures = [figureOf('session', LATCHKEY, 64, 3000), figureOf('session', EXPRESS, 64, Number.NaN)];
  expect(verdictOf('session checks of the hand-written server’s that does', ...figures)?.verdict).toBe(
    'not measured',
  );
  expect(
    verdictOf('session checks of the hand-written server’s that does', ...figures.toReversed())?.verdict,
  ).toBe('not measured');
  const ours = [figureOf('session', LATCHKEY, 64, Number.NaN), figureOf('session', EXPRESS, 64, 1500)];
  expect(verdictOf('session checks of the hand-written server’s that does', ...ours)?.verdict).toBe(
    'not measured',
  );
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
  // The last one of them is not known.
  expect(verdictOf('sign-ins of raw argon2id', ...figures.slice(0, -1))?.verdict).toBe('not measured');
});

test('the import of a million is judged by its time, in no order', () => {
  const rate = plainFigure('import-scattered', LATCHKEY, 1_000_000, [10_000]);
  expect(verdictOf('import of 1,000,000', rate)).toMatchObject({ measured: 100, verdict: 'reached' });
  const ordered = plainFigure('import-hashes', LATCHKEY, 1_000_000, [5000]);
  expect(verdictOf('import of 1,000,000', ordered)).toMatchObject({ verdict: 'not measured' });
  expect(verdictOf('the same in order', ordered)).toMatchObject({ measured: 200, verdict: 'missed' });
  const memory = plainFigure('import-memory', LATCHKEY, 1_000_000, [170]);
  expect(verdictOf('memory of these', ordered, memory)).toMatchObject({ verdict: 'not measured' });
  expect(verdictOf('memory of these', rate, memory)).toMatchObject({ measured: 170, verdict: 'reached' });
  const fewer = plainFigure('import-scattered', LATCHKEY, 20_000, [10_000]);
  expect(verdictOf('import of 1,000,000', fewer)).toMatchObject({ verdict: 'not measured' });
});

test('what is counted is printed whole, in the table, the targets and the README', () => {
  const results = resultsOf(
    plainFigure('memory-idle', LATCHKEY, null, [80]),
    plainFigure('install-packages', LATCHKEY, null, [5]),
    plainFigure('install-size', LATCHKEY, null, [7.8]),
  );
  expect(report(results)).toContain(
    '| production install, packages | at most 120 | 60 | 5 | reached, aim too |',
  );
  expect(report(results)).toContain('| 5 | 7.80 |');
  expect(withEssentialRows('<!-- bench -->\n<!-- /bench -->', results, 'a.json')).toContain('| 5 / 7.80 |');
  expect([0, 5, 10, 120, 10_000, null].map(count)).toEqual(['0', '5', '10', '120', '10,000', '–']);
});

test('numbers have three digits that mean something', () => {
  expect([0.1234, 12.34, 1234.5, Number.NaN, null].map(number)).toEqual(['0.12', '12.3', '1,235', '–', '–']);
  expect(percent(0.153)).toBe('15.3 %');
  expect(table(['a', 'b'], [['x', '1']])).toBe('| a | b |\n|---|--:|\n| x | 1 |');
});

test('what nobody has a figure of has no row on a page, and who has none has no column', () => {
  const page = '<!-- bench -->\n<!-- /bench -->';
  const many = figureOf('session-tokens', LATCHKEY, 20_000, 9000);
  const rows = withEssentialRows(page, resultsOf(many), 'a.json');
  expect(rows).toContain(`|  | ${LATCHKEY} | floor |`);
  expect(rows).toContain('| the same, 20,000 different tokens in turn | 9,000 | – |');
  expect(rows).not.toContain('durable refreshes');
  expect(report(resultsOf(many))).toContain('with that many tokens | 20,000 | 9,000 |');
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

test('an import of passwords that is faster than hashing alone is marked as what cannot be', () => {
  const above = resultsOf(plainFigure('import-plain', LATCHKEY, 1000, [1.08, 1.07, 1.09]));
  expect(report(above)).toContain('| 1.08 (above its floor: cannot be) |');
  expect(warnings(above)).toEqual([expect.stringContaining('more than its floor')]);
  expect(warnings(resultsOf(plainFigure('import-plain', LATCHKEY, 1000, [0.98])))).toEqual([]);
});

test('what was measured is named with its commit and the versions of the others', () => {
  const results = { ...resultsOf(), commit: 'abc1234', peers: { express: '5.3.0', pg: '8.0.0' } };
  expect(report(results)).toContain('quick run, commit abc1234, express 5.3.0.');
  expect(report(resultsOf())).toContain('quick run.');
});
