import { expect, test } from 'vitest';
import { alternate, isNoisy, spread } from './rounds.ts';

test('the spread is a part of the middle value', () => {
  expect(spread([90, 100, 110])).toBeCloseTo(0.2);
  expect(spread([100])).toBe(0);
});

test.each([
  { values: [100, 104, 110], noisy: false },
  { values: [100, 104, 130], noisy: true },
  { values: [100, 104, 130, 106, 105, 103], noisy: true },
  { values: [Number.NaN, 100, 100], noisy: true },
  { values: [0, 0, 0], noisy: true },
])('$values are noisy: $noisy, whatever most of them agree on', ({ values, noisy }) => {
  expect(isNoisy(values)).toBe(noisy);
});

/** Takes turns over given values, and tells in which order. */
async function turnsOf(values: Readonly<Record<string, readonly number[]>>, extraRounds: number) {
  const order: string[] = [];
  const turns = Object.entries(values).map(([name, rounds]) => {
    const left = [...rounds];
    return {
      name,
      round: async () => {
        order.push(name);
        return left.shift() ?? Number.NaN;
      },
    };
  });
  return { results: await alternate(turns, { rounds: 3, extraRounds }, (value) => value), order };
}

test('who comes first in one round comes last in the next', async () => {
  const { order, results } = await turnsOf({ a: [1, 1, 1], b: [2, 2, 2] }, 2);
  expect(order).toEqual(['a', 'b', 'b', 'a', 'a', 'b']);
  expect(results).toEqual([
    [1, 1, 1],
    [2, 2, 2],
  ]);
});

test('where one is noisy all have more rounds, in turns, and every round counts', async () => {
  const floor = [500, 501, 502, 503, 504];
  const calm = [100, 101, 102, 103, 104];
  const noisy = [100, 200, 101, 102, 103];
  const { results, order } = await turnsOf({ floor, calm, noisy }, 2);
  expect(results).toEqual([floor, calm, noisy]);
  expect(order.slice(9)).toEqual(['noisy', 'calm', 'floor', 'floor', 'calm', 'noisy']);
});

test('there is an end to more rounds', async () => {
  const { results } = await turnsOf({ wild: [1, 2, 4, 8, 16, 32, 64] }, 2);
  expect(results).toEqual([[1, 2, 4, 8, 16]]);
});
