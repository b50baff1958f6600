import { type Outcome, refused } from '../sign-in/attempt.ts';
import type { Attempt, Corridor } from '../sign-in/corridor.ts';
import { authenticate } from './authenticate.ts';
import { administeredOrganisation, adminRolesOf } from './effective-organisation.ts';
import { standingOf } from './standing.ts';

/**
 * Tells an account about itself, as it is now.
 * @param asked the organisation that an administrator asks to act in; null for none
 */
export async function me(
  corridor: Corridor,
  attempt: Attempt,
  token: string,
  asked: string | null,
): Promise<Outcome> {
  const known = await authenticate(corridor, attempt, token);
  if ('kind' in known) return known;
  const standing = await standingOf(corridor, attempt, known.found, known.mount);
  if ('fallen' in standing || standing.principal.kind !== 'account') return refused('token-invalid');
  const { view, picked } = standing.principal;
  const { session } = standing;
  const administered = await administeredOrganisation(
    corridor.store,
    adminRolesOf(view.account, session.membership),
    asked,
  );
  const acting = picked ?? view.primary;
  return {
    kind: 'me',
    view,
    signedInAt: session.createdAt,
    effectiveOrganisation: administered ?? acting?.organisation?.id ?? null,
  };
}
