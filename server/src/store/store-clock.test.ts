import { beforeEach, describe, expect, test } from 'vitest';
import { openStoreClock } from './store-clock.ts';

describe('RL-6: the clock of a store', () => {
  const START = 1_700_000_000_000;
  let machine: { wall: number; steady: number };
  let database: { ahead: number; way: number; looks: number; isAway: boolean };
  beforeEach(() => {
    machine = { wall: START + 60_000, steady: 5 };
    database = { ahead: 0, way: 0, looks: 0, isAway: false };
  });

  const pass = (milliseconds: number) => {
    machine.wall += milliseconds;
    machine.steady += milliseconds;
  };
  const trueTime = () => START + machine.steady - 5;
  const open = () =>
    openStoreClock(
      async () => {
        database.looks += 1;
        if (database.isAway) throw new Error('away');
        pass(database.way);
        const told = trueTime() + database.ahead;
        pass(database.way);
        return told;
      },
      { now: () => machine.wall, steadyNow: () => machine.steady },
    );
  /** Asks for the time, and lets a look that it caused come to its end. */
  const ask = async (clock: Awaited<ReturnType<typeof open>>) => {
    const now = clock.now();
    await new Promise(setImmediate);
    return now;
  };

  test('has the time of the database, whatever the machine says', async () => {
    const clock = await open();
    expect(clock.now()).toBe(START);
    pass(1500);
    expect(clock.now()).toBe(START + 1500);
  });

  test('takes the way there and back into account', async () => {
    database.way = 300;
    const clock = await open();
    expect(clock.now()).toBe(trueTime());
  });

  test('is not moved by a machine whose clock is set', async () => {
    const clock = await open();
    machine.wall -= 3_600_000;
    pass(100);
    expect(clock.now()).toBe(START + 100);
  });

  test('looks again from time to time, and follows the database', async () => {
    const clock = await open();
    database.ahead = 2000;
    pass(9000);
    await ask(clock);
    expect(database.looks).toBe(1);
    pass(1001);
    await ask(clock);
    expect(database.looks).toBe(2);
    expect(clock.now()).toBe(trueTime() + 2000);
  });

  test('is not moved by what a slow answer may be wrong by', async () => {
    const clock = await open();
    pass(10_001);
    [database.ahead, database.way] = [-90, 100];
    await ask(clock);
    expect(database.looks).toBe(2);
    expect(clock.now()).toBe(trueTime());
  });

  test('looks sooner when the machine has slept: its steady clock has not gone on', async () => {
    const clock = await open();
    machine.wall += 600_000;
    database.ahead = 600_000;
    pass(501);
    await ask(clock);
    expect(clock.now()).toBe(trueTime() + 600_000);
  });

  test('goes on while the database does not answer, and looks again when it may be back', async () => {
    const clock = await open();
    database.isAway = true;
    pass(10_001);
    expect(await ask(clock)).toBe(trueTime());
    expect(database.looks).toBe(2);
    [database.isAway, database.ahead] = [false, 5000];
    pass(10_001);
    await ask(clock);
    expect(clock.now()).toBe(trueTime() + 5000);
  });

  test('is not opened without the database', async () => {
    database.isAway = true;
    await expect(open()).rejects.toThrow('away');
  });
});
