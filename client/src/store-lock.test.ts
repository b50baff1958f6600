import { describe, expect, test } from 'vitest';
import { laggingStorage, memoryStorage } from '../testing/storage.ts';
import { StoreLock } from './store-lock.ts';
import { memoryStore, type TokenStore, type Tokens, webStore } from './token-store.ts';

const LAG_MILLISECONDS = 150;

const tokens = (number: number): Tokens => ({
  accessToken: `token-of-somebody-${String(number).padStart(16, '0')}`,
  refreshToken: 'r',
  receivedAt: 0,
});
const numberOf = (kept: Tokens | null) => Number(kept?.accessToken.slice(-16) ?? -1);
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Counts one up, slowly. */
const countUp = (lock: StoreLock) =>
  lock.exclusively(async (kept) => {
    await pause(1);
    await lock.replace(tokens(numberOf(kept) + 1));
  });

async function lockAt(store: TokenStore): Promise<StoreLock> {
  await store.set(tokens(0));
  return new StoreLock(store, store.lockName ?? null);
}

test('one at a time, in the order in which they came', async () => {
  const store = memoryStore();
  const [one, other] = [await lockAt(store), await lockAt(store)];
  await Promise.all(Array.from({ length: 20 }, (_, each) => countUp(each % 2 === 0 ? one : other)));
  expect(numberOf(await store.get())).toBe(20);
});

test('goes on after somebody who failed', async () => {
  const lock = await lockAt(memoryStore());
  const failure = lock.exclusively(() => Promise.reject(new Error('failed')));
  const next = lock.exclusively(async (kept) => numberOf(kept));
  await expect(failure).rejects.toThrow('failed');
  expect(await next).toBe(0);
});

// Node.js has had them since version 24.
describe.skipIf(!('locks' in navigator))('across tabs, whose storage lags behind their locks', () => {
  test('everyone finds what the one before has left', async () => {
    const [here, there] = laggingStorage(LAG_MILLISECONDS);
    const [one, other] = [await lockAt(webStore(here, 'lag')), await lockAt(webStore(there, 'lag'))];
    await pause(LAG_MILLISECONDS * 2);
    for (let round = 0; round < 5; round += 1) await Promise.all([countUp(one), countUp(other)]);
    expect(await one.exclusively(async (kept) => numberOf(kept))).toBe(10);
    expect(await other.exclusively(async (kept) => numberOf(kept))).toBe(10);
  });

  test('everyone finds that the one before has cleared it', async () => {
    const [here, there] = laggingStorage(LAG_MILLISECONDS);
    const [one, other] = [await lockAt(webStore(here, 'gone')), await lockAt(webStore(there, 'gone'))];
    await pause(LAG_MILLISECONDS * 2);
    await one.exclusively(() => one.replace(null));
    expect(await other.exclusively(async (kept) => kept)).toBeNull();
  });

  test('nobody waits for ever for what does not come', async () => {
    const [here, there] = [memoryStorage(), memoryStorage()];
    const [one, other] = [await lockAt(webStore(here, 'lost')), await lockAt(webStore(there, 'lost'))];
    await countUp(one);
    const begun = performance.now();
    expect(await other.exclusively(async (kept) => numberOf(kept))).toBe(0);
    expect(performance.now() - begun).toBeGreaterThan(1500);
    expect(performance.now() - begun).toBeLessThan(4000);
  });
});
