import type { AccountWithMemberships } from '../accounts/account.ts';
import { deviceOf } from '../accounts/fingerprint.ts';
import type { Factor, Proof, Proven, Shown, Wrong } from '../factors/factor.ts';
import { FACTORS } from '../factors/index.ts';
import { mailedPin } from '../factors/mailed-code.ts';
import type { Mount } from '../mount.ts';
import { recordFailedSignIn } from '../store/accounts.ts';
import { consumeTicket } from '../store/consume.ts';
import type { Change } from '../store/engine.ts';
import { enqueueMail } from '../store/outbox.ts';
import { endOwnSession } from '../store/sessions.ts';
import { replaceTicketCode, type Ticket, type TicketPurpose } from '../store/tickets.ts';
import { stateRefusal } from './account-policy.ts';
import { tellOfFailures } from './after-failures.ts';
import { type Command, type Outcome, type Refusal, refused } from './attempt.ts';
import { type Attempt, auditAttempt, type Corridor, fromTicket } from './corridor.ts';
import { admitCode, isClosedToGuesses, refuseCode } from './count-code.ts';
import { issueForAccount, type Life, lifeHandedOn } from './issue.ts';
import { noticeChanges } from './notice.ts';
import { dueFactor, forgiveFailures, isPinMailed } from './second-factor.ts';
import { accountKey, type Hold, releaseHolds } from './throttle.ts';
import { factorAskedFor, mailCode, readTicket } from './ticket.ts';

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
  const origin = fromTicket({ ...attempt, mount: taken.mount }, ticket);

  const obstacle = obstacleTo(corridor, origin, ticket, account);
  if (obstacle !== null) return refused(obstacle);
  if (await isAccountLocked(corridor, account)) return refused('code-invalid');
  const life = ticket.purpose === 'switch' ? await lifeOfSwitched(corridor, ticket, taken.mount) : undefined;
  if (life === null) return refused('ticket-invalid');

  const hold = await admitCode(corridor, attempt, ticket);
  if ('kind' in hold) return hold;
  const proven = await evaluate(corridor, ticket, account, { proof: command.proof, hold });
  if (proven === null || 'wrong' in proven)
    return refuseStep(corridor, origin, { ticket, account, command, hold, wrong: proven });

  const alarms = await tellOfFailures(corridor, account);
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
      ...releaseHolds([hold]),
      ...alarms,
      forgiveFailures(account, ticket.step === 'second-factor', corridor.clock.now()),
      ...(await recoveryNotice(corridor, origin, account, proven)),
    ],
    mails: alarms.length > 0 || proven.recoveryCodesLeft !== undefined,
    steppedUp: true,
    ...(life && { life }),
  });
  // A code that was used before is a wrong one. What else refuses at the last moment has not given the place back.
  if (outcome.kind === 'refused' && outcome.reason === 'code-invalid')
    return refuseStep(corridor, origin, { ticket, account, command, hold, wrong: null });
  if (outcome.kind === 'refused') await corridor.throttle.release([hold]);
  else corridor.throttle.settled([hold]);
  return outcome;
}

/** What has come in the way since the ticket was handed out: the account's state, or what policy has come to ask for. */
function obstacleTo(
  corridor: Corridor,
  origin: Attempt,
  ticket: Ticket,
  account: AccountWithMemberships,
): Refusal | null {
  const state = stateRefusal(account, origin.mount, ticket.membership);
  if (state !== null) return state;
  const factor = dueFactor(account, ticket.membership, corridor.clock.now());
  // A device alone opens nothing that asks for a second factor by now: that sign-in has to begin again.
  if (ticket.step === 'device') return factor === 'none' ? null : 'ticket-invalid';
  return factor === 'missing' ? 'second-factor-missing' : null;
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

/**
 * The life of a session that goes on in a role that asked for this step: it was proven just now, and ends when the one before
 * it would have. Null when that has.
 */
async function lifeOfSwitched(
  { store, clock }: Corridor,
  { sessionId }: Ticket,
  mount: Mount,
): Promise<Life | null> {
  const before = sessionId === null ? null : await store.principals.bySession(sessionId);
  if (before === null) return null;
  const now = clock.now();
  const life = lifeHandedOn(before.session, mount);
  return life.expiresAt <= now ? null : { ...life, createdAt: now };
}

/** What a proof amounts to; null for a wrong one. A device is confirmed by the code that was mailed for it, and by nothing else. */
async function evaluate(
  corridor: Corridor,
  ticket: Ticket,
  account: AccountWithMemberships,
  { proof, hold }: { proof: Proof; hold: Hold },
): Promise<Proven | Wrong | null> {
  const { store, vault, clock, webauthn } = corridor;
  const shown: Shown = { proof, ticket, account, now: clock.now(), vault, store, webauthn };
  const isTaken = (factor: Factor) => !(factor.isGuessable && isClosedToGuesses(hold));
  if (ticket.step === 'device') {
    const proven = isTaken(mailedPin) ? await mailedPin.check(shown) : null;
    return proven && { methods: ['email'], spends: [] };
  }
  for (const factor of FACTORS.filter(isTaken)) {
    if (factor === mailedPin && !isPinMailed(account, ticket.membership, shown.now, ticket.purpose)) continue;
    const proven = await factor.check(shown);
    if (proven !== null) return proven;
  }
  return null;
}

/** Tells the owner that a recovery code was used, and writes it down, in the commit that spends it. */
async function recoveryNotice(
  corridor: Corridor,
  attempt: Attempt,
  account: AccountWithMemberships,
  { recoveryCodesLeft: left }: Proven,
): Promise<Change[]> {
  if (left === undefined) return [];
  const at = corridor.clock.now();
  return [
    ...(await noticeChanges(corridor, attempt, account, { kind: 'recovery-code-used', left, at })),
    auditAttempt(attempt, at, 'recovery-code.used', {
      accountId: account.id,
      factor: 'recovery',
      detail: { left },
    }),
  ];
}

interface RefusedStep {
  readonly ticket: Ticket;
  readonly account: AccountWithMemberships;
  readonly command: Extract<Command, { kind: 'prove' }>;
  readonly hold: Hold;
  /** What the audit log should know in the place of the step. */
  readonly wrong: Wrong | null;
}

/** A wrong code for a step counts in the account's totals too. */
function refuseStep(
  corridor: Corridor,
  attempt: Attempt,
  { ticket, account, command, hold, wrong }: RefusedStep,
): Promise<Outcome> {
  const { accountId, step } = ticket;
  const reason = wrong?.wrong ?? step ?? 'second-factor';
  const factor =
    command.proof.kind === 'passkey' ? 'passkey' : factorAskedFor(account, step, ticket.code !== null);
  return refuseCode(corridor, attempt, { accountId, hold, reason, factor }, [recordFailedSignIn(accountId)]);
}

/**
 * Mails a new code for a ticket, in place of the last one; at most one in half a minute. Says the same whether or not
 * one was sent: a ticket that waits for a TOTP code has none to send.
 */
export async function resend(corridor: Corridor, attempt: Attempt, presented: string): Promise<Outcome> {
  const taken = await readStepTicket(corridor, attempt, presented);
  if (!taken) return refused('ticket-invalid');
  const { ticket, account, mount } = taken;
  const origin = fromTicket({ ...attempt, mount }, ticket);
  const before = corridor.clock.now() - RESEND_MILLISECONDS;
  const isWanted =
    ticket.step === 'device' || isPinMailed(account, ticket.membership, corridor.clock.now(), ticket.purpose);
  // What the statement below would refuse is not counted as sent either.
  const isDue = ticket.step !== null && ticket.code !== null && ticket.code.sentAt <= before && isWanted;
  const mailed = isDue ? await mailCode(corridor, origin, account, ticket.secretHash, ticket.step) : null;
  if (!mailed) return { kind: 'resent' };
  const now = mailed.code.sentAt;
  await corridor.store.commit([
    replaceTicketCode(ticket.secretHash, mailed.code, now - RESEND_MILLISECONDS),
    enqueueMail(mailed.mail),
    auditAttempt(origin, now, 'code.resent', { accountId: account.id, factor: 'email' }),
  ]);
  corridor.mailQueued();
  return { kind: 'resent' };
}
