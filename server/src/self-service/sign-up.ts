import { declined } from '../commands/decline.ts';
import { stateRefusal } from '../sign-in/account-policy.ts';
import { type Command, type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import { countFailure, throughGate } from '../sign-in/gate.ts';
import { issueForAccount } from '../sign-in/issue.ts';
import { admit, makeAccount } from './new-account.ts';

/**
 * Makes an account for whoever asks, where the mount lets people. The address is not proven by that: whoever proves it later
 * takes the account over from whoever made it.
 */
export function signUp(
  corridor: Corridor,
  attempt: Attempt,
  { registrant, answer }: Extract<Command, { kind: 'sign-up' }>,
): Promise<Outcome> {
  return throughGate(
    corridor,
    attempt,
    async () => {
      if (!attempt.mount.allowSignUp) return declined('sign-up-disabled');
      const late = await countFailure(corridor, attempt);
      if (late !== null) return late;
      const admitted = await admit(corridor, attempt, registrant, false);
      if ('kind' in admitted) return admitted;
      const made = await makeAccount(corridor, attempt, admitted, false, (accountId) => [
        auditAttempt(attempt, corridor.clock.now(), 'account.signed-up', {
          accountId,
          organisationId: attempt.mount.organisation,
        }),
      ]);
      if ('kind' in made) return made;
      return answer === 'account'
        ? { kind: 'signed-up', id: made.id, role: '', at: corridor.clock.now() }
        : firstSession(corridor, attempt, made.id, ['pwd']);
    },
    ['declined'],
  );
}

/** The session of somebody who has just signed up, by the same policy as any other. */
export async function firstSession(
  corridor: Corridor,
  attempt: Attempt,
  accountId: string,
  methods: readonly string[],
): Promise<Outcome> {
  const account = await corridor.store.accounts.byId(accountId);
  if (account === null) return refused('bad-credentials');
  const state = stateRefusal(account, attempt.mount, null);
  if (state !== null) return refused(state);
  const nothing = { picked: null, device: null, spends: [], settles: [], steppedUp: false };
  return issueForAccount(corridor, attempt, { account, methods, ...nothing });
}
