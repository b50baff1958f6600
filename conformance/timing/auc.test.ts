import { describe, expect, test } from 'vitest';
import { auc, aucInterval, isOutside, outsideInAll } from './auc.ts';

/** Numbers that look random and are the same every time. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const sample = (random: () => number, shift: number) =>
  Array.from({ length: 400 }, () => random() * 10 + shift);

describe('the AUC', () => {
  test('is what counting every pair gives', () => {
    const random = numbers(1);
    const [first, second] = [0, 0.5].map((shift) =>
      Array.from({ length: 60 }, () => Math.round(random() * 12 + shift)),
    ) as [number[], number[]];
    let wins = 0;
    for (const a of first) for (const b of second) wins += a > b ? 1 : a === b ? 0.5 : 0;
    expect(auc(first, second)).toBeCloseTo(wins / (60 * 60), 12);
    expect(auc(first, second) + auc(second, first)).toBeCloseTo(1, 12);
  });

  test('is a half for what is the same, and an end of the scale for what never overlaps', () => {
    expect(auc([1, 2, 3], [1, 2, 3])).toBe(0.5);
    expect(auc([4, 5], [1, 2, 3])).toBe(1);
    expect(auc([0], [1, 2, 3])).toBe(0);
  });

  test('is outside for a shift by a tenth of the spread, and not for times of one kind', () => {
    const random = numbers(2);
    const outside = (shift: number, many: number) => {
      const [first, second] = [sample(random, shift).slice(0, many), sample(random, 0).slice(0, many)];
      const interval = aucInterval(first, second, random);
      return isOutside({ between: '', auc: auc(first, second), interval });
    };
    expect(outside(0, 400)).toBe(false);
    expect(outside(1, 400)).toBe(true);
    // A few values tell nothing of so little.
    expect(outside(1, 8)).toBe(false);
  });

  test('lies in its interval, which is narrow for many values and wide for few', () => {
    const random = numbers(3);
    const [first, second] = [sample(random, 0.5), sample(random, 0)];
    const [low, high] = aucInterval(first, second, random);
    expect(low).toBeLessThan(auc(first, second));
    expect(high).toBeGreaterThan(auc(first, second));
    expect(high - low).toBeLessThan(0.1);
    const [lowOfFew, highOfFew] = aucInterval(first.slice(0, 20), second.slice(0, 20), random);
    expect(highOfFew - lowOfFew).toBeGreaterThan(high - low);
  });
});

test('what is outside in every run counts, what was so by chance does not', () => {
  const pair = (between: string, value: number) => ({
    between,
    auc: value,
    interval: [value - 0.03, value + 0.03] as const,
  });
  const run = (a: number, b: number) => [pair('a', a), pair('b', b)];
  expect(outsideInAll([run(0.56, 0.5)])).toEqual(['a']);
  expect(outsideInAll([run(0.56, 0.44), run(0.5, 0.4), run(0.6, 0.44)])).toEqual(['b']);
  expect(outsideInAll([run(0.56, 0.5), run(0.5, 0.5)])).toEqual([]);
});
