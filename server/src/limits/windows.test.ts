import { RateLimiterMemory } from 'rate-limiter-flexible';
import { describe, expect, test } from 'vitest';
import { type Counted, countOf, type SharedCount, Windows } from './windows.ts';

const LIMIT = { count: 3, seconds: 600 };
const LIMITS = { address: LIMIT, asking: LIMIT, organisation: LIMIT, everybody: LIMIT, context: LIMIT };
const OF_ONE: readonly Counted[] = [{ window: 'address', key: '192.0.2.1' }];

/** A count whose additions are made in the order in which they are let go, not in the order in which they were asked for. */
function heldCount() {
  const limiter = new RateLimiterMemory({ points: LIMIT.count, duration: LIMIT.seconds });
  const held: (() => void)[] = [];
  const shared: SharedCount = {
    async get({ key }) {
      const state = await limiter.get(key);
      return state && countOf(state);
    },
    async add({ key }) {
      await new Promise<void>((resolve) => held.push(resolve));
      return countOf(await limiter.penalty(key));
    },
  };
  return { shared, held, forget: () => limiter.delete(OF_ONE[0]?.key ?? '') };
}

/** Lets those that are held go one by one, each once what the one before it set off has been done. */
async function letGo(held: readonly (() => void)[]): Promise<void> {
  for (const release of held) {
    release();
    await new Promise(setImmediate);
  }
}

describe('failures of one address that come at once', () => {
  test.each([
    ['in order', (held: (() => void)[]) => held],
    ['last first', (held: (() => void)[]) => held.toReversed()],
  ])('and are counted %s: as many are told as there may be, no more and no fewer', async (_, order) => {
    const { shared, held } = heldCount();
    const windows = new Windows({ limits: LIMITS, shared });
    const failures = Promise.all(Array.from({ length: 10 }, () => windows.fail(OF_ONE)));
    await new Promise(setImmediate);
    await letGo(order(held));
    expect((await failures).filter((wait) => wait === null)).toHaveLength(LIMIT.count);
    expect(await windows.knownWait(OF_ONE)).toBeGreaterThan(0);
  });

  test('are told of no more often where the shared count has lost its memory', async () => {
    const { shared, held, forget } = heldCount();
    const windows = new Windows({ limits: LIMITS, shared });
    const failures = Promise.all(Array.from({ length: 6 }, () => windows.fail(OF_ONE)));
    await new Promise(setImmediate);
    await letGo(held.slice(0, 3));
    await forget();
    await letGo(held.slice(3));
    expect((await failures).map((wait) => wait === null)).toEqual([true, true, true, false, false, false]);
  });
});
