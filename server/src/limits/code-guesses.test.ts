import { expect, test } from 'vitest';
import { isGuessableCode, keyspaceOf } from './code-guesses.ts';

test.each([
  ['', 1],
  ['1234', 10 ** 4],
  ['12-34', 10 ** 4],
  ['00ff', 16 ** 4],
  ['00FF', 16 ** 4],
  ['word', 26 ** 4],
  ['WORD', 26 ** 4],
  ['Word', 52 ** 4],
  ['K7WQ', 36 ** 4],
  ['k7WQ', 62 ** 4],
  ['größe', 26 ** 5],
  ['0123456789abcdef', 2 ** 64],
])('there could be no more codes like %j than its letters and digits make', (code, keyspace) => {
  expect(keyspaceOf(code)).toBe(keyspace);
});

test('how long a code has to be goes by the limit of guesses', () => {
  const nine = 'K7WQ2M9XT';
  expect(isGuessableCode(nine, 100, { count: 1000, seconds: 3600 })).toBe(false);
  expect(isGuessableCode(nine, 100, { count: 100_000, seconds: 3600 })).toBe(true);
  expect(isGuessableCode('K7WQ2M', 1, { count: 1000, seconds: 3600 })).toBe(true);
  expect(isGuessableCode('K7WQ2M', 1, { count: 1, seconds: 86_400 })).toBe(false);
});
