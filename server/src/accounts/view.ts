import {
  type AccountWithMemberships,
  byCodePoint,
  type Membership,
  type Organisation,
  type Role,
} from './account.ts';
import { activeMemberships } from './policy.ts';

/** An account as doors may show it, with what follows from its roles. */
export interface AccountView {
  readonly account: AccountWithMemberships;
  /** The role it acts in first; null without any. */
  readonly primary: { readonly role: Role; readonly organisation: Organisation | null } | null;
  /** Its roles' names, the primary one first, no duplicates. */
  readonly roles: readonly string[];
  /** The union over its roles, sorted, no duplicates. */
  readonly permissions: readonly string[];
}

/**
 * What follows from an account's roles, suspended organisations left out.
 * @param mountOrganisation the organisation that the mount serves: its membership comes before others
 */
export function viewAccount(account: AccountWithMemberships, mountOrganisation: string | null): AccountView {
  const memberships = activeMemberships(account);
  const primary = primaryOf(account, memberships, mountOrganisation);
  const roles = [primary?.role, account.role, ...memberships.map((membership) => membership.role)].filter(
    (role) => role != null,
  );
  return {
    account,
    primary,
    roles: unique(roles.map((role) => role.name)),
    permissions: permissionsOf(roles),
  };
}

/** The union over roles, sorted by code point, no duplicates. */
export function permissionsOf(roles: readonly Role[]): string[] {
  return unique(roles.flatMap((role) => role.permissions)).sort(byCodePoint);
}

function primaryOf(
  account: AccountWithMemberships,
  memberships: readonly Membership[],
  mountOrganisation: string | null,
): AccountView['primary'] {
  if (account.role) return { role: account.role, organisation: null };
  const inOrganisation = (id: string | null | undefined) =>
    memberships.find((membership) => membership.organisation.id === id);
  return inOrganisation(mountOrganisation) ?? inOrganisation(account.home?.id) ?? memberships[0] ?? null;
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
