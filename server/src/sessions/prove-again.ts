import { type Command, type Outcome, refused } from '../sign-in/attempt.ts';
import { confirmPassword } from '../sign-in/confirm-password.ts';
import type { Attempt, Corridor } from '../sign-in/corridor.ts';
import { throughGate } from '../sign-in/gate.ts';
import { issueForAccount } from '../sign-in/issue.ts';
import { dueFactor, hasOwnProof } from '../sign-in/second-factor.ts';
import { openStep } from '../sign-in/ticket.ts';
import { endOwnSession } from '../store/sessions.ts';
import { type Owner, ownerBehind } from './owner.ts';

/**
 * Proves once more who is there: the password, and a factor where the account has one. What comes of it is a session in the
 * place of the one that asks, begun just now; a copy of the old one's tokens is worth nothing after it (ASVS 7.2.4).
 */
export function proveAgain(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'prove-again' }>,
): Promise<Outcome> {
  return throughGate(corridor, attempt, async () => {
    const owner = await ownerBehind(corridor, attempt, command.token);
    return 'kind' in owner ? owner : prove(corridor, owner, command.password);
  });
}

async function prove(corridor: Corridor, owner: Owner, password: string): Promise<Outcome> {
  const { account, session, origin } = owner;
  const confirmed = await confirmPassword(corridor, origin, account, password);
  if ('kind' in confirmed) return confirmed;
  const picked = session.membership;
  const factor = dueFactor(account, picked, corridor.clock.now());
  const passage = { account, picked, device: null, spends: [], settles: confirmed.settles };
  let outcome: Outcome;
  if (factor === 'missing') {
    await corridor.store.commit(confirmed.settles);
    outcome = refused('second-factor-missing');
  } else if (factor !== 'none' || hasOwnProof(account)) {
    outcome = await openStep(corridor, origin, passage, 'second-factor', {
      purpose: 'prove-again',
      sessionId: session.id,
    });
  } else {
    const spends = endOwnSession(account.id, session.id, 'proven-again', corridor.clock.now());
    outcome = await issueForAccount(corridor, origin, {
      ...passage,
      spends,
      methods: ['pwd'],
      steppedUp: false,
    });
  }
  corridor.throttle.settled([confirmed.hold]);
  return outcome;
}
