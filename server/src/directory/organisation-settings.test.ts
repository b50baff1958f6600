import { afterAll, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { loadLines, reasons, testStores } from '../../testing/directory.ts';

const stores = testStores('sqlite');
afterAll(stores.closeAll);

test.each([
  ['mfaForStudents', 'true', 1],
  ['mfaForTeachers', 'yes', {}],
  ['requireSecondFactorFor', 'Clerk', [['Clerk']], [null], { 0: 'Clerk', length: 1 }],
  ['allowEmailPin', 'false', 0, []],
  ['maxFailedSignInAttempts', 0, -1, 1e9, 1.5, '5', true],
  ['passwordWords', 'word', [7]],
] as [string, ...unknown[]][])(
  'MT-6: a rule that would bind nobody is refused: %s',
  async (key, ...values) => {
    const into = await stores.fresh();
    const line = (value: unknown, index: number) => ({
      kind: 'organisation',
      id: uuid(30 + index),
      settings: { [key]: value, theme: { of: 'somebody else' } },
    });
    const report = await loadLines([...values, null].map(line), into);
    expect(report.created).toBe(1);
    expect(reasons(report)).toHaveLength(values.length);
    for (const reason of reasons(report)) expect(reason).toContain(`settings.${key}`);
  },
);
