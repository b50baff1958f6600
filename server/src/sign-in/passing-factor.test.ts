import { describe, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import {
  APP,
  holder,
  membership,
  NO_FACTORS,
  organisation,
  PASSKEY,
  PIN,
  pickedAt,
  pickedOwn,
  role,
} from '../../testing/holder.ts';
import { SINGLE_CHANNEL } from '../factors/mailed-code.ts';
import type { PickedRole } from './account-policy.ts';
import {
  dueFactor,
  forgiveFailures,
  hasOwnProof,
  isPinMailed,
  lacksSecondFactor,
  ownsFactor,
  showsOwnProof,
} from './second-factor.ts';
import { accountKey, factorKey } from './throttle.ts';

// What passes for a second factor, by an account and the settings of its organisations alone.

const NOW = Date.UTC(2026, 10, 22, 10, 30);
const DAY = 24 * 3_600_000;

const [asking, silent, strict, school] = [
  organisation({ requireSecondFactorFor: ['Clerk', 'Global'] }, { id: uuid(11) }),
  organisation(null, { id: uuid(12) }),
  organisation({ requireSecondFactorFor: ['Clerk'], allowEmailPin: false }, { id: uuid(13) }),
  organisation({ mfaForStudents: true }, { id: uuid(14) }),
];

const due = (fields: Parameters<typeof holder>[0], picked: PickedRole | null = null) =>
  dueFactor(holder(fields), picked, NOW);

describe('MF-9: a mailed PIN', () => {
  test('reaches no role that administers, where a factor is asked for it', () => {
    const administers = membership(asking, 'Global', 'global');
    expect(due({ memberships: [administers] })).toBe('missing');
    expect(due({ memberships: [administers], factors: APP })).toBe('own');
    // Whoever has a factor is asked for it in every role.
    const elsewhere = membership(silent, 'Group', 'group');
    expect(due({ memberships: [elsewhere], factors: PIN })).toBe('missing');
    expect(due({ role: role('Global', 'global'), factors: PIN })).toBe('missing');
  });

  test('is enough beside an administering role for which nothing is asked', () => {
    const memberships = [membership(silent, 'Group', 'group'), membership(asking, 'Clerk')];
    expect(due({ memberships })).toBe('mailed-pin');
    expect(due({ memberships }, pickedAt(silent, 'Group'))).toBe('none');
  });

  test('is none for a named role within a day of a reset by mail; for a documented one it is', () => {
    const named = [membership(asking, 'Clerk')];
    const documented = [membership(school, 'Student')];
    for (const [resetByMailAt, wanted] of [
      [NOW, 'missing'],
      [NOW - DAY + 1, 'missing'],
      [NOW - DAY, 'mailed-pin'],
      [null, 'mailed-pin'],
    ] as const) {
      expect(due({ memberships: named, resetByMailAt }), String(resetByMailAt)).toBe(wanted);
      expect(due({ memberships: documented, resetByMailAt })).toBe('mailed-pin');
      // The named role is not the one that was picked.
      const both = { memberships: [...named, ...documented], resetByMailAt };
      expect(due(both)).toBe(wanted);
      expect(due(both, pickedAt(school, 'Student'))).toBe('mailed-pin');
    }
  });

  test('is not sent to who proves again with a passkey, but for who chose it', () => {
    const memberships = [membership(asking, 'Clerk')];
    const isMailed = (factors: typeof NO_FACTORS, purpose?: 'prove-again' | 'switch') =>
      isPinMailed(holder({ memberships, factors }), null, NOW, purpose);
    expect(isMailed(PASSKEY, 'prove-again')).toBe(false);
    expect(isMailed(PASSKEY, 'switch')).toBe(true);
    expect(isMailed(PASSKEY)).toBe(true);
    expect(isMailed(NO_FACTORS, 'prove-again')).toBe(true);
    expect(isMailed({ ...PASSKEY, email: true }, 'prove-again')).toBe(true);
    expect(isMailed(APP, 'prove-again')).toBe(false);
  });
});

describe('MF-2: a session', () => {
  const lacks = (methods: string[], fields: Parameters<typeof holder>[0], picked: PickedRole | null = null) =>
    lacksSecondFactor(holder(fields), picked, methods);

  test('lacks a factor that has come to be asked for, unless it was begun with one', () => {
    const fields = { memberships: [membership(asking, 'Clerk')] };
    expect(lacks(['pwd'], fields)).toBe(true);
    expect(lacks(['pwd', 'email'], fields)).toBe(true);
    expect(lacks(['pwd', 'email', 'mfa'], fields)).toBe(false);
    expect(lacks(['pwd', 'otp', 'mfa'], fields)).toBe(false);
    expect(lacks(['hwk', 'user', 'mfa'], fields)).toBe(false);
    expect(lacks(['pwd'], { memberships: [membership(silent, 'Clerk')] })).toBe(false);
    expect(lacks(['pwd'], fields, pickedOwn('Clerk'))).toBe(false);
  });

  test('lacks one that is more than its mailbox, where that is asked for', () => {
    const fields = { memberships: [membership(strict, 'Clerk')] };
    expect(lacks(['pwd', 'email', 'mfa'], fields)).toBe(true);
    expect(lacks(['pwd', 'otp', 'mfa'], fields)).toBe(false);
    expect(lacks(['swk', 'user', 'mfa'], fields)).toBe(false);
    expect(lacks(['pwd', 'email', 'otp', 'mfa'], fields)).toBe(false);
  });

  test('that one mailbox opened by itself has what contracts document, and nothing for a named role', () => {
    const methods = ['pwd', 'email', SINGLE_CHANNEL];
    expect(lacks(methods, { memberships: [membership(school, 'Student')] })).toBe(false);
    expect(lacks(methods, { memberships: [membership(asking, 'Clerk')] })).toBe(true);
    expect(lacks(methods, { memberships: [membership(asking, 'Guest')], factors: PIN })).toBe(false);
  });

  test('shows an own proof by more than a PIN, or by one that its account chose', () => {
    const shows = (methods: string[], factors: typeof NO_FACTORS) =>
      showsOwnProof(holder({ factors }), methods);
    expect(shows(['pwd'], PIN)).toBe(false);
    expect(shows(['pwd', 'email', SINGLE_CHANNEL], PIN)).toBe(false);
    expect(shows(['pwd', 'email', 'mfa'], PIN)).toBe(true);
    expect(shows(['pwd', 'email', 'mfa'], PASSKEY)).toBe(false);
    expect(shows(['pwd', 'otp', 'mfa'], APP)).toBe(true);
    expect(shows(['pwd', 'otp'], APP)).toBe(false);
    expect(shows(['hwk', 'user', 'mfa'], PASSKEY)).toBe(true);
  });
});

test('a passkey must be shown before what signs in is changed, and is no factor that is asked for', () => {
  for (const [factors, isOwn, isProof] of [
    [NO_FACTORS, false, false],
    [PIN, true, true],
    [APP, true, true],
    [PASSKEY, false, true],
  ] as const) {
    const account = holder({ factors });
    expect([ownsFactor(account), hasOwnProof(account)], JSON.stringify(factors)).toEqual([isOwn, isProof]);
  }
});

test('TH-5: wrong codes are forgiven with a factor, or where none is asked for in any role', () => {
  const forgiven = (fields: Parameters<typeof holder>[0], isFactorShown: boolean) => {
    const account = holder(fields);
    const keys = new Set(forgiveFailures(account, isFactorShown, 0).params);
    expect(keys).toContain(accountKey(account.id));
    return keys.has(factorKey(account.id));
  };
  const asked = { memberships: [membership(silent, 'Guest'), membership(asking, 'Clerk')] };
  expect(forgiven(asked, false)).toBe(false);
  expect(forgiven(asked, true)).toBe(true);
  expect(forgiven({ factors: APP }, false)).toBe(false);
  expect(forgiven({ memberships: [membership(silent, 'Guest')] }, false)).toBe(true);
});
