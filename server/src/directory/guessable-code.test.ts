import { Readable } from 'node:stream';
import { afterAll, describe, expect, test } from 'vitest';
import type { TestCore } from '../../testing/core.ts';
import { loadLines, reasons, testStores } from '../../testing/directory.ts';
import { ENGINES } from '../../testing/engines.ts';
import { importDirectory } from './import.ts';
import { readLines } from './read-lines.ts';

const END = '2099-01-01T00:00:00.000Z';
const LONG = 'K7WQ2-M9XTR-4HZPD';
let made = 0;
/** Another code of that many letters and digits each time. */
const codeOf = (length: number) => {
  made += 1;
  return `Z${made
    .toString(36)
    .toUpperCase()
    .padStart(length - 1, '0')}`;
};
const code = (context: string, text: string, more: object = {}) => ({
  kind: 'resource',
  context,
  code: text,
  expiresAt: END,
  ...more,
});

describe.each(ENGINES)('RC-1: resource codes that could be guessed, on %s', (engine) => {
  const { fresh, closeAll } = testStores(engine);
  afterAll(closeAll);
  const strictly = (lines: readonly object[], into: TestCore, dryRun = false) =>
    importDirectory(
      into,
      readLines('file', Readable.from([Buffer.from(lines.map((line) => JSON.stringify(line)).join('\n'))])),
      {
        dryRun,
        refusesGuessableCodes: true,
      },
    );

  test.each([false, true])(
    'are told of with their lines and how many are live; dry run: %s',
    async (dryRun) => {
      const core = await fresh();
      const report = await loadLines(
        [
          code('hall', 'A1B2C3'),
          code('hall', LONG),
          code('hall', 'D4E5F6'),
          code('library', '00000000000000000001'),
        ],
        core,
        dryRun,
      );
      expect(report).toMatchObject({
        created: 4,
        counts: { refused: 0, guessableCodes: 2, endlessCodes: 0 },
      });
      expect(report.guessableCodes).toEqual([
        { source: 'file', lineNumber: 1, context: 'hall', liveCodes: 1 },
        { source: 'file', lineNumber: 3, context: 'hall', liveCodes: 3 },
      ]);
    },
  );

  test('are refused where that is wanted, with the others loaded', async () => {
    const core = await fresh();
    const report = await strictly([code('hall', 'A1B2C3'), code('hall', LONG), code('hall', 'D4E5F6')], core);
    expect(reasons(report)).toEqual([
      '1: code is short enough to be guessed: it is the only live one at the context "hall"',
      '3: code is short enough to be guessed: it is one of 2 live ones at the context "hall"',
    ]);
    expect(report).toMatchObject({ created: 1, guessableCodes: [] });
  });

  test('are those that are too many for their length, in the store and in the file together', async () => {
    const core = await fresh();
    // 36 ** 9 over a million and 48,000 guesses: 2115 codes.
    const crowd = (count: number) => Array.from({ length: count }, () => code('hall', codeOf(9)));
    expect(await loadLines(crowd(2000), core)).toMatchObject({ created: 2000, guessableCodes: [] });
    const { guessableCodes, created } = await loadLines(crowd(120), core);
    expect(created).toBe(120);
    expect(guessableCodes.map(({ lineNumber, liveCodes }) => [lineNumber, liveCodes])).toEqual([
      ...[116, 117, 118, 119, 120].map((lineNumber) => [lineNumber, 2000 + lineNumber]),
    ]);
    const strict = await strictly(crowd(2), core);
    expect(strict).toMatchObject({ created: 0, counts: { refused: 2 } });
    expect((await strictly([code('elsewhere', codeOf(9))], core)).created).toBe(1);
  });

  test('are no codes that open nothing any more', async () => {
    const core = await fresh();
    const dead = [
      code('hall', 'A1', { revoked: true }),
      code('hall', 'A2', { maxUses: 3, uses: 3 }),
      code('hall', 'A3', { expiresAt: '2020-01-01T00:00:00.000Z' }),
    ];
    expect(await strictly(dead, core)).toMatchObject({ created: 3, endlessCodes: [] });
    expect(
      (await loadLines([code('hall', 'A4', { maxUses: 0, uses: 7 })], core)).guessableCodes,
    ).toMatchObject([{ liveCodes: 1 }]);
  });

  test('count once, however often they are loaded', async () => {
    const core = await fresh();
    await loadLines([code('hall', 'A1B2C3')], core);
    const again = await loadLines([code('hall', 'A1B2C3'), code('hall', 'D4E5F6')], core);
    expect(again.guessableCodes.map(({ liveCodes }) => liveCodes)).toEqual([1, 2]);
  });

  test('those without an end are told of, and not refused', async () => {
    const core = await fresh();
    const report = await strictly([code('hall', LONG, { expiresAt: null }), code('hall', `${LONG}X`)], core);
    expect(report).toMatchObject({ created: 2, endlessCodes: [{ source: 'file', lineNumber: 1 }] });
  });
});
