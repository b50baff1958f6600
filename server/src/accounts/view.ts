import {
  type AccountWithMemberships,
  byCodePoint,
  type HeldRole,
  type Role,
  type RoleHolder,
} from './account.ts';
import { activeMemberships } from './policy.ts';

/** An account as doors may show it, with what follows from its roles. */
export interface AccountView {
  readonly account: AccountWithMemberships;
  /** The role it acts in first; null without any. */
  readonly primary: ActingRole | null;
  /** Its roles' names, the primary one first, no duplicates. */
  readonly roles: readonly string[];
  /** The union over its roles, sorted, no duplicates. */
  readonly permissions: readonly string[];
}

/** A role, and where; an account's own has no organisation. */
export interface ActingRole {
  readonly role: Role;
  readonly organisation: HeldRole['organisation'] | null;
}

/**
 * What follows from an account's roles, suspended organisations left out.
 * @param mountOrganisation the organisation that the mount serves: its membership comes before others
 */
export function viewAccount(account: AccountWithMemberships, mountOrganisation: string | null): AccountView {
  const primary = primaryRole(account, mountOrganisation);
  const roles = activeRoles(account);
  const names = [...(primary ? [primary.role] : []), ...roles].map((role) => role.name);
  return { account, primary, roles: unique(names), permissions: permissionsOf(roles) };
}

/** The roles that an account can act in today: its own, and those in organisations that are not suspended. */
export function activeRoles(account: RoleHolder): Role[] {
  return [
    ...(account.role ? [account.role] : []),
    ...activeMemberships(account).map((membership) => membership.role),
  ];
}

/** The union over roles, sorted by code point, no duplicates. */
export function permissionsOf(roles: readonly Role[]): string[] {
  return unique(roles.flatMap((role) => role.permissions)).sort(byCodePoint);
}

/** The account's own role, else that in the mount's organisation, in its home, in the first organisation by name. */
export function primaryRole(account: RoleHolder, mountOrganisation: string | null): ActingRole | null {
  if (account.role) return { role: account.role, organisation: null };
  const memberships = activeMemberships(account);
  const inOrganisation = (id: string | null | undefined) =>
    memberships.find((membership) => membership.organisation.id === id);
  return inOrganisation(mountOrganisation) ?? inOrganisation(account.home?.id) ?? memberships[0] ?? null;
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
