import { resourceSessionId } from '../accounts/resource-code.ts';
import type { Mount } from '../mount.ts';
import { type Outcome, refused } from '../sign-in/attempt.ts';
import type { Attempt, Corridor } from '../sign-in/corridor.ts';
import type { SessionStanding } from '../store/current-principal.ts';
import type { Session } from '../store/sessions.ts';
import { standsAtItsMount } from './standing.ts';

/** What stands behind an access token that is good now. */
export interface Authenticated {
  readonly found: SessionStanding;
  readonly session: Session;
  /** The mount that the session is of. */
  readonly mount: Mount;
  /** The principal under the name that the token has for it. */
  readonly principal: Session['principal'];
  /** Of the token, in milliseconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/**
 * Checks an access token and the session behind it: signature, times, audience, and that the session stands today. A
 * mount takes tokens of its own audience; one that serves every mount takes those of each.
 */
export async function authenticate(
  corridor: Corridor,
  attempt: Attempt,
  token: string,
): Promise<Authenticated | Extract<Outcome, { kind: 'refused' }>> {
  const { accessTokens, store } = corridor;
  const verified = accessTokens.verify(token);
  if (verified === 'expired') return refused('token-expired');
  if (verified === null) return refused('token-invalid');
  const standing = standsAtItsMount(corridor, await store.principals.bySession(verified.sessionId));
  if (standing === null) return refused('token-invalid');
  const { found, mount } = standing;
  // A shared secret speaks for its own mount only, and a token for the audience of the mount that its session is of.
  if (verified.sharedWith !== null && verified.sharedWith !== mount.name) return refused('token-invalid');
  if (verified.audience !== accessTokens.audienceOf(mount)) return refused('token-invalid');
  if (
    !attempt.mount.contract.servesEveryMount &&
    verified.audience !== accessTokens.audienceOf(attempt.mount)
  )
    return refused('token-invalid');
  const principal = principalNamed(corridor, found.session.principal, verified.subject);
  if (principal === null) return refused('token-invalid');
  const { issuedAt, expiresAt } = verified;
  return { found, session: found.session, mount, principal, issuedAt, expiresAt };
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
