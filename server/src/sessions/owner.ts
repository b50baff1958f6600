import type { AccountWithMemberships } from '../accounts/account.ts';
import { type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, type Corridor, fromSession } from '../sign-in/corridor.ts';
import { hasOwnProof, showsOwnProof } from '../sign-in/second-factor.ts';
import type { Session } from '../store/sessions.ts';
import { authenticate } from './authenticate.ts';
import { standingOf } from './standing.ts';

/** The owner of an account, in a session that stands now. */
export interface Owner {
  readonly account: AccountWithMemberships;
  readonly session: Session;
  /** The attempt at the mount of the session: its settings count. */
  readonly origin: Attempt;
}

/** How long after it began a session is proof enough for changes to what signs in (ASVS 7.5.1). */
const FRESH_MILLISECONDS = 20 * 60_000;

/** Who acts with an access token, if that is an account's owner and policy asks for nothing that the session lacks. */
export async function ownerBehind(
  corridor: Corridor,
  attempt: Attempt,
  token: string,
): Promise<Owner | Extract<Outcome, { kind: 'refused' }>> {
  const known = await authenticate(corridor, attempt, token);
  if ('kind' in known) return known;
  const standing = await standingOf(corridor, attempt, known.found, known.mount);
  if ('fallen' in standing || standing.principal.kind !== 'account') return refused('token-invalid');
  return {
    account: standing.principal.view.account,
    session: standing.session,
    origin: fromSession(corridor, { ...attempt, mount: known.mount }, standing.session),
  };
}

/**
 * Whether a session is proof enough to change what signs in: it began lately, and with a factor of the account's where it has
 * one. What is older is proven again at `POST /v1/session/prove`.
 */
export function isFresh({ account, session }: Owner, now: number): boolean {
  if (now - session.createdAt > FRESH_MILLISECONDS) return false;
  return !hasOwnProof(account) || showsOwnProof(account, session.methods);
}
