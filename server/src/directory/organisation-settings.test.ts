import { afterAll, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { loadLines, testStores } from '../../testing/directory.ts';

const stores = testStores('sqlite');
afterAll(stores.closeAll);

test.each([
  ['mfaForStudents', 'true', 1],
  ['mfaForTeachers', 'yes', {}],
  ['requireSecondFactorFor', 'Clerk', [['Clerk']], [null], { 0: 'Clerk', length: 1 }],
  ['allowEmailPin', 'false', 0, []],
  ['maxFailedSignInAttempts', 0, -1, 1.5, '5', true],
  ['passwordWords', 'word', [7]],
] as [string, ...unknown[]][])('MT-6: a rule that binds nobody is told of: %s', async (key, ...values) => {
  const line = (value: unknown, index: number) => ({
    kind: 'organisation',
    id: uuid(30 + index),
    settings: { [key]: value, theme: { of: 'somebody else' } },
  });
  const { created, unheeded } = await loadLines([...values, null].map(line), await stores.fresh());
  expect(created).toBe(values.length + 1);
  expect(unheeded).toEqual(
    values.map((_, index) => ({ source: 'file', lineNumber: index + 1, settings: [`settings.${key}`] })),
  );
});

test('MT-6: rules that bind are not told of, nor is what nobody looks at', async () => {
  const settings = {
    ...{ mfaForStudents: true, mfaForTeachers: false, allowEmailPin: false, theme: 'dark' },
    ...{ requireSecondFactorFor: ['Clerk'], maxFailedSignInAttempts: 1_000_000, passwordWords: ['larch'] },
  };
  const line = { kind: 'organisation', id: uuid(1), settings };
  expect(await loadLines([line], await stores.fresh())).toMatchObject({ created: 1, unheeded: [] });
});
