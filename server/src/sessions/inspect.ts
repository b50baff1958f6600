import type { RoleHolder } from '../accounts/account.ts';
import { activeRoles, permissionsOf, primaryRole } from '../accounts/view.ts';
import { secretHash } from '../crypto/vault.ts';
import { stateRefusal } from '../sign-in/account-policy.ts';
import { type ActiveSession, type Outcome, refused } from '../sign-in/attempt.ts';
import type { Attempt, Corridor } from '../sign-in/corridor.ts';
import { lacksSecondFactor } from '../sign-in/second-factor.ts';
import { type Authenticated, authenticate } from './authenticate.ts';
import { administeredOrganisation, adminRolesOf } from './effective-organisation.ts';
import { endUnproven, standsAtItsMount } from './standing.ts';

const OPAQUE_TOKEN = /^[A-Za-z0-9]{80}$/;

/**
 * Tells what stands behind a bearer token now: an access token of any mount, or an opaque session token.
 * @param organisation the organisation that an administrator asks to act in; null for none
 */
export async function inspect(
  corridor: Corridor,
  attempt: Attempt,
  token: string,
  organisation: string | null,
): Promise<Outcome> {
  const known = OPAQUE_TOKEN.test(token)
    ? await knowOpaque(corridor, token)
    : await authenticate(corridor, attempt, token);
  return 'kind' in known ? known : describe(corridor, attempt, known, organisation);
}

/** The session behind an opaque token, which lives as long as its session can be refreshed. */
async function knowOpaque(
  corridor: Corridor,
  token: string,
): Promise<Authenticated | Extract<Outcome, { kind: 'refused' }>> {
  const { store, clock } = corridor;
  const standing = standsAtItsMount(corridor, await store.principals.byOpaqueToken(secretHash(token)));
  if (standing === null) return refused('token-invalid');
  const { session } = standing.found;
  const { principal, createdAt: issuedAt, refreshExpiresAt: expiresAt } = session;
  if (expiresAt <= clock.now()) return refused('token-invalid');
  return { ...standing, session, principal, issuedAt, expiresAt };
}

async function describe(
  corridor: Corridor,
  attempt: Attempt,
  known: Authenticated,
  organisation: string | null,
): Promise<Outcome> {
  const { session, principal, issuedAt, expiresAt } = known;
  const acting =
    principal.kind === 'account' ? await actingAs(corridor, attempt, known, organisation) : NOBODY;
  if (acting === null) return refused('token-invalid');
  const about = { principal, account: session.accountId, methods: session.methods, issuedAt, expiresAt };
  return { kind: 'active', session: { ...about, ...acting } };
}

type Acting = Pick<ActiveSession, 'organisation' | 'role' | 'scopes' | 'effectiveOrganisation'>;

/** Installations and resources act in no role. */
const NOBODY: Acting = { organisation: null, role: null, scopes: [], effectiveOrganisation: null };

/** The role that the session acts in today; null when it can act in none of those it was made for. */
async function actingAs(
  corridor: Corridor,
  attempt: Attempt,
  { found, session, mount }: Authenticated,
  organisation: string | null,
): Promise<Acting | null> {
  if (found.holder === null) return null;
  const memberships = await corridor.store.principals.rolesOf(session.principal.id);
  const holder: RoleHolder = { ...found.holder, memberships };
  const { membership } = session;
  if (stateRefusal(holder, mount, membership) !== null) return null;
  if (lacksSecondFactor(holder, membership, session.methods)) {
    await endUnproven(corridor, attempt, session);
    return null;
  }
  const effectiveOrganisation = await administeredOrganisation(
    corridor.store,
    adminRolesOf(holder, membership),
    organisation,
  );
  if (membership === null) {
    const primary = primaryRole(holder, mount.organisation);
    return {
      organisation: primary?.organisation?.id ?? null,
      role: primary?.role.name ?? null,
      effectiveOrganisation,
      scopes: permissionsOf(activeRoles(holder)),
    };
  }
  const held = [{ organisation: null, role: holder.role }, ...holder.memberships];
  const picked = held.find(
    (each) =>
      (each.organisation?.id ?? null) === membership.organisationId &&
      (each.role?.name ?? '') === membership.role,
  );
  return picked
    ? {
        organisation: membership.organisationId,
        role: membership.role,
        effectiveOrganisation,
        scopes: permissionsOf(picked.role ? [picked.role] : []),
      }
    : null;
}
