import { afterAll, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { exported, loadLines, reasons, testStores } from '../../testing/directory.ts';

const { fresh, closeAll } = testStores('sqlite');
afterAll(closeAll);

const account = (createdAt: string) => ({ kind: 'account', id: uuid(1), createdAt });
const resource = (expiresAt: string) => ({ kind: 'resource', context: 'c', code: 'd', expiresAt });

test.each([
  '2024-02-30T10:00:00Z',
  '2024-02-31T10:00:00.000Z',
  '2023-02-29T23:00:00-05:00',
  '2024-04-31T00:00:00Z',
  '2024-13-01T00:00:00Z',
  '2024-00-01T00:00:00Z',
  '2024-01-00T00:00:00Z',
  '2024-01-01T25:00:00Z',
  '9999-12-31T23:59:59-00:01',
  '0000-01-01T00:00:00+00:01',
])('%s is no time that an account was made or a code ends', async (time) => {
  const report = await loadLines([account(time), resource(time)], await fresh());
  expect(reasons(report)).toEqual(['1: createdAt is not a time', '2: expiresAt is not a time']);
});

test.each([
  ['2024-02-29T10:00:00.123Z', '2024-02-29T10:00:00.123Z'],
  ['2024-03-01T00:30:00+01:00', '2024-02-29T23:30:00.000Z'],
  ['0000-02-29T00:00:00Z', '0000-02-29T00:00:00.000Z'],
  ['2024-12-31T23:59:59Z', '2024-12-31T23:59:59.000Z'],
])('%s is one', async (time, written) => {
  const into = await fresh();
  expect(reasons(await loadLines([account(time), resource(time)], into))).toEqual([]);
  expect(await exported(into)).toMatchObject([{ createdAt: written }, { expiresAt: written }]);
});
