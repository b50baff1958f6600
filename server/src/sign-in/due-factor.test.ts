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
import type { PickedRole } from './account-policy.ts';
import { dueFactor } from './second-factor.ts';

// What second factor is asked for, by an account and the settings of its organisations alone.

const NOW = Date.UTC(2026, 10, 22, 10, 30);

const [asking, silent, strict, school, noPin] = [
  organisation({ requireSecondFactorFor: ['Clerk'] }, { id: uuid(11) }),
  organisation(null, { id: uuid(12) }),
  organisation({ requireSecondFactorFor: ['Clerk'], allowEmailPin: false }, { id: uuid(13) }),
  organisation({ mfaForStudents: true }, { id: uuid(14) }),
  organisation({ allowEmailPin: false }, { id: uuid(15) }),
];

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

  test('is never a PIN that could go nowhere', () => {
    const memberships = [membership(asking, 'Clerk')];
    expect(due({ email: null, memberships })).toBe('missing');
    expect(due({ email: null, factors: PIN })).toBe('missing');
    expect(due({ email: null, memberships, factors: PASSKEY })).toBe('own');
    expect(due({ email: null, memberships, factors: { ...APP, email: true } })).toBe('own');
  });

  test('is that of the picked role in its organisation, and of all roles when none was picked', () => {
    const memberships = [
      membership(asking, 'Clerk'),
      membership(asking, 'Guest'),
      membership(silent, 'Clerk'),
    ];
    for (const [picked, wanted] of [
      [null, 'mailed-pin'],
      [pickedAt(asking, 'Clerk'), 'mailed-pin'],
      [pickedAt(asking, 'Guest'), 'none'],
      [pickedAt(silent, 'Clerk'), 'none'],
      [pickedOwn('Clerk'), 'none'],
    ] as const)
      expect(due({ memberships }, picked), JSON.stringify(picked)).toBe(wanted);
  });

  test('is not asked for by an organisation that is suspended', () => {
    const suspended = { ...asking, isSuspended: true };
    expect(due({ memberships: [membership(suspended, 'Clerk')] })).toBe('none');
    expect(due({ memberships: [membership(suspended, 'Clerk')] }, pickedAt(asking, 'Clerk'))).toBe('none');
  });

  test('of an own role is what its home names, not what it asks of its students', () => {
    expect(due({ role: role('Clerk'), home: asking })).toBe('mailed-pin');
    expect(due({ role: role('Clerk'), home: asking }, pickedOwn('Clerk'))).toBe('mailed-pin');
    expect(due({ role: role('Student'), home: school })).toBe('none');
    expect(due({ role: role('Clerk') })).toBe('none');
    // The same name elsewhere is another role.
    const beside = { role: role('Clerk'), home: asking, memberships: [membership(silent, 'Clerk')] };
    expect(due(beside, pickedAt(silent, 'Clerk'))).toBe('none');
    expect(
      due(
        { role: role('Guest'), home: asking, memberships: [membership(asking, 'Clerk')] },
        pickedOwn('Guest'),
      ),
    ).toBe('none');
  });

  test('is not mailed where one organisation that is reached forbids it, asking or not', () => {
    const memberships = [membership(asking, 'Clerk'), membership(noPin, 'Guest')];
    expect(due({ memberships })).toBe('missing');
    expect(due({ memberships }, pickedAt(asking, 'Clerk'))).toBe('mailed-pin');
  });

  test('is not mailed where the home forbids it, but for a role in another organisation', () => {
    const fields = {
      home: noPin,
      role: role('Guest'),
      factors: PIN,
      memberships: [membership(silent, 'Guest')],
    };
    expect(due(fields)).toBe('missing');
    expect(due(fields, pickedOwn('Guest'))).toBe('missing');
    expect(due(fields, pickedAt(silent, 'Guest'))).toBe('mailed-pin');
  });

  test('is not mailed where the home forbids it, to who has no role and picks that', () => {
    expect(due({ home: noPin, factors: PIN }, pickedOwn(''))).toBe('missing');
    expect(due({ home: silent, factors: PIN }, pickedOwn(''))).toBe('mailed-pin');
  });
});
