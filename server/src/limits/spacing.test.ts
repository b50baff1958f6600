import { describe, expect, test } from 'vitest';
import { frozenClock } from '../../testing/ports.ts';
import { Spacing } from './spacing.ts';

describe('what is spaced out by a minute', () => {
  test('may be done once a minute for each key, and is forgotten after that', () => {
    const clock = frozenClock();
    const spacing = new Spacing(clock, 60_000);
    expect([spacing.take('a'), spacing.take('a')]).toEqual([true, false]);
    clock.advance(30);
    expect([spacing.take('b'), spacing.take('a'), spacing.take('b')]).toEqual([true, false, false]);
    clock.advance(30);
    expect([spacing.take('a'), spacing.take('b'), spacing.take('a')]).toEqual([true, false, false]);
    expect(spacing.size).toBe(2);
    clock.advance(60);
    expect(spacing.take('c')).toBe(true);
    expect(spacing.size).toBe(1);
  });

  test('is held up by no clock that is set back', () => {
    const clock = frozenClock();
    const spacing = new Spacing(clock, 60_000);
    spacing.take('a');
    clock.advance(-3600);
    expect([spacing.take('a'), spacing.take('a')]).toEqual([true, false]);
  });
});
