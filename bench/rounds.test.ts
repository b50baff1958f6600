import { expect, test } from 'vitest';
import { alternate, isNoisy, spread } from './rounds.ts';

test('the spread is a part of the middle value', () => {
  expect(spread([90, 100, 110])).toBeCloseTo(0.2);
  expect(spread([100])).toBe(0);
});

test.each([
  { values: [100, 104, 110], count: 3, noisy: false },
  { values: [100, 104, 130], count: 3, noisy: true },
  { values: [100, 104, 130, 106], count: 3, noisy: false },
  { values: [Number.NaN, 100, 100], count: 3, noisy: true },
  { values: [0, 0, 0], count: 3, noisy: true },
])('$count of $values are noisy: $noisy', ({ values, count, noisy }) => {
  expect(isNoisy(values, count)).toBe(noisy);
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

test('only those that are noisy have more rounds, beside the first, and only until they are not', async () => {
  const floor = [500, 501, 502, 503];
  const { results } = await turnsOf({ floor, calm: [100, 101, 102], noisy: [100, 200, 101, 102, 103] }, 5);
  expect(results).toEqual([floor, [100, 101, 102], [100, 200, 101, 102]]);
});

test('there is an end to more rounds', async () => {
  const { results } = await turnsOf({ wild: [1, 2, 4, 8, 16, 32, 64] }, 2);
  expect(results).toEqual([[1, 2, 4, 8, 16]]);
});
