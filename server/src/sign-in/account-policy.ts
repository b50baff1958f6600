import type { RoleHolder } from '../accounts/account.ts';
import { activeMemberships } from '../accounts/policy.ts';
import type { Mount } from '../mount.ts';
import type { StateRefusal } from './attempt.ts';

/** A role that was picked: an account's own has no organisation. */
export interface PickedRole {
  readonly organisationId: string | null;
  readonly role: string;
}

/**
 * Whether the account's state, and that of the organisations it would act in, allows a session on this mount. Asked at
 * every step, at refresh and at introspection: what changed in the meantime counts at once.
 * @param picked the one role the session is for; null when it is for the account as a whole
 * @returns why not, or null
 */
export function stateRefusal(
  account: RoleHolder,
  mount: Pick<Mount, 'requireValidatedEmail'>,
  picked: PickedRole | null,
): StateRefusal | null {
  if (account.status !== 'active') return 'account-inactive';
  if (account.home?.isSuspended) return 'organisation-suspended';
  if (picked ? isPickedSuspended(account, picked) : isSuspendedEverywhere(account))
    return 'organisation-suspended';
  if (mount.requireValidatedEmail && !account.emailValidated) return 'account-not-validated';
  return null;
}

function isPickedSuspended(account: RoleHolder, picked: PickedRole): boolean {
  return account.memberships.some(
    ({ organisation }) => organisation.id === picked.organisationId && organisation.isSuspended,
  );
}

/** It has roles only in organisations that are suspended, all of them. */
function isSuspendedEverywhere(account: RoleHolder): boolean {
  return account.role === null && account.memberships.length > 0 && activeMemberships(account).length === 0;
}
