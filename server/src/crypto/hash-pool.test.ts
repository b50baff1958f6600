import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HashPool, type Place, type TurnedAway } from './hash-pool.ts';

const COST = { memoryKib: 64, passes: 1, parallelism: 1 };

// Jobs are handed in without a pause: no thread answers before all of them are in.
describe('a full hash pool', () => {
  let turnedAway: TurnedAway[];
  let pool: HashPool;
  let stored: string;
  beforeEach(async () => {
    turnedAway = [];
    pool = new HashPool({
      threads: 1,
      cost: COST,
      // So long that also on a busy machine, where a hash is taken to cost much, many have a place.
      queueMilliseconds: 30_000,
      onTurnedAway: (why) => turnedAway.push(why),
    });
    stored = String(await pool.hash('right'));
  });
  afterEach(() => pool.close());

  /** Fills the queue with jobs of that source, and no more than go in. */
  const fill = (source: string) => {
    const jobs: ReturnType<HashPool['verify']>[] = [];
    while (pool.overload(source) === null) jobs.push(pool.verify('wrong', stored, source));
    return jobs;
  };

  /** Takes every place that the source gets, and has nothing to hash yet. */
  const reserveAll = (source: string): Place[] => {
    const places: Place[] = [];
    for (let place = pool.reserve(source); !('overloaded' in place); place = pool.reserve(source))
      places.push(place);
    return places;
  };

  test('gives the newest place of whoever has most to whoever has less', async () => {
    const flood = fill('flooder');
    const [waiting, refusals] = [pool.waiting, turnedAway.length];
    expect(pool.overload('person')).toBeNull();
    const person = pool.verify('right', stored, 'person');
    expect(pool.waiting).toBe(waiting);
    expect(turnedAway.slice(refusals)).toEqual(['displaced']);
    const surplus = pool.verify('wrong', stored, 'flooder');
    expect(await surplus).toMatchObject({ overloaded: true, retryAfterSeconds: expect.any(Number) });
    expect(turnedAway.slice(refusals)).toEqual(['displaced', 'queue-full']);

    expect(await person).toBe(true);
    const answers = await Promise.all(flood);
    expect(answers.slice(0, -1)).toEqual(new Array(flood.length - 1).fill(false));
    expect(answers.at(-1)).toMatchObject({ overloaded: true });
  });

  test('serves whoever came last before a flooder’s second batch', async () => {
    const order: string[] = [];
    const flood = fill('flooder').map((job) => job.then(() => order.push('flooder')));
    const person = pool.verify('right', stored, 'person').then(() => order.push('person'));
    await Promise.all([...flood, person]);
    // One batch is with the thread, and the person is in the next one.
    expect(order.indexOf('person')).toBeLessThan(2 * 16);
    expect(order.length).toBeGreaterThan(2 * 16);
  });

  test('is as full of those who have nothing to hash yet', async () => {
    const places = reserveAll('flooder');
    expect(pool.waiting).toBe(0);
    places[0]?.leave();
    places[0]?.leave();
    const [, second, ...others] = places;
    const verdicts = [second?.verify('right', stored), second?.verify('wrong', stored)];
    for (const place of others) place.leave();
    second?.leave();
    const flood = fill('flooder');
    // The first is with the thread, and half done.
    expect(Math.abs(flood.length + verdicts.length - places.length)).toBeLessThanOrEqual(1);
    expect(await Promise.all(verdicts)).toEqual([true, false]);
    expect(await Promise.all(flood)).toEqual(new Array(flood.length).fill(false));
  });

  test('gives whoever has less the place of one that has nothing to hash yet', async () => {
    const places = reserveAll('flooder');
    expect(pool.waiting).toBe(0);
    // With nothing at work, and every place taken.
    const person = pool.reserve('person');
    expect('overloaded' in person).toBe(false);
    expect(pool.reserve('flooder')).toMatchObject({ overloaded: true });
    expect(turnedAway.filter((why) => why === 'displaced')).toEqual([]);

    // Who has lost a place is turned away when it comes to use it and there is none.
    expect(await places.at(-1)?.verify('right', stored)).toMatchObject({ overloaded: true });
    if (!('overloaded' in person)) expect(await person.verify('right', stored)).toBe(true);
    // And gets another where there is one.
    for (const place of places) place.leave();
    expect(await places.at(-1)?.verify('right', stored)).toBe(true);
  });

  test('is shared by halves between two sources that both reserve all they get', () => {
    const first = reserveAll('first');
    const second = reserveAll('second');
    expect(Math.abs(first.length - 2 * second.length)).toBeLessThanOrEqual(3);
    for (const place of [...first, ...second]) place.leave();
    const third = reserveAll('third');
    expect(third.length).toBe(first.length);
    for (const place of third) place.leave();
  });

  test('is shared by halves when two sources want all of it', async () => {
    const first = fill('first');
    const second = fill('second');
    expect(Math.abs(first.length - 2 * second.length)).toBeLessThanOrEqual(3);
    await Promise.all([...first, ...second]);
  });
});

describe('the threads of a hash pool', () => {
  const pool = new HashPool({ threads: 3, cost: COST, queueMilliseconds: 3000 });
  afterAll(() => pool.close());
  const hashes = (count: number) => Promise.all(Array.from({ length: count }, () => pool.hash('right')));

  test('are one until more is wanted than one can do, and then no more than there may be', async () => {
    expect(pool.threads).toBe(0);
    for (let count = 0; count < 3; count += 1) await hashes(1);
    expect(pool.threads).toBe(1);
    await hashes(2);
    expect(pool.threads).toBe(2);
    const all = await hashes(40);
    expect(pool.threads).toBe(3);
    for (const hash of all) expect(hash).toMatch(/^\$argon2id\$/);
  });

  test('end when they have had nothing to do for a while, and are there again for the next job', async () => {
    const resting = new HashPool({ threads: 2, cost: COST, queueMilliseconds: 3000, idleMilliseconds: 50 });
    const stored = String(await resting.hash('right'));
    await Promise.all(Array.from({ length: 4 }, () => resting.hash('right')));
    expect(resting.threads).toBeGreaterThan(0);
    for (const password of ['right', 'wrong']) {
      await expect.poll(() => resting.threads, { timeout: 30_000 }).toBe(0);
      expect(await resting.verify(password, stored)).toBe(password === 'right');
    }
    await resting.close();
  });

  test('stay while they are at work, however long it takes', async () => {
    const busy = new HashPool({
      threads: 1,
      cost: { memoryKib: 65_536, passes: 4, parallelism: 1 },
      queueMilliseconds: 60_000,
      idleMilliseconds: 1,
    });
    const hashes = await Promise.all(Array.from({ length: 4 }, () => busy.hash('right')));
    for (const hash of hashes) expect(hash).toMatch(/^\$argon2id\$/);
    await busy.close();
  });
});
