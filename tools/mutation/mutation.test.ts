import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { note, readLedger } from './ledger.ts';
import { instrument } from './mutants.ts';
import { report, standing } from './report.ts';
import { interval, partOf, shuffled } from './sample.ts';
import { isNamedLike, nearestFirst } from './tests.ts';
import { isTriedEnough, leftUnsaid } from './trial.ts';

const SOURCE = `
export function isOpen(hour: number, log: { warn(fields: object, words: string): void }): boolean {
  if (hour > 24) throw new RangeError('there is no such hour');
  if (hour < 0) log.warn({ hour }, 'a day before');
  return hour > 8 && isNamed('open');
}
`;

const mutantsOf = async (text: string) =>
  (await instrument([{ path: 'server/src/sign-in/open.ts', text }])).mutants;

describe('mutants', () => {
  test('are where they say, and what stood there is what stood there', async () => {
    const mutants = await mutantsOf(SOURCE);
    const greater = mutants.filter(({ original }) => original === 'hour > 8');
    expect(greater.map(({ mutator, replacement }) => [mutator, replacement])).toEqual(
      expect.arrayContaining([
        ['EqualityOperator', 'hour >= 8'],
        ['EqualityOperator', 'hour <= 8'],
        ['ConditionalExpression', 'true'],
      ]),
    );
    expect(greater[0]).toMatchObject({ folder: 'sign-in', line: 5, column: 10, ignored: null });
  });

  test('are not tried in the words of faults and of the log, and nowhere else', async () => {
    const ignored = (await mutantsOf(SOURCE)).filter((mutant) => mutant.ignored !== null);
    expect(ignored.map(({ original, ignored: reason }) => [original, reason])).toEqual([
      ["'there is no such hour'", 'the words of a fault'],
      ["'a day before'", 'the words of a line of the log'],
    ]);
  });

  test('are known by the same key for as long as their file is the same', async () => {
    const keys = async (text: string) => (await mutantsOf(text)).map(({ key }) => key);
    const first = await keys(SOURCE);
    expect(new Set(first).size).toBe(first.length);
    expect(await keys(SOURCE)).toEqual(first);
    expect((await keys(`${SOURCE}\n`)).filter((key) => first.includes(key))).toEqual([]);
  });
});

describe('a sample', () => {
  const items = Array.from({ length: 100 }, (_, at) => at);

  test('is the same for the same seed, and the beginning of a larger one', () => {
    expect(shuffled(items, 7)).toEqual(shuffled(items, 7));
    expect(shuffled(items, 7)).not.toEqual(shuffled(items, 8));
    expect(shuffled(items, 7).toSorted((a, b) => a - b)).toEqual(items);
  });

  test('is its parts together', () => {
    const parts = ['1/3', '2/3', '3/3'].map((part) => partOf(items, part));
    expect(parts.map(({ length }) => length)).toEqual([34, 33, 33]);
    expect(parts.flat().toSorted((a, b) => a - b)).toEqual(items);
    for (const part of ['0/3', '4/3', '1', 'a/b']) expect(() => partOf(items, part)).toThrow('is no part');
  });

  test('tells a share within bounds', () => {
    const [low, high] = interval(85, 100);
    expect([low, high].map((bound) => bound.toFixed(3))).toEqual(['0.767', '0.907']);
  });
});

describe('what was seen', () => {
  test('is read again, the fate of each mutant counted', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'latchkey-mutation-'));
    try {
      const ledger = join(directory, 'ledger.jsonl');
      const [dead, stuck, alive, unseen] = await mutantsOf(SOURCE);
      if (!dead || !stuck || !alive || !unseen) throw new Error('there are too few mutants');
      note(ledger, { kind: 'killed', mutant: dead.key, how: 'failed', by: 'a.test.ts@1 it' });
      note(ledger, { kind: 'killed', mutant: stuck.key, how: 'timeout', by: 'a.test.ts@1 it' });
      note(ledger, { kind: 'passed', mutant: alive.key, tests: ['a.test.ts@1 it', 'a.test.ts@1 that'] });
      note(ledger, {
        kind: 'done',
        file: 'a.test.ts@1',
        sound: true,
        complete: true,
        mutants: [alive.key, unseen.key],
        outside: [],
      });
      const known = readLedger(ledger);
      const standings = [dead, stuck, alive, unseen].map((mutant) =>
        standing(mutant, known, { testsPerMutant: 80 }),
      );
      expect(standings.map(({ state, remark }) => [state, remark])).toEqual([
        ['killed', 'a.test.ts@1 it'],
        ['timeout', 'a.test.ts@1 it'],
        ['survived', '2 tests pass'],
        ['survived', 'no test runs it'],
      ]);
      expect(known.gone.has(`${unseen.key} a.test.ts@1`)).toBe(true);
      const text = report(standings, [], known, { seed: 3, of: 50 });
      expect(text).toMatch(/^all +4 +1 +1 +2 +0 +50\.0 %$/m);
      expect(text).toMatch(/mutation score 50\.0 % \(2 of 4\), a sample of 50 with the seed 3: /);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

test('a mutant is tried with so many tests of a file as it is today, and with all of its source’s own', () => {
  const plan = { file: 'a.test.ts', hash: 'new', testsPerFile: 2, testsPerMutant: 4 };
  const isEnough = (tests: readonly string[], near = false) =>
    isTriedEnough(plan, { near, tests }, 'a.test.ts@new third');
  const today = ['a.test.ts@new first', 'a.test.ts@new second'];
  expect(isEnough(today)).toBe(true);
  expect(isEnough(['a.test.ts@old first', 'a.test.ts@old second', 'a.test.ts@new first'])).toBe(false);
  expect(isEnough(today, true)).toBe(false);
  expect(isEnough(['a.test.ts@new third'], true)).toBe(true);
  expect(isEnough(['b 1', 'b 2', 'b 3', 'b 4'])).toBe(true);
});

test('a process that hangs has killed its mutant, also when the one before it had nothing to say', () => {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-mutation-'));
  try {
    const ledger = join(directory, 'ledger.jsonl');
    const unclear = { kind: 'unclear', mutant: 'first', test: 'a.test.ts@1 it', file: 'a.test.ts' } as const;
    const empty = readLedger(ledger);
    note(ledger, unclear);
    const before = readLedger(ledger);
    expect(leftUnsaid(empty, before, unclear, true)).toBeNull();
    const doing = { ...unclear, mutant: 'second' };
    expect(leftUnsaid(before, before, doing, false)).toEqual({
      kind: 'killed',
      mutant: 'second',
      how: 'timeout',
      by: 'a.test.ts@1 it',
    });
    expect(leftUnsaid(before, before, doing, true)).toEqual(doing);
    expect(leftUnsaid(before, before, null, false)).toBe('nothing was tried');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

describe('tests', () => {
  test('that are named like the source come first, then those of its folder', () => {
    const source = 'server/src/tokens/key-ring.ts';
    const [own, near, far] = ['tokens/key-ring', 'tokens/tokens', 'http/http'].map(
      (name) => `server/src/${name}.test.ts`,
    ) as [string, string, string];
    expect(nearestFirst(source, [far, near, own])).toEqual([own, near, far]);
    expect(isNamedLike(source, near)).toBe(false);
  });
});
