import type { RoleHolder } from '../accounts/account.ts';
import { resourceSessionId } from '../accounts/resource-code.ts';
import { activeRoles, permissionsOf, primaryRole } from '../accounts/view.ts';
import { secretHash } from '../crypto/vault.ts';
import type { Mount } from '../mount.ts';
import { stateRefusal } from '../sign-in/account-policy.ts';
import { type ActiveSession, type Outcome, refused } from '../sign-in/attempt.ts';
import type { Corridor } from '../sign-in/corridor.ts';
import type { SessionStanding } from '../store/current-principal.ts';
import type { Session } from '../store/sessions.ts';
import { standsOn } from './standing.ts';

const OPAQUE_TOKEN = /^[A-Za-z0-9]{80}$/;

/** Tells what stands behind a bearer token now: an access token of any mount, or an opaque session token. */
export function inspect(corridor: Corridor, token: string): Promise<Outcome> {
  return OPAQUE_TOKEN.test(token) ? inspectOpaque(corridor, token) : inspectJwt(corridor, token);
}

async function inspectJwt(corridor: Corridor, token: string): Promise<Outcome> {
  const verified = corridor.accessTokens.verify(token);
  if (verified === 'expired') return refused('token-expired');
  if (verified === null) return refused('token-invalid');
  const found = await corridor.store.principals.bySession(verified.sessionId);
  const mount = mountOf(corridor, found);
  // A shared secret speaks for its own mount only, and a token for the audience of the mount that its session is of.
  if (verified.sharedWith !== null && verified.sharedWith !== mount?.name) return refused('token-invalid');
  if (!mount || verified.audience !== corridor.accessTokens.audienceOf(mount))
    return refused('token-invalid');
  const principal = found && principalNamed(corridor, found.session.principal, verified.subject);
  if (principal === null) return refused('token-invalid');
  const { issuedAt, expiresAt } = verified;
  return describe(corridor, found, mount, { principal, issuedAt, expiresAt });
}

async function inspectOpaque(corridor: Corridor, token: string): Promise<Outcome> {
  const found = await corridor.store.principals.byOpaqueToken(secretHash(token));
  if (found === null) return refused('token-invalid');
  const { principal, createdAt, refreshExpiresAt } = found.session;
  // It lives as long as its session can be refreshed.
  if (refreshExpiresAt <= corridor.clock.now()) return refused('token-invalid');
  return describe(corridor, found, mountOf(corridor, found), {
    principal,
    issuedAt: createdAt,
    expiresAt: refreshExpiresAt,
  });
}

function mountOf(corridor: Corridor, found: SessionStanding | null): Mount | undefined {
  return found === null ? undefined : corridor.mounts.get(found.session.mount);
}

/** The principal of a session under the name that the token's `sub` has for it; null when it is another one's. */
function principalNamed(
  corridor: Corridor,
  principal: Session['principal'],
  subject: string,
): Session['principal'] | null {
  if (principal.kind !== 'resource') return subjectOf(principal) === subject ? principal : null;
  // The store does not know what the token says in clear.
  const resource = subject.startsWith('resource:') ? subject.slice('resource:'.length) : '';
  return resourceSessionId(corridor.vault, resource) === principal.id
    ? { kind: 'resource', id: resource }
    : null;
}

/** The `sub` of the tokens of an account or an installation. */
export function subjectOf(principal: Session['principal']): string {
  return principal.kind === 'account' ? principal.id : `${principal.kind}:${principal.id}`;
}

async function describe(
  corridor: Corridor,
  found: SessionStanding | null,
  mount: Mount | undefined,
  shown: Pick<ActiveSession, 'principal' | 'issuedAt' | 'expiresAt'>,
): Promise<Outcome> {
  const standing = standsOn(found, mount, corridor.clock.now());
  if ('fallen' in standing || mount === undefined) return refused('token-invalid');
  const { session, holder } = standing;
  const acting =
    session.principal.kind === 'account' ? await actingAs(corridor, session, holder, mount) : NOBODY;
  if (acting === null) return refused('token-invalid');
  const about = { account: session.accountId, methods: session.methods };
  return { kind: 'active', session: { ...about, ...acting, ...shown } };
}

type Acting = Pick<ActiveSession, 'organisation' | 'role' | 'scopes'>;

/** Installations and resources act in no role. */
const NOBODY: Acting = { organisation: null, role: null, scopes: [] };

/** The role that the session acts in today; null when it can act in none of those it was made for. */
async function actingAs(
  corridor: Corridor,
  session: Session,
  account: SessionStanding['holder'],
  mount: Mount,
): Promise<Acting | null> {
  if (account === null) return null;
  const holder: RoleHolder = {
    ...account,
    memberships: await corridor.store.principals.rolesOf(session.principal.id),
  };
  const { membership } = session;
  if (stateRefusal(holder, mount, membership) !== null) return null;
  if (membership === null) {
    const primary = primaryRole(holder, mount.organisation);
    return {
      organisation: primary?.organisation?.id ?? null,
      role: primary?.role.name ?? null,
      scopes: permissionsOf(activeRoles(holder)),
    };
  }
  const held = [{ organisation: null, role: holder.role }, ...holder.memberships];
  const picked = held.find(
    ({ organisation, role }) =>
      (organisation?.id ?? null) === membership.organisationId && (role?.name ?? '') === membership.role,
  );
  return picked
    ? {
        organisation: membership.organisationId,
        role: membership.role,
        scopes: permissionsOf(picked.role ? [picked.role] : []),
      }
    : null;
}
