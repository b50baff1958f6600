import { describe, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { holder, membership, organisation, role } from '../../testing/holder.ts';
import { stateRefusal } from './account-policy.ts';

const OPEN = { requireValidatedEmail: false };
const STRICT = { requireValidatedEmail: true };

const [running, other, suspended, closed] = [
  organisation(null, { id: uuid(11) }),
  organisation(null, { id: uuid(12) }),
  organisation(null, { id: uuid(13), isSuspended: true }),
  organisation(null, { id: uuid(14), isSuspended: true }),
];

const picked = ({ id }: { id: string }) => ({ organisationId: id, role: 'Student' });
const OWN = { organisationId: null, role: 'Clerk' };

describe('what the state of an account allows', () => {
  test.each(['inactive', 'deleted'] as const)('nothing when it is %s, whatever else is wrong', (status) => {
    const account = holder({ status, home: suspended, emailValidated: false });
    expect(stateRefusal(account, STRICT, null)).toBe('account-inactive');
    expect(stateRefusal(account, OPEN, picked(running))).toBe('account-inactive');
  });

  test('nothing while its home is suspended, in whichever role', () => {
    const account = holder({
      home: suspended,
      role: role('Clerk'),
      memberships: [membership(running, 'Student')],
    });
    for (const each of [null, OWN, picked(running)])
      expect(stateRefusal(account, STRICT, each)).toBe('organisation-suspended');
    expect(stateRefusal(holder({ home: running }), STRICT, null)).toBeNull();
  });

  test('as a whole, what one organisation allows that is not suspended', () => {
    const both = [membership(suspended, 'Student'), membership(closed, 'Student')];
    expect(stateRefusal(holder({ memberships: both }), OPEN, null)).toBe('organisation-suspended');
    expect(
      stateRefusal(holder({ memberships: [...both, membership(running, 'Student')] }), OPEN, null),
    ).toBeNull();
  });

  test('as a whole, its own role beside organisations that are suspended; and no role at all', () => {
    const memberships = [membership(suspended, 'Student')];
    expect(stateRefusal(holder({ memberships, role: role('Clerk') }), OPEN, null)).toBeNull();
    expect(stateRefusal(holder(), OPEN, null)).toBeNull();
  });

  test('of a role that was picked, what its organisation allows and no other one', () => {
    const account = holder({
      role: role('Clerk'),
      memberships: [
        membership(suspended, 'Student'),
        membership(running, 'Student'),
        membership(other, 'Teacher'),
      ],
    });
    expect(stateRefusal(account, OPEN, picked(suspended))).toBe('organisation-suspended');
    expect(stateRefusal(account, OPEN, picked(running))).toBeNull();
    expect(stateRefusal(account, OPEN, OWN)).toBeNull();
    const alone = holder({ memberships: [membership(suspended, 'Student')] });
    expect(stateRefusal(alone, OPEN, OWN)).toBeNull();
  });

  test('nothing without an address that is validated, where the mount asks for one', () => {
    const account = holder({ emailValidated: false });
    expect(stateRefusal(account, STRICT, null)).toBe('account-not-validated');
    expect(stateRefusal(account, OPEN, null)).toBeNull();
    expect(stateRefusal(holder(), STRICT, null)).toBeNull();
    const nowhere = holder({ emailValidated: false, memberships: [membership(suspended, 'Student')] });
    expect(stateRefusal(nowhere, STRICT, null)).toBe('organisation-suspended');
  });
});
