import { describe, expect, test } from 'vitest';
import { RememberedTokens } from './remembered-tokens.ts';

const GENERATION = 10_000;
const tokenOf = (number: number) => `header.payload${number}.${String(number).padStart(86, 's')}`;

describe('tokens that were seen', () => {
  test('are known by all of their bytes', () => {
    const remembered = new RememberedTokens<string>();
    remembered.set(tokenOf(1), 'one');
    expect(remembered.get(tokenOf(1))).toBe('one');
    expect(remembered.get(tokenOf(2))).toBeUndefined();
    // The signature of another token's.
    expect(remembered.get(tokenOf(1).replace('payload', 'forgery'))).toBeUndefined();
    expect(remembered.get(`x${tokenOf(1)}`)).toBeUndefined();
    expect(remembered.get(tokenOf(1).slice(1))).toBeUndefined();
    expect(remembered.get('')).toBeUndefined();
  });

  test('are known by all of their bytes also when they are old', () => {
    const remembered = new RememberedTokens<number>();
    for (let number = 0; number <= GENERATION; number += 1) remembered.set(tokenOf(number), number);
    expect(remembered.get(tokenOf(0).replace('payload', 'forgery'))).toBeUndefined();
    expect(remembered.get(tokenOf(0))).toBe(0);
  });

  test('are ten thousand in a generation, and no more', () => {
    const rememberedOf = (count: number) => {
      const remembered = new RememberedTokens<number>();
      for (let number = 0; number < count; number += 1) remembered.set(tokenOf(number), number);
      return remembered.get(tokenOf(0));
    };
    expect(rememberedOf(2 * GENERATION)).toBe(0);
    expect(rememberedOf(2 * GENERATION + 1)).toBeUndefined();
  });

  test('are forgotten when two generations have come after them, unless they are asked for', () => {
    const remembered = new RememberedTokens<number>();
    for (let number = 0; number < 3 * GENERATION; number += 1) {
      remembered.set(tokenOf(number), number);
      expect(remembered.get(tokenOf(0))).toBe(0);
    }
    expect(remembered.get(tokenOf(1))).toBeUndefined();
    expect(remembered.get(tokenOf(3 * GENERATION - 1))).toBe(3 * GENERATION - 1);
    const known = Array.from({ length: 3 * GENERATION }, (_, number) => number).filter(
      (number) => remembered.get(tokenOf(number)) !== undefined,
    );
    expect(known.length).toBeGreaterThan(GENERATION / 2);
    expect(known.length).toBeLessThanOrEqual(2 * GENERATION);
  });
});
