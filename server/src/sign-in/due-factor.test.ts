import { describe, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { holder, membership, NO_FACTORS, organisation, role } from '../../testing/holder.ts';
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

// What a second factor is asked for, and what passes for one, by an account and the settings of its organisations alone.

const NOW = Date.UTC(2026, 10, 22, 10, 30);
const DAY = 24 * 3_600_000;

const PIN = { ...NO_FACTORS, email: true };
const APP = { ...NO_FACTORS, totpSealed: 'sealed' };
const PASSKEY = { ...NO_FACTORS, hasPasskey: true };

const [asking, silent, strict] = [
  organisation({ requireSecondFactorFor: ['Clerk', 'Global'] }, { id: uuid(11) }),
  organisation(null, { id: uuid(12) }),
  organisation({ requireSecondFactorFor: ['Clerk'], allowEmailPin: false }, { id: uuid(13) }),
];
const school = organisation({ mfaForStudents: true }, { id: uuid(14) });
const noPin = organisation({ allowEmailPin: false }, { id: uuid(15) });

const at = ({ id }: { id: string }, name: string): PickedRole => ({ organisationId: id, role: name });
const own = (name: string): PickedRole => ({ organisationId: null, role: name });
const due = (fields: Parameters<typeof holder>[0], picked: PickedRole | null = null) =>
  dueFactor(holder(fields), picked, NOW);

describe('the second factor that is due', () => {
  test('is none without a factor, nor with a passkey alone, which is never asked for by itself', () => {
    expect(due({ factors: NO_FACTORS })).toBe('none');
    expect(due({ factors: PASSKEY, memberships: [membership(silent, 'Clerk')] })).toBe('none');
  });

  test('is the one that the account has, whatever organisations say; a PIN where it chose one', () => {
    expect(due({ factors: PIN })).toBe('mailed-pin');
    expect(due({ factors: APP })).toBe('own');
    expect(due({ factors: { ...APP, email: true } })).toBe('mailed-pin');
    expect(due({ factors: { ...APP, email: true }, home: noPin })).toBe('own');
  });

  test('is a PIN where an organisation asks and there is no app, be there a passkey or not', () => {
    const memberships = [membership(asking, 'Clerk')];
    expect(due({ memberships })).toBe('mailed-pin');
    expect(due({ memberships, factors: PASSKEY })).toBe('mailed-pin');
    expect(due({ memberships, factors: APP })).toBe('own');
  });

  test('is an app or a passkey where a PIN will not do; missing where there is neither', () => {
    const memberships = [membership(strict, 'Clerk')];
    expect(due({ memberships })).toBe('missing');
    expect(due({ memberships, factors: PIN })).toBe('missing');
    expect(due({ memberships, factors: PASSKEY })).toBe('own');
    expect(due({ memberships, factors: APP })).toBe('own');
  });

  test('is that of the picked role in its organisation, and of all roles when none was picked', () => {
    const memberships = [
      membership(asking, 'Clerk'),
      membership(asking, 'Guest'),
      membership(silent, 'Clerk'),
    ];
    for (const [picked, wanted] of [
      [null, 'mailed-pin'],
      [at(asking, 'Clerk'), 'mailed-pin'],
      [at(asking, 'Guest'), 'none'],
      [at(silent, 'Clerk'), 'none'],
      [own('Clerk'), 'none'],
    ] as const)
      expect(due({ memberships }, picked), JSON.stringify(picked)).toBe(wanted);
  });

  test('is not asked for by an organisation that is suspended', () => {
    const suspended = { ...asking, isSuspended: true };
    expect(due({ memberships: [membership(suspended, 'Clerk')] })).toBe('none');
    expect(due({ memberships: [membership(suspended, 'Clerk')] }, at(asking, 'Clerk'))).toBe('none');
  });

  test('of an own role is what its home names, not what it asks of its students', () => {
    expect(due({ role: role('Clerk'), home: asking })).toBe('mailed-pin');
    expect(due({ role: role('Clerk'), home: asking }, own('Clerk'))).toBe('mailed-pin');
    expect(due({ role: role('Student'), home: school })).toBe('none');
    expect(due({ role: role('Clerk') })).toBe('none');
    // The same name elsewhere is another role.
    const beside = { role: role('Clerk'), home: asking, memberships: [membership(silent, 'Clerk')] };
    expect(due(beside, at(silent, 'Clerk'))).toBe('none');
    expect(
      due({ role: role('Guest'), home: asking, memberships: [membership(asking, 'Clerk')] }, own('Guest')),
    ).toBe('none');
  });

  test('is not mailed where one organisation that is reached forbids it, asking or not', () => {
    const memberships = [membership(asking, 'Clerk'), membership(noPin, 'Guest')];
    expect(due({ memberships })).toBe('missing');
    expect(due({ memberships }, at(asking, 'Clerk'))).toBe('mailed-pin');
  });

  test('is not mailed where the home forbids it, but for a role in another organisation', () => {
    const fields = {
      home: noPin,
      role: role('Guest'),
      factors: PIN,
      memberships: [membership(silent, 'Guest')],
    };
    expect(due(fields)).toBe('missing');
    expect(due(fields, own('Guest'))).toBe('missing');
    expect(due(fields, at(silent, 'Guest'))).toBe('mailed-pin');
  });
});

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
    expect(due({ memberships }, at(silent, 'Group'))).toBe('none');
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
      expect(due(both, at(school, 'Student'))).toBe('mailed-pin');
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
    expect(lacks(['pwd'], fields, own('Clerk'))).toBe(false);
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
    const keys = new Set(forgiveFailures(account, isFactorShown).params);
    expect(keys).toContain(accountKey(account.id));
    return keys.has(factorKey(account.id));
  };
  const asked = { memberships: [membership(silent, 'Guest'), membership(asking, 'Clerk')] };
  expect(forgiven(asked, false)).toBe(false);
  expect(forgiven(asked, true)).toBe(true);
  expect(forgiven({ factors: APP }, false)).toBe(false);
  expect(forgiven({ memberships: [membership(silent, 'Guest')] }, false)).toBe(true);
});
