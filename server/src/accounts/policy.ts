import type { AccountWithMemberships, HeldRole, Organisation } from './account.ts';

// What an organisation's settings say. A value of another type than it should have says nothing.

/** An organisation, as far as its settings go. */
type Ruling = Pick<Organisation, 'settings'> | null;

/** Whether an organisation's settings ask for a second factor from those who hold a role in it. */
export function roleAsksForSecondFactor(organisation: Ruling, role: string): boolean {
  const settings = organisation?.settings;
  if (!settings) return false;
  return (
    (settings.mfaForStudents === true && role === 'Student') ||
    (settings.mfaForTeachers === true && role === 'Teacher') ||
    isRoleNamed(organisation, role)
  );
}

/** Whether `requireSecondFactorFor` of an organisation's settings names a role. */
export function isRoleNamed(organisation: Ruling, role: string): boolean {
  const named = organisation?.settings?.requireSecondFactorFor;
  return Array.isArray(named) && named.includes(role);
}

/** Whether an organisation lets nobody use a mailed PIN as a second factor: its `allowEmailPin` is false. */
export function forbidsMailedPin(organisation: Ruling): boolean {
  return organisation?.settings?.allowEmailPin === false;
}

/**
 * After how many wrong passwords in a row the account locks: the strictest `maxFailedSignInAttempts` of its home and
 * of the organisations it is a member of. Null when none has a positive integer there.
 */
export function lockAfter(account: AccountWithMemberships): number | null {
  const organisations = [account.home, ...account.memberships.map((membership) => membership.organisation)];
  const limits = organisations
    .map((organisation) => organisation?.settings?.maxFailedSignInAttempts)
    .filter(isPositiveInteger);
  return limits.length === 0 ? null : Math.min(...limits);
}

function isPositiveInteger(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** The memberships that count today: those in organisations that are not suspended. */
export function activeMemberships<Held extends HeldRole>(account: {
  readonly memberships: readonly Held[];
}): Held[] {
  return account.memberships.filter((membership) => !membership.organisation.isSuspended);
}
