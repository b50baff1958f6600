import { permissionsOf } from '../accounts/view.ts';
import { secretHash } from '../crypto/vault.ts';
import { type ActiveSession, type Outcome, type Principal, refused } from '../sign-in/attempt.ts';
import type { Corridor } from '../sign-in/corridor.ts';
import { subjectOf } from './refresh.ts';
import { type StandingSession, standingOf } from './standing.ts';

const OPAQUE_TOKEN = /^[A-Za-z0-9]{80}$/;

/** Tells what stands behind a bearer token now: an access token of any mount, or an opaque session token. */
export async function inspect(corridor: Corridor, token: string): Promise<Outcome> {
  return OPAQUE_TOKEN.test(token) ? inspectOpaque(corridor, token) : inspectJwt(corridor, token);
}

async function inspectJwt(corridor: Corridor, token: string): Promise<Outcome> {
  const verified = corridor.accessTokens.verify(token);
  if (verified === 'expired') return refused('token-expired');
  if (verified === null) return refused('token-invalid');
  const found = await corridor.store.principals.bySession(verified.sessionId);
  const mount = found ? corridor.mounts.get(found.session.mount) : undefined;
  // A shared secret speaks for its own mount only, and a token for the audience of the mount that its session is of.
  if (verified.sharedWith !== null && verified.sharedWith !== mount?.name) return refused('token-invalid');
  if (!mount || verified.audience !== corridor.accessTokens.audienceOf(mount))
    return refused('token-invalid');
  const standing = await standingOf(corridor.store, found, mount, corridor.clock.now());
  if ('fallen' in standing || subjectOf(standing.principal) !== verified.subject)
    return refused('token-invalid');
  return { kind: 'active', session: describe(standing, verified.issuedAt, verified.expiresAt) };
}

async function inspectOpaque(corridor: Corridor, token: string): Promise<Outcome> {
  const found = await corridor.store.principals.byOpaqueToken(secretHash(token));
  const mount = found ? corridor.mounts.get(found.session.mount) : undefined;
  const now = corridor.clock.now();
  const standing = await standingOf(corridor.store, found, mount, now);
  // It lives as long as its session can be refreshed.
  if ('fallen' in standing || standing.session.refreshExpiresAt <= now) return refused('token-invalid');
  return {
    kind: 'active',
    session: describe(standing, standing.session.createdAt, standing.session.refreshExpiresAt),
  };
}

function describe(standing: StandingSession, issuedAt: number, expiresAt: number): ActiveSession {
  const { session, principal } = standing;
  return {
    principal: session.principal,
    account: session.accountId,
    ...actingAs(principal),
    methods: session.methods,
    issuedAt,
    expiresAt,
  };
}

function actingAs(principal: Principal): Pick<ActiveSession, 'organisation' | 'role' | 'scopes'> {
  if (principal.kind !== 'account') return { organisation: null, role: null, scopes: [] };
  const { picked, view } = principal;
  const acting = picked ?? view.primary;
  const scopes = picked ? permissionsOf(picked.role ? [picked.role] : []) : view.permissions;
  return { organisation: acting?.organisation?.id ?? null, role: acting?.role?.name ?? null, scopes };
}
