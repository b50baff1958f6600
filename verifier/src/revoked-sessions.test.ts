import { describe, expect, test } from 'vitest';
import { RevokedSessions } from './revoked-sessions.ts';

/** How much later than its revocation a token may say that it was issued, with clocks that are apart. */
const APART = 10;

const ended = (sessionId: string, revokedAt: number) => ({ sessionId, revokedAt, issuedUntil: null });

describe('revoked sessions', () => {
  test('that have ended refuse every token, whatever time it is of', () => {
    const sessions = new RevokedSessions(10, 100);
    sessions.add(ended('a', 1000));
    expect([999, 1000, 1001, 5000].map((at) => sessions.judge('a', at))).toEqual(
      new Array(4).fill('revoked'),
    );
    expect(sessions.judge('b', 999)).toBe('standing');
  });

  test('that go on refuse what was issued before, and take what was issued after', () => {
    const sessions = new RevokedSessions(10, 100);
    sessions.add({ sessionId: 'a', revokedAt: 1000, issuedUntil: 1002 });
    expect([999, 1002, 1003].map((at) => sessions.judge('a', at))).toEqual([
      'revoked',
      'revoked',
      'standing',
    ]);
    sessions.add(ended('a', 1010));
    sessions.add({ sessionId: 'a', revokedAt: 1020, issuedUntil: 1022 });
    expect(sessions.judge('a', 1050)).toBe('revoked');
  });

  test('keep the latest revocation, in whatever order they are told', () => {
    const sessions = new RevokedSessions(10, 100);
    for (const at of [1000, 1020, 1010]) sessions.add({ sessionId: 'a', revokedAt: at, issuedUntil: at });
    expect(sessions.judge('a', 1020)).toBe('revoked');
    expect(sessions.judge('a', 1021)).toBe('standing');
    expect(sessions.size).toBe(1);
  });

  test('are forgotten when no token of theirs can be in time any more, and not before', () => {
    const sessions = new RevokedSessions(10, 100);
    for (const [index, name] of ['a', 'b', 'c'].entries()) sessions.add(ended(name, 1000 + index));
    sessions.dropExpired(1099 + APART);
    expect(sessions.size).toBe(3);
    sessions.dropExpired(1101 + APART);
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
      sessions.add(ended(name, at));
    sessions.dropExpired(1102 + APART);
    expect(sessions.size).toBe(1);
    expect(sessions.judge('a', 1050)).toBe('revoked');
  });

  test('have a bound, beyond which nothing is known of old tokens', () => {
    const sessions = new RevokedSessions(2, 100);
    for (const [index, name] of ['a', 'b', 'c', 'd'].entries()) sessions.add(ended(name, 1000 + index));
    expect(sessions.size).toBe(2);
    expect(sessions.judge('a', 1000)).toBe('unknown');
    expect(sessions.judge('never heard of', 1001 + APART)).toBe('unknown');
    expect(sessions.judge('never heard of', 1002 + APART)).toBe('standing');
    expect(['c', 'd'].map((name) => sessions.judge(name, 1000))).toEqual(['revoked', 'revoked']);
  });
});
