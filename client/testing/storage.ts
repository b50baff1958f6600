import type { WebStorage } from '../src/token-store.ts';

/** Like `localStorage`, for one tab. */
export function memoryStorage(): WebStorage {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

/** Like `localStorage` in two tabs: what one writes reaches the other later. */
export function laggingStorage(milliseconds: number): readonly [WebStorage, WebStorage] {
  const tabs = [memoryStorage(), memoryStorage()] as const;
  const seenFrom = (own: WebStorage, other: WebStorage): WebStorage => ({
    getItem: own.getItem,
    setItem(key, value) {
      own.setItem(key, value);
      setTimeout(() => other.setItem(key, value), milliseconds);
    },
    removeItem(key) {
      own.removeItem(key);
      setTimeout(() => other.removeItem(key), milliseconds);
    },
  });
  return [seenFrom(tabs[0], tabs[1]), seenFrom(tabs[1], tabs[0])];
}
