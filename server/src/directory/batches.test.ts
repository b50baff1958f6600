import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestCore, uuid } from '../../testing/core.ts';
import { loadLines, reasons, testStores } from '../../testing/directory.ts';
import { ENGINES } from '../../testing/engines.ts';
import type { Change } from '../store/engine.ts';
import { importDirectory } from './import.ts';
import { NAMED_AT_MOST } from './import-report.ts';

/** As many lines as are loaded together. */
const BATCH = 256;
const person = (number: number, more: object = {}) => ({
  kind: 'account',
  id: uuid(number),
  username: `person${number}`,
  ...more,
});
const people = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => person(first + index));

describe.each(ENGINES)('a batch that is checked while the one before is written, on %s', (engine) => {
  const { fresh, closeAll } = testStores(engine);
  let core: TestCore;
  beforeAll(async () => {
    core = await fresh();
  });
  afterAll(closeAll);

  test('is read from the store before that is there', async () => {
    const { store } = core;
    let looks = 0;
    let onSecondLook: () => void = () => undefined;
    const secondLook = new Promise<void>((resolve) => {
      onSecondLook = resolve;
    });
    const accountRecords = {
      ...store.accountRecords,
      byIds(ids: readonly string[]) {
        looks += 1;
        if (looks === 2) onSecondLook();
        return store.accountRecords.byIds(ids);
      },
    };
    const commit = async (changes: readonly Change[]) => {
      if (changes.some(({ sql }) => sql.startsWith('INSERT INTO accounts'))) await secondLook;
      return store.commit(changes);
    };
    const watched = { ...core, store: { ...store, accountRecords, commit } };
    expect(await loadLines(people(1, 2 * BATCH), watched)).toMatchObject({ created: 2 * BATCH });
    const numbers = (await store.accountRecords.page(0, 1000)).map(({ username }) => username);
    expect(numbers).toEqual(people(1, 2 * BATCH).map(({ username }) => username));
  });

  test('takes an identifier that the one before gives up', async () => {
    await loadLines([person(2001, { username: 'ada' })], core);
    const lines = [
      person(2001, { username: 'ada.lovelace' }),
      ...people(2100, BATCH - 1),
      person(2002, { username: 'ada' }),
    ];
    expect(reasons(await loadLines(lines, core))).toEqual([]);
  });

  test('is refused an identifier that the one before takes', async () => {
    const lines = [
      person(3001, { username: 'grace' }),
      ...people(3100, BATCH - 1),
      person(3002, { username: 'Grace' }),
    ];
    expect(reasons(await loadLines(lines, core))).toEqual([
      `${BATCH + 1}: another account in the same home has the identifier grace`,
    ]);
  });

  test('brings an account that the one before makes to what its own line says', async () => {
    const lines = [person(4001), ...people(4100, BATCH - 1), person(4001, { status: 'inactive' })];
    expect(await loadLines(lines, core)).toMatchObject({ created: BATCH, updated: 1 });
    const [record] = await core.store.accountRecords.byIds([uuid(4001)]);
    expect(record).toMatchObject({ status: 'inactive', epoch: 2 });
  });

  test('finds the organisation that the one before makes', async () => {
    const organisation = uuid(900);
    const lines = [
      { kind: 'organisation', id: organisation },
      ...people(5100, BATCH - 1),
      person(5001, { organisation }),
    ];
    expect(await loadLines(lines, core)).toMatchObject({ created: BATCH + 1, refused: [] });
  });

  test('is not written when the one before could not be', async () => {
    let writes = 0;
    const commit = (changes: readonly Change[]) => {
      if (!changes.some(({ sql }) => sql.startsWith('INSERT INTO accounts')))
        return core.store.commit(changes);
      writes += 1;
      return Promise.reject(new Error('the disk is full'));
    };
    const failing = { ...core, store: { ...core.store, commit } };
    await expect(loadLines(people(6001, 3 * BATCH), failing)).rejects.toThrow('the disk is full');
    await setImmediate();
    expect(writes).toBe(1);
  });
});

describe('a load', () => {
  const { fresh, closeAll } = testStores('sqlite');
  afterAll(closeAll);

  test('leaves the others of its process their turn while it reads', async () => {
    const core = await fresh();
    let isOver = false;
    let turns = 0;
    const others = (async () => {
      for (; !isOver; turns += 1) await setImmediate();
    })();
    await loadLines(new Array(2048).fill('nonsense'), core, true);
    isOver = true;
    await others;
    expect(turns).toBeGreaterThan(32);
  });

  test('names ten thousand of the lines that are wrong, and counts them all', async () => {
    const core = await fresh();
    const count = NAMED_AT_MOST + 500;
    const report = await importDirectory(core, wrongLines(count), { dryRun: true });
    expect(report.counts.refused).toBe(count);
    expect(report.refused.map(({ lineNumber }) => lineNumber)).toEqual(
      Array.from({ length: NAMED_AT_MOST }, (_, index) => index + 1),
    );
  });
});

async function* wrongLines(count: number) {
  for (let lineNumber = 1; lineNumber <= count; lineNumber += 1)
    yield { source: 'file', lineNumber, text: 'nonsense' };
}
