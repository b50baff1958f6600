import type { AccountWithMemberships } from '../accounts/account.ts';
import { declined } from '../commands/decline.ts';
import type { RemovableFactor } from '../commands/factor.ts';
import { type Command, type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import { dueFactor } from '../sign-in/second-factor.ts';
import { changeOwnFactors, removalOf } from './change-factors.ts';
import { freshOwnerBehind } from './fresh-owner.ts';

/** Takes a factor away from an account, by its owner. The last one takes the recovery codes with it. */
export async function removeFactor(
  corridor: Corridor,
  attempt: Attempt,
  { token, factor }: Extract<Command, { kind: 'remove-factor' }>,
): Promise<Outcome> {
  const owner = await freshOwnerBehind(corridor, attempt, token);
  if ('kind' in owner) return owner;
  const { account, session, origin } = owner;
  if (!(await hasFactor(corridor, account, factor))) return declined('no-such-factor');
  if (wouldShutOut(account, without(account, factor), corridor.clock.now()))
    return declined('factor-not-allowed');
  const committed = await corridor.store.commit([
    ...(await changeOwnFactors(corridor, owner, {
      factor,
      what: 'factor-removed',
      changes: [removalOf(factor, account.id)],
    })),
    auditAttempt(origin, corridor.clock.now(), 'factor.removed', {
      accountId: account.id,
      sessionId: session.id,
      factor,
    }),
  ]);
  if (!committed.ok) return refused('token-invalid');
  corridor.mailQueued();
  return { kind: 'done' };
}

async function hasFactor(
  corridor: Corridor,
  account: AccountWithMemberships,
  factor: RemovableFactor,
): Promise<boolean> {
  switch (factor) {
    case 'totp':
      return account.factors.totpSealed !== null;
    case 'email':
      return account.factors.email;
    case 'recovery-codes':
      return (await corridor.store.recoveryCodes.leftOf(account.id)).size > 0;
  }
}

type Factors = AccountWithMemberships['factors'];

function without({ factors }: AccountWithMemberships, factor: RemovableFactor): Factors {
  return {
    ...factors,
    email: factors.email && factor !== 'email',
    totpSealed: factor === 'totp' ? null : factors.totpSealed,
  };
}

/** Whether the account could not sign in any more with what would be left, while it can now. @param now milliseconds since 1970 */
export function wouldShutOut(account: AccountWithMemberships, left: Factors, now: number): boolean {
  const isMissing = (factors: Factors) => dueFactor({ ...account, factors }, null, now) === 'missing';
  return isMissing(left) && !isMissing(account.factors);
}
