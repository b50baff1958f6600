import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import type { ENGINES } from '../../testing/engines.ts';
import { StoreConflictError } from '../errors.ts';
import type { Change } from './engine.ts';
import { stateFact } from './facts.ts';

/** What every engine does with commits, whatever is in them. */
export function engineSuite(engine: (typeof ENGINES)[number]): void {
  let core: TestCore;
  beforeAll(async () => {
    core = await openTestCore(engine);
  });
  afterAll(() => core.close());

  const set = (name: string, value: string): Change => ({
    sql: 'INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    params: [name, value],
  });
  const refuse: Change = {
    guard: 'never',
    sql: "DELETE FROM facts WHERE name = 'nobody' RETURNING name",
    params: [],
  };

  test('a commit is seen by the read that follows it', async () => {
    await core.store.commit([set('seen', 'yes')]);
    expect(await core.store.facts.value('seen')).toBe('yes');
  });

  test('a guard that says no undoes everything in its commit, before and after it', async () => {
    const committed = await core.store.commit([set('before', '1'), refuse, set('after', '1')]);
    expect(committed).toEqual({ ok: false, guard: 'never' });
    expect(await core.store.facts.value('before')).toBeNull();
    expect(await core.store.facts.value('after')).toBeNull();
  });

  test('a guard alone in its commit answers in the same way', async () => {
    expect(await core.store.commit([refuse])).toEqual({ ok: false, guard: 'never' });
  });

  test('commits that arrive together do not undo each other', async () => {
    const results = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        core.store.commit(
          index % 3 === 0 ? [set(`together-${index}`, 'x'), refuse] : [set(`together-${index}`, 'x')],
        ),
      ),
    );
    expect(results.filter((result) => result.ok)).toHaveLength(40);
    expect(await core.store.facts.value('together-0')).toBeNull();
    expect(await core.store.facts.value('together-1')).toBe('x');
    expect(await core.store.facts.value('together-59')).toBe('x');
  });

  test('a broken constraint is a conflict, undoes its own commit and no other', async () => {
    const broken: Change = { sql: "INSERT INTO facts (name, value) VALUES ('twice', 'b')", params: [] };
    await core.store.commit([set('twice', 'a')]);
    const [first, second] = await Promise.allSettled([
      core.store.commit([set('beside-conflict', '1'), broken]),
      core.store.commit([set('neighbour', '1')]),
    ]);
    expect(first.status === 'rejected' && first.reason).toBeInstanceOf(StoreConflictError);
    expect(second.status).toBe('fulfilled');
    expect(await core.store.facts.value('beside-conflict')).toBeNull();
    expect(await core.store.facts.value('neighbour')).toBe('1');
  });

  test('of many that state the same fact at once, one does', async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) => core.store.commit([stateFact('first', String(index))])),
    );
    expect(results.filter((result) => result.ok)).toHaveLength(1);
  });

  test('the rows of every change come back in their order', async () => {
    const select = (value: string): Change => ({
      sql: `INSERT INTO facts (name, value) VALUES ($1, $1) RETURNING value`,
      params: [value],
    });
    const committed = await core.store.commit([select('row-1'), set('row-2', 'x'), select('row-3')]);
    expect(committed.ok && committed.rows.map((rows) => rows[0]?.value ?? null)).toEqual([
      'row-1',
      null,
      'row-3',
    ]);
  });

  test('the database tells its time, and nothing makes its commits less than durable', async () => {
    expect(Math.abs((await core.store.time()) - Date.now())).toBeLessThan(5000);
    expect(await core.store.durabilityWeaknesses()).toEqual([]);
  });
}
