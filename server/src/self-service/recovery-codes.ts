import { declined } from '../commands/decline.ts';
import { type Command, type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import { hasOwnProof } from '../sign-in/second-factor.ts';
import { changeOwnFactors, freshRecoveryCodes } from './change-factors.ts';
import { freshOwnerBehind } from './fresh-owner.ts';

/** Gives the owner of an account a set of recovery codes, in the place of whatever is left of the last one. */
export async function renewRecoveryCodes(
  corridor: Corridor,
  attempt: Attempt,
  { token }: Extract<Command, { kind: 'renew-recovery-codes' }>,
): Promise<Outcome> {
  const owner = await freshOwnerBehind(corridor, attempt, token);
  if ('kind' in owner) return owner;
  const { account, session, origin } = owner;
  if (!hasOwnProof(account)) return declined('factor-needed');
  const { codes, changes } = freshRecoveryCodes(corridor, account.id);
  const factor = 'recovery-codes';
  const committed = await corridor.store.commit([
    ...(await changeOwnFactors(corridor, owner, {
      factor,
      what: 'factor-added',
      changes,
    })),
    auditAttempt(origin, corridor.clock.now(), 'factor.added', {
      accountId: account.id,
      sessionId: session.id,
      factor,
    }),
  ]);
  if (!committed.ok) return refused('token-invalid');
  corridor.mailQueued();
  return { kind: 'recovery-codes', codes };
}
