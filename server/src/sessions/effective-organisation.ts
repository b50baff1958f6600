import type { RoleHolder } from '../accounts/account.ts';
import { activeMemberships } from '../accounts/policy.ts';
import type { PickedRole } from '../sign-in/account-policy.ts';
import type { Store } from '../store/store.ts';

/** What somebody administers: everything, or the groups that begin at these organisations. */
export interface Administered {
  readonly everything: boolean;
  readonly groups: readonly string[];
}

/**
 * What the roles that a session acts in administer. A session that was made for one role acts in that one only. An
 * account's own role that administers a group means the group at its home.
 */
export function adminRolesOf(holder: RoleHolder, picked: PickedRole | null): Administered {
  const own = { organisationId: holder.home?.id ?? null, place: null, role: holder.role };
  const held = activeMemberships(holder).map(({ organisation, role }) => ({
    organisationId: organisation.id,
    place: organisation.id,
    role,
  }));
  const acting = [own, ...held].filter(
    ({ place, role }) =>
      picked === null || (place === picked.organisationId && (role?.name ?? '') === picked.role),
  );
  return {
    everything: acting.some(({ role }) => role?.admin === 'global'),
    groups: acting.flatMap(({ role, organisationId }) =>
      role?.admin === 'group' && organisationId !== null ? [organisationId] : [],
    ),
  };
}

/**
 * The organisation that was asked for, if it is one that these roles administer: any for a global administrator, one of
 * the group, at any depth, for a group's. For everybody else, and for what is no organisation, null: it is ignored.
 */
export async function administeredOrganisation(
  store: Store,
  administered: Administered,
  asked: string | null,
): Promise<string | null> {
  if (asked === null || (!administered.everything && administered.groups.length === 0)) return null;
  const lineage = await store.organisations.lineage(asked.toLowerCase());
  const [id = null] = lineage;
  return administered.everything || administered.groups.some((group) => lineage.includes(group)) ? id : null;
}
