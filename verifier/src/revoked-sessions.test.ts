import { describe, expect, test } from 'vitest';
import { RevokedSessions } from './revoked-sessions.ts';

describe('revoked sessions', () => {
  test('refuse what was issued before, and take what was issued after', () => {
    const sessions = new RevokedSessions(10, 100);
    sessions.add('a', 1000);
    expect([999, 1000, 1001].map((at) => sessions.judge('a', at))).toEqual([
      'revoked',
      'revoked',
      'standing',
    ]);
    expect(sessions.judge('b', 999)).toBe('standing');
  });

  test('keep the latest revocation, in whatever order they are told', () => {
    const sessions = new RevokedSessions(10, 100);
    for (const at of [1000, 1020, 1010]) sessions.add('a', at);
    expect(sessions.judge('a', 1020)).toBe('revoked');
    expect(sessions.size).toBe(1);
  });

  test('are forgotten when no token of theirs can be in time any more, and not before', () => {
    const sessions = new RevokedSessions(10, 100);
    for (const [index, name] of ['a', 'b', 'c'].entries()) sessions.add(name, 1000 + index);
    sessions.dropExpired(1099);
    expect(sessions.size).toBe(3);
    sessions.dropExpired(1101);
    expect(['a', 'b', 'c'].map((name) => sessions.judge(name, 900))).toEqual([
      'standing',
      'standing',
      'revoked',
    ]);
  });

  test('are forgotten behind one that was revoked again', () => {
    const sessions = new RevokedSessions(10, 100);
    for (const [name, at] of [
      ['a', 1000],
      ['b', 1001],
      ['a', 1050],
    ] as const)
      sessions.add(name, at);
    sessions.dropExpired(1102);
    expect(sessions.size).toBe(1);
    expect(sessions.judge('a', 1050)).toBe('revoked');
  });

  test('have a bound, beyond which nothing is known of old tokens', () => {
    const sessions = new RevokedSessions(2, 100);
    for (const [index, name] of ['a', 'b', 'c', 'd'].entries()) sessions.add(name, 1000 + index);
    expect(sessions.size).toBe(2);
    expect(sessions.judge('a', 1000)).toBe('unknown');
    expect(sessions.judge('never heard of', 1001)).toBe('unknown');
    expect(sessions.judge('never heard of', 1002)).toBe('standing');
    expect(['c', 'd'].map((name) => sessions.judge(name, 1000))).toEqual(['revoked', 'revoked']);
  });
});
