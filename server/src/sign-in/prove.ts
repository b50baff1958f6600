import type { AccountWithMemberships } from '../accounts/account.ts';
import { deviceOf } from '../accounts/fingerprint.ts';
import type { Proof, Proven, Shown, Wrong } from '../factors/factor.ts';
import { FACTORS } from '../factors/index.ts';
import { mailedPin } from '../factors/mailed-code.ts';
import { recordFailedSignIn } from '../store/accounts.ts';
import { consumeTicket } from '../store/consume.ts';
import { type AttemptLimit, countTicketAttempt, forgiveAttempts } from '../store/count-attempt.ts';
import type { Change } from '../store/engine.ts';
import { enqueueMail } from '../store/outbox.ts';
import { endOwnSession } from '../store/sessions.ts';
import { replaceTicketCode, type Ticket, type TicketPurpose } from '../store/tickets.ts';
import { stateRefusal } from './account-policy.ts';
import { type Command, type Outcome, refused } from './attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from './corridor.ts';
import { issueForAccount } from './issue.ts';
import { accountKey, factorKey, failHolds, type Hold, releaseHolds } from './throttle.ts';
import { mailCode, readTicket } from './ticket.ts';

/** The shortest time between two codes mailed for one ticket. */
const RESEND_MILLISECONDS = 30_000;

/** What completes a step: a ticket of a sign-in, or of a session that goes on in another role or is proven again. */
const PURPOSES = ['prove', 'switch', 'prove-again'] as const;

/** Whose tickets a mount takes: its own, and challenges when its contract serves those of every mount. */
function takesTicketsOf(attempt: Attempt) {
  return (origin: Attempt['mount'], purpose: TicketPurpose): boolean =>
    (purpose === 'prove' && origin.name === attempt.mount.name) ||
    (attempt.mount.contract.servesEveryMount &&
      (purpose !== 'prove' || origin.contract.ticketForm === 'challenge'));
}

/** The ticket of a step that waits at this door, if it is alive. */
export function readStepTicket(
  corridor: Corridor,
  attempt: Attempt,
  presented: string,
): ReturnType<typeof readTicket> {
  return readTicket(corridor, presented, { purposes: PURPOSES, takes: takesTicketsOf(attempt) });
}

/** Whether an organisation's lock holds the account now. */
export async function isAccountLocked(corridor: Corridor, account: AccountWithMemberships): Promise<boolean> {
  const state = await corridor.store.attempts.state(accountKey(account.id));
  return state !== null && state.lockedUntil > corridor.clock.now();
}

/** How many wrong codes an account may have, over everything; they are never forgotten but by a completed sign-in. */
function factorLimit(corridor: Corridor): AttemptLimit {
  return {
    maxFailures: corridor.limits.maxFailures,
    waitSeconds: corridor.limits.lockSeconds,
    lockAfter: null,
    forgets: false,
  };
}

/**
 * Proves the step that a ticket waits for, and completes the sign-in. Every try is counted, on the ticket and on the
 * account, before the code is looked at.
 */
export async function prove(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'prove' }>,
): Promise<Outcome> {
  const taken = await readStepTicket(corridor, attempt, command.ticket);
  if (!taken || !fits(corridor, taken.ticket, command)) return refused('ticket-invalid');
  const { ticket, account } = taken;
  // From here on it is the mount where the sign-in began: its settings and its wording count.
  const origin: Attempt = { ...attempt, mount: taken.mount };

  const state = stateRefusal(account, origin.mount, ticket.membership);
  if (state !== null) return refused(state);
  if (await isAccountLocked(corridor, account)) return refused('code-invalid');

  const admission = await corridor.throttle.admit(
    { key: factorKey(account.id), limit: factorLimit(corridor) },
    attempt.caller.arrivedAt,
  );
  if (admission.kind !== 'held') return admission;
  const counted = await corridor.store.commit([countTicketAttempt(ticket.secretHash, corridor.clock.now())]);
  if (!counted.ok) {
    await corridor.throttle.release([admission.hold]);
    return refused('ticket-invalid');
  }
  const proven = await evaluate(corridor, ticket, account, command.proof);
  if (proven === null || 'wrong' in proven)
    return refuseCode(corridor, origin, { ticket, hold: admission.hold, wrong: proven });

  const outcome = await issueForAccount(corridor, origin, {
    account,
    picked: ticket.membership,
    methods: ['pwd', ...proven.methods],
    device: ticket.device === null ? null : { accountId: account.id, ...ticket.device },
    spends: [
      ...replacedSession(ticket, corridor.clock.now()),
      consumeTicket(ticket.secretHash, corridor.clock.now()),
      ...proven.spends,
    ],
    settles: [
      ...releaseHolds([admission.hold]),
      forgiveAttempts(accountKey(account.id), factorKey(account.id)),
    ],
    steppedUp: true,
  });
  // A code that was used before is a wrong one. What else refuses at the last moment has not given the place back.
  if (outcome.kind === 'refused' && outcome.reason === 'code-invalid')
    return refuseCode(corridor, origin, { ticket, hold: admission.hold, wrong: null });
  if (outcome.kind === 'refused') await corridor.throttle.release([admission.hold]);
  else corridor.throttle.settled([admission.hold, { ...admission.hold, key: accountKey(account.id) }]);
  return outcome;
}

/** Whether this endpoint completes the step that is due, from the device that began where it says so. */
function fits(corridor: Corridor, ticket: Ticket, command: Extract<Command, { kind: 'prove' }>): boolean {
  if (command.step !== null && command.step !== ticket.step) return false;
  if (command.fingerprint === null) return true;
  return (
    ticket.device?.fingerprintHash ===
    deviceOf(ticket.accountId, command.fingerprint, corridor.vault).fingerprintHash
  );
}

/** The session that another takes the place of ends with the step; once it has ended, nothing goes on from it. */
function replacedSession({ accountId, sessionId, purpose }: Ticket, now: number): Change[] {
  const reason = purpose === 'switch' ? 'switched-role' : 'proven-again';
  return sessionId === null ? [] : endOwnSession(accountId, sessionId, reason, now);
}

/** What a proof amounts to; null for a wrong one. A device is confirmed by the code that was mailed for it, and by nothing else. */
async function evaluate(
  corridor: Corridor,
  ticket: Ticket,
  account: AccountWithMemberships,
  proof: Proof,
): Promise<Proven | Wrong | null> {
  const { store, vault, clock, webauthn } = corridor;
  const shown: Shown = { proof, ticket, account, now: clock.now(), vault, store, webauthn };
  if (ticket.step === 'device') return (await mailedPin.check(shown)) && { methods: ['email'], spends: [] };
  for (const factor of FACTORS) {
    const proven = await factor.check(shown);
    if (proven !== null) return proven;
  }
  return null;
}

interface RefusedCode {
  readonly ticket: Ticket;
  readonly hold: Hold;
  /** What the audit log should know beside the step. */
  readonly wrong: Wrong | null;
}

async function refuseCode(
  corridor: Corridor,
  attempt: Attempt,
  { ticket, hold, wrong }: RefusedCode,
): Promise<Outcome> {
  const now = corridor.clock.now();
  await corridor.store.commit([
    recordFailedSignIn(ticket.accountId),
    ...failHolds([hold], now),
    auditAttempt(attempt, now, 'code.refused', {
      accountId: ticket.accountId,
      reason: wrong?.wrong ?? ticket.step,
    }),
  ]);
  await corridor.addressLimit.fail(attempt.caller.address);
  corridor.throttle.settled([hold]);
  return refused('code-invalid');
}

/**
 * Mails a new code for a ticket, in place of the last one; at most one in half a minute. Says the same whether or not
 * one was sent: a ticket that waits for a TOTP code has none to send.
 */
export async function resend(corridor: Corridor, attempt: Attempt, presented: string): Promise<Outcome> {
  const taken = await readStepTicket(corridor, attempt, presented);
  if (!taken) return refused('ticket-invalid');
  const { ticket, account, mount } = taken;
  const mailed =
    ticket.code !== null && ticket.step !== null
      ? mailCode(corridor, account, ticket.secretHash, ticket.step)
      : null;
  if (!mailed) return { kind: 'resent' };
  const now = mailed.code.sentAt;
  const committed = await corridor.store.commit([
    replaceTicketCode(ticket.secretHash, mailed.code, now - RESEND_MILLISECONDS),
    enqueueMail(mailed.mail),
    auditAttempt({ ...attempt, mount }, now, 'code.resent', { accountId: account.id }),
  ]);
  if (committed.ok) corridor.mailQueued();
  return { kind: 'resent' };
}
