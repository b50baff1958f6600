import { describe, expect, test } from 'vitest';
import { memoryStorage } from '../testing/storage.ts';
import { memoryStore, webStore } from './index.ts';

const TOKENS = { accessToken: 'a', refreshToken: 'r', receivedAt: 1 };

describe.each([
  ['memory', () => memoryStore()],
  ['web storage', () => webStore(memoryStorage())],
])('a store in %s', (_where, make) => {
  test('keeps tokens until they are cleared', async () => {
    const store = make();
    expect(await store.get()).toBeNull();
    await store.set(TOKENS);
    expect(await store.get()).toEqual(TOKENS);
    await store.set({ ...TOKENS, refreshToken: null });
    expect(await store.get()).toEqual({ ...TOKENS, refreshToken: null });
    await store.clear();
    expect(await store.get()).toBeNull();
  });
});

test('stores under two keys are two', async () => {
  const storage = memoryStorage();
  const [one, other] = [webStore(storage), webStore(storage, 'other')];
  await one.set(TOKENS);
  expect(await other.get()).toBeNull();
  expect(one.lockName).not.toBe(other.lockName);
  expect(memoryStore().lockName).toBeNull();
});

test.each([
  'not JSON',
  'null',
  '5',
  '[]',
  '{"accessToken":1,"refreshToken":"r","receivedAt":1}',
  '{"accessToken":"a","receivedAt":1}',
  '{"accessToken":"a","refreshToken":"r"}',
])('what is no tokens is taken for none: %s', async (text) => {
  const storage = memoryStorage();
  storage.setItem('latchkey', text);
  expect(await webStore(storage).get()).toBeNull();
});
