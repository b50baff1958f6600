import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import type { ENGINES } from '../../testing/engines.ts';
import { removeExpired } from './clean-up.ts';
import { countSending, countSent, countWithheld, type SendingBudget } from './sending-budget.ts';

const HOUR = 3_600_000;
const KEEP = { keepSeconds: 7 * 24 * 3600, revocationSeconds: 0 };

/** The one way to count what is sent. Time is given with each call, so the suite moves it as it likes. */
export function sendingBudgetSuite(engine: (typeof ENGINES)[number]): void {
  let core: TestCore;
  let keys = 0;
  let one: SendingBudget;
  let wide: SendingBudget;
  beforeAll(async () => {
    core = await openTestCore(engine);
  });
  afterAll(() => core.close());
  beforeEach(() => {
    keys += 1;
    one = { limitName: 'address', key: `address-${keys}`, limit: 5, windowSeconds: 3600 };
    wide = { limitName: 'day', key: `day-${keys}`, limit: 8, windowSeconds: 24 * 3600 };
  });
  const send = (now: number, budgets: readonly SendingBudget[] = [one]) =>
    core.store.commit(budgets.map((budget) => countSending(budget, now)));

  test('of two hundred at once, as many are sent as there is room for', async () => {
    const counted = await Promise.all(Array.from({ length: 200 }, () => send(1 * HOUR)));
    expect(counted.filter(({ ok }) => ok)).toHaveLength(5);
    expect(counted.find(({ ok }) => !ok)).toEqual({ ok: false, guard: 'address' });
  });

  test('the window begins with the first message and ends by itself', async () => {
    for (let each = 0; each < 5; each += 1) expect((await send(1 * HOUR + each)).ok).toBe(true);
    expect((await send(2 * HOUR - 1)).ok).toBe(false);
    expect((await send(2 * HOUR)).ok).toBe(true);
    for (let each = 0; each < 4; each += 1) expect((await send(2 * HOUR + 1)).ok).toBe(true);
    expect((await send(2 * HOUR + 1)).ok).toBe(false);
  });

  test('a message that one budget refuses is counted in none', async () => {
    const other = { ...one, key: `${one.key}-other` };
    for (let each = 0; each < 20; each += 1) await send(1 * HOUR, [one, wide]);
    // Five of eight were sent: three are left, for whoever else.
    for (let each = 0; each < 3; each += 1) expect((await send(1 * HOUR, [other, wide])).ok).toBe(true);
    expect(await send(1 * HOUR, [other, wide])).toEqual({ ok: false, guard: 'day' });
    expect(await send(1 * HOUR, [one, wide])).toEqual({ ok: false, guard: 'address' });
    expect((await send(1 * HOUR, [other])).ok).toBe(true);
  });

  test('what is counted with its message is never refused, and is read until the window ends', async () => {
    const sent = (now: number) => core.store.sendingBudgets.window(one.key, now);
    expect(await sent(1 * HOUR)).toBeNull();
    for (let each = 0; each < 7; each += 1) await core.store.commit([countSent(one.key, 3600, 1 * HOUR)]);
    expect(await sent(2 * HOUR - 1)).toEqual({ sent: 7, endsAt: 2 * HOUR });
    expect(await sent(2 * HOUR)).toBeNull();
    await core.store.commit([countSent(one.key, 3600, 2 * HOUR)]);
    expect(await sent(2 * HOUR)).toEqual({ sent: 1, endsAt: 3 * HOUR });
  });

  test('what was withheld is counted until the window ends', async () => {
    const before = await core.store.sendingBudgets.withheld(1 * HOUR);
    for (let each = 0; each < 5; each += 1) await send(1 * HOUR);
    for (let each = 0; each < 3; each += 1) await core.store.commit([countWithheld(one.key)]);
    expect(await core.store.sendingBudgets.withheld(1 * HOUR)).toBe(before + 3);
    expect(await core.store.sendingBudgets.withheld(2 * HOUR)).toBe(0);
    await send(2 * HOUR);
    expect(await core.store.sendingBudgets.withheld(2 * HOUR)).toBe(0);
  });

  test('clean-up takes what ended a week ago, and nothing that counts', async () => {
    for (let each = 0; each < 5; each += 1) await send(1 * HOUR);
    const cleanUp = (now: number) => core.store.commit(removeExpired(now, KEEP));
    await cleanUp(2 * HOUR - 1);
    expect((await send(2 * HOUR - 1)).ok).toBe(false);
    const committed = await core.store.commit(
      removeExpired(2 * HOUR + 7 * 24 * HOUR + 1, KEEP).filter(({ sql }) => sql.includes('sending_budgets')),
    );
    expect(committed.ok && committed.rows[0]?.length).toBeGreaterThan(0);
  });
}
