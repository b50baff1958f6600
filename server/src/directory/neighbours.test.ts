import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestCore, uuid } from '../../testing/core.ts';
import { exported, loadLines, reasons, testStores } from '../../testing/directory.ts';
import { importDirectory } from './import.ts';
import { neighboursTogether, type WindowSize } from './neighbours.ts';
import { type DirectoryLines, readLines } from './read-lines.ts';

const KIB = 1024;
const SIZE: WindowSize = { fewestLines: 2, mostLines: 1024, mostBytes: 256 * KIB, unwrittenLines: 1024 };

const { fresh, closeAll } = testStores('sqlite');
let core: TestCore;
beforeAll(async () => {
  core = await fresh();
});
afterAll(closeAll);

const account = (number: number, more: object = {}) => ({
  kind: 'account',
  id: uuid(number),
  username: `person${number}`,
  ...more,
});
/** That many numbers from the first one on, in no order. */
const shuffled = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => first + ((index * 7919) % count));

const linesOf = (lines: readonly (object | string)[]): DirectoryLines => {
  const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  return readLines('file', Readable.from([Buffer.from(texts.join('\n'))]));
};

/** The numbers of lines, as they come out. */
async function orderOf(lines: readonly (object | string)[], size: WindowSize = SIZE): Promise<number[]> {
  const order: number[] = [];
  for await (const { lineNumber } of neighboursTogether(core.store, linesOf(lines), size))
    order.push(lineNumber);
  return order;
}

const ordered = [3, 4, 2, 1];
const four = [account(40), account(30), account(10), account(20)];

describe('lines of a large load', () => {
  test('of new accounts come in the order of their ids, each as it was', async () => {
    const numbers = shuffled(1, 1000);
    const lines = numbers.map((number) => account(number, { user: { name: `Ñandú ${number}` } }));
    const texts: unknown[] = [];
    for await (const { text, lineNumber, source } of neighboursTogether(core.store, linesOf(lines), SIZE)) {
      expect(source).toBe('file');
      expect(JSON.parse(text as string)).toEqual(lines[lineNumber - 1]);
      texts.push(JSON.parse(text as string).id);
    }
    expect(texts).toEqual([...numbers].sort((left, right) => left - right).map(uuid));
  });

  test('that cannot be read come before them, and are told of with their places', async () => {
    expect(await orderOf(['', account(40), 'nonsense', ...four.slice(1)])).toEqual([1, 3, 5, 6, 4, 2]);
    const broken = Buffer.concat([
      Buffer.from(`${JSON.stringify(account(9002))}\n`),
      Buffer.from([0xff, 0x0a]),
      Buffer.from(`${JSON.stringify(account(9001))}\n{}`),
    ]);
    const lines = neighboursTogether(core.store, readLines('file', Readable.from([broken])), SIZE);
    const report = await importDirectory(core, lines, { dryRun: true });
    expect(report.created).toBe(2);
    expect(reasons(report)).toEqual([
      '2: it is not UTF-8',
      '4: kind must be one of organisation, role, account, membership, installation, resource',
    ]);
  });

  test.each([
    ['all are new and claim nothing that another does', four, ordered],
    ['each has its number', four.map((line, index) => ({ ...line, number: 5 + index })), ordered],
    ['some have a number', [...four.slice(0, 3), { ...four[3], number: 1 }], null],
    ['two have the same number', four.map((line) => ({ ...line, number: 7 })), null],
    ['two want the same name', [...four.slice(0, 3), account(20, { username: 'PERSON40' })], null],
    [
      'two want it in different homes',
      [...four.slice(0, 3), account(20, { username: 'person40', organisation: uuid(1) })],
      ordered,
    ],
    ['one has two lines', [...four.slice(0, 3), account(40, { username: 'another' })], null],
    ['two are of one user', four.map((line) => ({ ...line, user: { id: uuid(5), name: line.id } })), null],
    ['one of them is no account', [...four.slice(0, 3), { kind: 'role', name: 'Guest' }], null],
    ['they are in order', [...four].reverse().map((line, index) => ({ ...line, id: uuid(index) })), null],
  ])('are moved where nothing is decided by that: %s', async (_, lines, order) => {
    expect(await orderOf(lines)).toEqual(order ?? [1, 2, 3, 4]);
  });

  test('stay as they are where there are few of them', async () => {
    expect(await orderOf(four, { ...SIZE, fewestLines: 4 })).toEqual(ordered);
    expect(await orderOf(four, { ...SIZE, fewestLines: 5 })).toEqual([1, 2, 3, 4]);
  });

  test('are moved within a window of so many lines, and so many bytes', async () => {
    const size = { ...SIZE, unwrittenLines: 0 };
    expect(await orderOf(four, { ...size, mostLines: 2 })).toEqual([2, 1, 3, 4]);
    expect(await orderOf([...four].reverse(), { ...size, mostLines: 2 })).toEqual([2, 1, 3, 4]);
    const bytes = Buffer.byteLength(JSON.stringify(four[0]));
    expect(await orderOf(four, { ...size, mostBytes: 3 * bytes })).toEqual([3, 2, 1, 4]);
    await expect(orderOf(four, { ...size, mostBytes: bytes - 1 })).rejects.toThrow(RangeError);
  });

  test('stay as they are behind a window whose lines may not be written yet', async () => {
    const size = { ...SIZE, mostLines: 2 };
    expect(await orderOf(four, { ...size, unwrittenLines: 2 })).toEqual([2, 1, 3, 4]);
    expect(await orderOf([...four, ...four], { ...size, unwrittenLines: 2 })).toEqual([
      2, 1, 3, 4, 6, 5, 7, 8,
    ]);
    expect(await orderOf([...four, ...four], { ...size, unwrittenLines: 3 })).toEqual([
      2, 1, 3, 4, 5, 6, 7, 8,
    ]);
  });

  test('are as many as there were', async () => {
    expect(await orderOf([])).toEqual([]);
    const numbers = shuffled(1, 2500);
    const order = await orderOf(numbers.map((number) => account(number)));
    expect(order.sort((left, right) => left - right)).toEqual(numbers.map((_, index) => index + 1));
  });
});

describe('an identifier that is given up and wanted in one large load', () => {
  test('goes over, when its owner was there before', async () => {
    await loadLines([account(30_002, { username: 'ada' })], core);
    const lines = [
      account(30_002, { username: 'lovelace' }),
      ...shuffled(31_000, 300).map((number) => account(number)),
      account(30_001, { username: 'ada' }),
    ];
    const report = await importDirectory(core, neighboursTogether(core.store, linesOf(lines), SIZE), {
      dryRun: false,
    });
    expect(report).toMatchObject({ created: 301, updated: 1, refused: [] });
  });

  test('goes over, when its owner is being written', async () => {
    const lines = [
      ...shuffled(41_000, 1023).map((number) => account(number)),
      account(40_002, { username: 'grace' }),
      account(40_002, { username: 'hopper' }),
      ...shuffled(42_100, 300).map((number) => account(number)),
      account(40_001, { username: 'grace' }),
    ];
    const report = await importDirectory(core, neighboursTogether(core.store, linesOf(lines), SIZE), {
      dryRun: false,
    });
    expect(report).toMatchObject({ created: 1325, updated: 1, refused: [] });
  });
});

test('a load has the same outcome as line by line, whatever it is of', { timeout: 60_000 }, async () => {
  const [moved, asGiven] = [await fresh(), await fresh()];
  for (const each of [moved, asGiven])
    await loadLines([{ kind: 'organisation', id: uuid(1), name: 'Home' }], each);
  let run = 0;
  const person = fc.record(
    {
      number: fc.integer({ min: 1, max: 9 }),
      name: fc.constantFrom('ada', 'Ada', 'bea', 'cleo', 'dora', 'emmy', 'fay'),
      email: fc.constantFrom('ada@example.com', 'BEA@example.com', 'cleo@example.com'),
      user: fc.integer({ min: 1, max: 3 }),
      hasHome: fc.boolean(),
      isUnknownHome: fc.constantFrom(false, false, true),
    },
    { requiredKeys: ['number', 'name', 'hasHome', 'isUnknownHome'] },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(person, { maxLength: 4 }),
      fc.array(person, { maxLength: 9 }),
      async (before, people) => {
        run += 1;
        const idOf = (number: number) => uuid(1_000_000 + run * 100 + number);
        const lineOf = ({ number, name, email, user, hasHome, isUnknownHome }: (typeof people)[number]) => ({
          kind: 'account',
          id: idOf(number),
          username: `${name}${run}`,
          email: email === undefined ? null : `${run}${email}`,
          createdAt: '2026-01-01T00:00:00Z',
          ...(hasHome ? { organisation: uuid(isUnknownHome ? 2 : 1) } : {}),
          user: { ...(user === undefined ? {} : { id: idOf(10 + user) }), name: `${name} of ${number}` },
        });
        const [reportMoved, reportAsGiven] = [
          await loadBoth(moved, before.map(lineOf), people.map(lineOf), true),
          await loadBoth(asGiven, before.map(lineOf), people.map(lineOf), false),
        ];
        expect(reportMoved).toEqual(reportAsGiven);
      },
    ),
    { numRuns: 150 },
  );
  const withoutWhatIsGiven = async (from: TestCore) =>
    (await exported(from))
      .map((line) => JSON.stringify({ ...line, number: undefined, user: userOf(line) }))
      .sort();
  expect(await withoutWhatIsGiven(moved)).toEqual(await withoutWhatIsGiven(asGiven));
});

/** The store hands out ids of users, as it does numbers. */
const userOf = (line: { user?: { id: string } }) => ({
  ...line.user,
  ...(line.user?.id.startsWith(uuid(1).slice(0, 8)) ? {} : { id: undefined }),
});

async function loadBoth(
  into: TestCore,
  before: readonly object[],
  lines: readonly object[],
  isMoved: boolean,
): Promise<object> {
  await loadLines(before, into);
  const given = linesOf(lines);
  const source = isMoved ? neighboursTogether(into.store, given, SIZE) : given;
  const { created, updated, unchanged, refused } = await importDirectory(into, source, { dryRun: false });
  return { created, updated, unchanged, refused };
}
