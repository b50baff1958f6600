import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import type { ENGINES } from '../../testing/engines.ts';
import { removeIdleAttempts } from './clean-up.ts';
import {
  type AttemptLimit,
  countAttempt,
  failAttempt,
  forgiveAttempts,
  passAttempt,
  releaseAttempt,
} from './count-attempt.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const LEASE_MILLISECONDS = 30 * SECOND;
const LIMIT: AttemptLimit = { maxFailures: 5, waitSeconds: 30, lockAfter: null, forgets: true };

/** The one way to count what may fail. Time is given with each call, so the suite moves it as it likes. */
export function countAttemptSuite(engine: (typeof ENGINES)[number]): void {
  let core: TestCore;
  let key = '';
  let keys = 0;
  beforeAll(async () => {
    core = await openTestCore(engine);
  });
  afterAll(() => core.close());
  beforeEach(() => {
    keys += 1;
    key = `key-${keys}`;
  });

  const begin = async (now: number, limit = LIMIT) =>
    (await core.store.commit([countAttempt(key, limit, now, LEASE_MILLISECONDS)])).ok;
  const fail = (now: number, limit = LIMIT) => core.store.commit([failAttempt(key, limit, now)]);
  const release = () => core.store.commit([releaseAttempt(key)]);
  const state = async () => {
    const found = await core.store.attempts.state(key);
    if (!found) throw new Error('nothing was counted');
    return found;
  };
  /** Begins and fails that many attempts, one after the other. */
  async function failTimes(times: number, now: number, limit = LIMIT): Promise<void> {
    for (let each = 0; each < times; each += 1) {
      expect(await begin(now, limit)).toBe(true);
      await fail(now, limit);
    }
  }

  test('of two hundred at once, as many begin as may fail', async () => {
    const begun = await Promise.all(Array.from({ length: 200 }, () => begin(1 * HOUR)));
    expect(begun.filter(Boolean)).toHaveLength(LIMIT.maxFailures);
    expect((await state()).inFlight).toBe(LIMIT.maxFailures);
  });

  test('an attempt that was right gives its place back', async () => {
    await Promise.all(Array.from({ length: 5 }, () => begin(1 * HOUR)));
    expect(await begin(1 * HOUR)).toBe(false);
    await release();
    expect(await begin(1 * HOUR)).toBe(true);
  });

  test('the wait begins with the last failure that is allowed, doubles, and never passes an hour', async () => {
    let now = 10 * HOUR;
    await failTimes(5, now);
    for (const seconds of [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]) {
      expect((await state()).blockedUntil).toBe(now + seconds * SECOND);
      expect(await begin(now + seconds * SECOND - 1)).toBe(false);
      now += seconds * SECOND;
      expect(await begin(now)).toBe(true);
      await fail(now);
    }
  });

  test('after a wait one attempt begins at a time', async () => {
    const now = 10 * HOUR;
    await failTimes(5, now);
    const begun = await Promise.all(Array.from({ length: 20 }, () => begin(now + 30 * SECOND)));
    expect(begun.filter(Boolean)).toHaveLength(1);
  });

  test('a place that nobody gives back is free again after its lease', async () => {
    const now = 10 * HOUR;
    await Promise.all(Array.from({ length: 5 }, () => begin(now)));
    expect(await begin(now + 29 * SECOND)).toBe(false);
    expect(await begin(now + 30 * SECOND)).toBe(true);
    expect((await state()).inFlight).toBe(1);
  });

  test('failures are forgotten after a day, where the limit says so', async () => {
    const now = 10 * HOUR;
    await failTimes(4, now);
    expect(await begin(now + 25 * HOUR)).toBe(true);
    expect((await state()).failures).toBe(0);

    keys += 1;
    key = `key-${keys}`;
    const strict = { ...LIMIT, forgets: false };
    await failTimes(4, now, strict);
    expect(await begin(now + 25 * HOUR, strict)).toBe(true);
    expect((await state()).failures).toBe(4);
  });

  test('forgiving ends the wait and the lock, and leaves those in flight in their places', async () => {
    const now = 10 * HOUR;
    await failTimes(4, now);
    await begin(now);
    await core.store.commit([forgiveAttempts(key)]);
    expect(await state()).toMatchObject({
      failures: 0,
      streak: 0,
      blockedUntil: 0,
      lockedUntil: 0,
      inFlight: 1,
    });
  });

  test('releasing what was never begun changes nothing', async () => {
    await begin(1 * HOUR);
    await release();
    await release();
    expect((await state()).inFlight).toBe(0);
  });

  describe('with a lock', () => {
    const locking: AttemptLimit = { ...LIMIT, maxFailures: 10, lockAfter: 3 };

    test('the third failure in a row locks for an hour', async () => {
      const now = 10 * HOUR;
      await failTimes(3, now, locking);
      expect((await state()).lockedUntil).toBe(now + HOUR);
    });

    test('a right one ends the row, and neither what failed nor a lock', async () => {
      const now = 10 * HOUR;
      const pass = () => core.store.commit([passAttempt(key)]);
      await failTimes(2, now, locking);
      expect(await begin(now, locking)).toBe(true);
      await pass();
      expect(await state()).toMatchObject({ failures: 2, streak: 0, inFlight: 0, lockedUntil: 0 });
      await failTimes(3, now, locking);
      await pass();
      expect(await state()).toMatchObject({ failures: 5, streak: 3, inFlight: 0, lockedUntil: now + HOUR });
    });

    test('of two hundred at once, three begin', async () => {
      const begun = await Promise.all(Array.from({ length: 200 }, () => begin(1 * HOUR, locking)));
      expect(begun.filter(Boolean)).toHaveLength(3);
    });

    test('attempts on a locked key go on to count as failures, up to the same wait as without a lock', async () => {
      const now = 10 * HOUR;
      await failTimes(10, now, locking);
      const after = await state();
      expect(after).toMatchObject({
        failures: 10,
        streak: 3,
        lockedUntil: now + HOUR,
        blockedUntil: now + 30 * SECOND,
      });
      expect(await begin(now, locking)).toBe(false);
    });

    test('when it has ended, the count in a row begins anew', async () => {
      const now = 10 * HOUR;
      await failTimes(3, now, locking);
      await failTimes(2, now + HOUR, locking);
      expect(await state()).toMatchObject({ streak: 2, lockedUntil: 0 });
      await failTimes(1, now + HOUR, locking);
      expect(await state()).toMatchObject({ streak: 3, lockedUntil: now + 2 * HOUR });
    });
  });

  type Act = 'begin' | 'fail' | 'release' | 'wait';
  interface History {
    readonly limit: AttemptLimit;
    now: number;
    inFlight: number;
  }

  /** Does one thing, and checks what must be true of it. */
  async function act(history: History, what: Act, seconds: number): Promise<void> {
    if (what === 'wait') history.now += seconds * SECOND;
    else if (what === 'begin') await beginAndCheck(history);
    else if (history.inFlight > 0) {
      await (what === 'fail' ? fail(history.now, history.limit) : release());
      history.inFlight -= 1;
    }
  }

  async function beginAndCheck(history: History): Promise<void> {
    const before = await core.store.attempts.state(key);
    if (!(await begin(history.now, history.limit))) return;
    expect(before === null || before.blockedUntil <= history.now).toBe(true);
    const { inFlight, failures } = await state();
    expect(inFlight).toBeLessThanOrEqual(Math.max(1, history.limit.maxFailures - failures));
    history.inFlight = inFlight;
  }

  test('whatever the history, no more are in flight than may fail, and a waiting key lets nobody begin', async () => {
    const acts = fc.array(
      fc.tuple(fc.constantFrom<Act>('begin', 'fail', 'release', 'wait'), fc.integer({ min: 0, max: 4000 })),
      {
        maxLength: 25,
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), acts, async (maxFailures, steps) => {
        keys += 1;
        key = `key-${keys}`;
        const history: History = { limit: { ...LIMIT, maxFailures }, now: 100 * HOUR, inFlight: 0 };
        for (const [what, seconds] of steps) await act(history, what, seconds);
      }),
      { numRuns: engine === 'sqlite' ? 40 : 15 },
    );
  });

  test('a clean-up forgets wrong passwords after a week, and wrong codes never', async () => {
    const codes = `factor:${key}`;
    await begin(0);
    await fail(0);
    await core.store.commit([
      countAttempt(codes, { ...LIMIT, forgets: false }, 0, LEASE_MILLISECONDS),
      failAttempt(codes, { ...LIMIT, forgets: false }, 0),
    ]);
    await core.store.commit([removeIdleAttempts(6 * 24 * HOUR, '', null)]);
    expect(await core.store.attempts.state(key)).toMatchObject({ failures: 1 });
    await core.store.commit([removeIdleAttempts(8 * 24 * HOUR, '', null)]);
    expect(await core.store.attempts.state(key)).toBeNull();
    expect(await core.store.attempts.state(codes)).toMatchObject({ failures: 1 });
  });
}
