import { type AccountWithMemberships, byCodePoint, type Organisation } from '../accounts/account.ts';
import { consumeTicket } from '../store/consume.ts';
import type { Change } from '../store/engine.ts';
import { issueTicket } from '../store/tickets.ts';
import { type PickedRole, stateRefusal } from './account-policy.ts';
import { type Choice, type Outcome, type RefusedChoice, refused } from './attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from './corridor.ts';
import { isAccountLocked } from './prove.ts';
import { dueFactor } from './second-factor.ts';
import { drawTicket, type Passage, readTicket } from './ticket.ts';

interface Entry {
  readonly account: AccountWithMemberships;
  readonly role: string;
  readonly organisation: Organisation | null;
  readonly picked: PickedRole;
}

/**
 * Offers every role of every account of a person: a ticket for each that the password opens and whose state allows it,
 * the reason for each other.
 * @param matched the ids of the accounts whose password it is
 * @param settles gives back what was counted: a role that is refused beside one that is granted is no failed attempt
 */
export async function offerChoices(
  corridor: Corridor,
  attempt: Attempt,
  offered: {
    accounts: readonly AccountWithMemberships[];
    matched: ReadonlySet<string>;
    settles: readonly Change[];
  },
): Promise<Outcome> {
  const entries = offered.accounts.flatMap(entriesOf).sort(inOrder);
  const granted: Choice[] = [];
  const refusedChoices: RefusedChoice[] = [];
  const tickets: Change[] = [];
  for (const { account, role, organisation, picked } of entries) {
    const factor = dueFactor(account, picked, corridor.clock.now());
    const reason = offered.matched.has(account.id)
      ? (stateRefusal(account, attempt.mount, picked) ??
        (factor === 'missing' ? 'second-factor-missing' : null))
      : 'bad-credentials';
    if (reason !== null) {
      refusedChoices.push({ role, organisation, reason });
      continue;
    }
    const fresh = drawTicket(corridor, attempt, { purpose: 'pick', account, picked });
    tickets.push(issueTicket(fresh.ticket));
    granted.push({
      role,
      organisation,
      ticket: fresh.onWire,
      asksSecondFactor: factor !== 'none',
    });
  }
  const accountIds = [...offered.matched];
  const isAnyGranted = granted.length > 0;
  const refusal = refusedChoices.find(isStateRefusal)?.reason ?? 'bad-credentials';
  const event = isAnyGranted ? 'sign-in.choices-offered' : 'sign-in.refused';
  const audit = auditAttempt(attempt, corridor.clock.now(), event, {
    accountId: accountIds[0] ?? null,
    reason: isAnyGranted ? null : refusal,
    detail: { accounts: accountIds, granted: granted.length, refused: refusedChoices.length },
  });
  await corridor.store.commit([...tickets, ...offered.settles, audit]);
  return isAnyGranted ? { kind: 'choices', granted, refused: refusedChoices } : refused(refusal);
}

function isStateRefusal(choice: RefusedChoice): boolean {
  return choice.reason !== 'bad-credentials';
}

/** An account's own role stands outside any organisation; an account without any role is one entry all the same. */
function entriesOf(account: AccountWithMemberships): Entry[] {
  const entries: Entry[] = account.memberships.map(({ organisation, role }) => ({
    account,
    role: role.name,
    organisation,
    picked: { organisationId: organisation.id, role: role.name },
  }));
  if (account.role !== null || entries.length === 0) {
    const role = account.role?.name ?? '';
    entries.unshift({ account, role, organisation: null, picked: { organisationId: null, role } });
  }
  return entries;
}

/** By organisation and role. Every organisation has a name: what is outside of them comes first. */
function inOrder(left: Entry, right: Entry): number {
  return (
    byCodePoint(left.organisation?.name ?? '', right.organisation?.name ?? '') ||
    byCodePoint(left.role, right.role)
  );
}

/** Takes the ticket of a role that was picked. Whatever changed since it was offered counts. */
export async function takePick(
  corridor: Corridor,
  attempt: Attempt,
  presented: string,
): Promise<Passage | Outcome> {
  const taken = await readTicket(corridor, presented, {
    purposes: ['pick'],
    takes: (mount) => mount.name === attempt.mount.name,
  });
  if (!taken || (await isAccountLocked(corridor, taken.account))) return refused('ticket-invalid');
  return {
    account: taken.account,
    picked: taken.ticket.membership,
    device: null,
    spends: [consumeTicket(taken.ticket.secretHash, corridor.clock.now())],
    settles: [],
  };
}
