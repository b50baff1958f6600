import { stateRefusal } from '../sign-in/account-policy.ts';
import { type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor, fromSession } from '../sign-in/corridor.ts';
import { issueForAccount, lifeHandedOn } from '../sign-in/issue.ts';
import { dueFactor, lacksSecondFactor } from '../sign-in/second-factor.ts';
import { openStep } from '../sign-in/ticket.ts';
import { endOwnSession } from '../store/sessions.ts';
import { authenticate } from './authenticate.ts';
import { unprovenStandingOf } from './standing.ts';

/**
 * Goes on in another role of the same account: a new session, in the place of the one that asks, as old as that
 * and with the same end. Policy is asked anew: a role that asks for a second factor is not reached by a session that was begun without: it stays until that is proven. One
 * whose own roles have come to ask for a factor can prove it so.
 * @param organisation null for the account's own role, outside any organisation
 */
export async function switchRole(
  corridor: Corridor,
  attempt: Attempt,
  token: string,
  { organisation, role }: { readonly organisation: string | null; readonly role: string },
): Promise<Outcome> {
  const known = await authenticate(corridor, attempt, token);
  if ('kind' in known) return known;
  const now = corridor.clock.now();
  const standing = await unprovenStandingOf(corridor, known.found, known.mount);
  if ('fallen' in standing || standing.principal.kind !== 'account') return refused('token-invalid');
  const { account } = standing.principal.view;
  const { session } = standing;
  const picked = { organisationId: organisation?.toLowerCase() ?? null, role };
  const held = [{ organisation: null, role: account.role }, ...account.memberships];
  const isHeld = held.some(
    (each) => (each.organisation?.id ?? null) === picked.organisationId && each.role?.name === role,
  );
  if (!isHeld) return refused('no-such-role');

  // From here on it is the mount of the session: its settings count.
  const origin = fromSession(corridor, { ...attempt, mount: known.mount }, session);
  const state = stateRefusal(account, origin.mount, picked);
  if (state !== null) return refused(state);
  if (lacksSecondFactor(account, picked, session.methods)) {
    if (dueFactor(account, picked, now) === 'missing') return refused('second-factor-missing');
    const passage = { account, picked, device: null, spends: [], settles: [] };
    return openStep(corridor, origin, passage, 'second-factor', {
      purpose: 'switch',
      sessionId: session.id,
    });
  }
  return issueForAccount(corridor, origin, {
    account,
    picked,
    methods: session.methods,
    device: null,
    spends: endOwnSession(account.id, session.id, 'switched-role', now),
    settles: [
      auditAttempt(origin, now, 'session.switched', {
        sessionId: session.id,
        accountId: account.id,
        organisationId: picked.organisationId,
        detail: { role },
      }),
    ],
    steppedUp: false,
    life: lifeHandedOn(session, known.mount),
  });
}
