import { afterAll, describe, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { loadLines, testStores } from '../../testing/directory.ts';
import type { Change } from '../store/engine.ts';

// Whether a commit waited for the disk cannot be seen while the machine runs: what was asked of the store can.
describe('a load', () => {
  const { fresh, closeAll } = testStores('sqlite');
  afterAll(closeAll);

  /** Loads lines, and tells of each commit whether it had to wait for the disk. */
  async function waits(
    core: Awaited<ReturnType<typeof fresh>>,
    lines: readonly object[],
  ): Promise<boolean[]> {
    const waited: boolean[] = [];
    const commit = (changes: readonly Change[]) => {
      waited.push(changes.some(({ provisional }) => provisional !== true));
      return core.store.commit(changes);
    };
    await loadLines(lines, { ...core, store: { ...core.store, commit } }, false);
    return waited;
  }
  const people = (count: number, more: object = {}) =>
    Array.from({ length: count }, (_, index) => ({
      kind: 'account',
      id: uuid(index + 1),
      username: `person${index}`,
      ...more,
    }));

  test('of new accounts waits for the disk once, with the report', async () => {
    const waited = await waits(await fresh(), people(1000));
    expect(waited.length).toBeGreaterThan(4);
    expect(waited.slice(0, -1)).not.toContain(true);
    expect(waited.at(-1)).toBe(true);
  });

  test('that ends sessions waits with each batch that does', async () => {
    const core = await fresh();
    await loadLines(people(300), core, false);
    const waited = await waits(core, people(300, { status: 'inactive' }));
    expect(waited).toEqual([true, true, true]);
  });
});
