import { expect, test } from 'vitest';
import { diskFigures } from './store-and-memory.ts';

const before = new Map([['x', { bytes: 1_000_000, sessions: 2 }]]);
const figures = (sessions: number) =>
  diskFigures(before, new Map([['x', { bytes: 1_050_000, sessions }]]), 1000).map(
    ({ measure, size, value }) => ({
      measure,
      size,
      value,
    }),
  );
const account = { measure: 'disk-account', size: 1000, value: 1000 };

test('a store is divided by its accounts, and its growth by its sign-ins', () => {
  expect(figures(102)).toEqual([account, { measure: 'disk-session', size: 100, value: 500 }]);
});

test('few sign-ins tell nothing of themselves, and the accounts are there all the same', () => {
  expect(figures(12)).toEqual([account]);
});
