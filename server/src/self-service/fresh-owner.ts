import { declined } from '../commands/decline.ts';
import { isFresh, type Owner, ownerBehind } from '../sessions/owner.ts';
import type { Outcome } from '../sign-in/attempt.ts';
import type { Attempt, Corridor } from '../sign-in/corridor.ts';

/** The owner of an account whose session is proof enough to change what signs in (ASVS 7.5.1). */
export async function freshOwnerBehind(
  corridor: Corridor,
  attempt: Attempt,
  token: string,
): Promise<Owner | Extract<Outcome, { kind: 'refused' | 'declined' }>> {
  const owner = await ownerBehind(corridor, attempt, token);
  if ('kind' in owner) return owner;
  return isFresh(owner, corridor.clock.now()) ? owner : declined('proof-required');
}
