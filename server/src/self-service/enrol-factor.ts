import { declined } from '../commands/decline.ts';
import type { EnrolledFactor } from '../commands/factor.ts';
import type { Proven } from '../factors/factor.ts';
import { drawCode, mailedPin, normalCode } from '../factors/mailed-code.ts';
import { drawTotpSeed, inviteToTotp, totpStep } from '../factors/totp.ts';
import type { Owner } from '../sessions/owner.ts';
import { type Command, type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import { admitCode, isClosedToGuesses, refuseCode } from '../sign-in/count-code.ts';
import { throughGate } from '../sign-in/gate.ts';
import { mailToAccount } from '../sign-in/mail.ts';
import { isPinMailed, ownsFactor } from '../sign-in/second-factor.ts';
import { releaseHolds } from '../sign-in/throttle.ts';
import { drawTicket, readTicket } from '../sign-in/ticket.ts';
import { setMailedPin, setTotpSeed } from '../store/account-factors.ts';
import { consumeTicket, raiseTotpStep, voidTickets } from '../store/consume.ts';
import type { Change } from '../store/engine.ts';
import { enqueueMail } from '../store/outbox.ts';
import { setSessionMethods } from '../store/sessions.ts';
import { issueTicket, type Ticket, type TicketPurpose } from '../store/tickets.ts';
import { changeOwnFactors, freshRecoveryCodes } from './change-factors.ts';
import { freshOwnerBehind } from './fresh-owner.ts';

/** Where the factor waits to be confirmed: nowhere but in the ticket, so that before then it neither counts nor gates. */
const PURPOSES = { totp: 'enrol-totp', email: 'enrol-email' } as const satisfies Record<
  EnrolledFactor,
  TicketPurpose
>;

/** Begins to give an account a factor, new or in the place of its last one. */
export async function beginEnrolment(
  corridor: Corridor,
  attempt: Attempt,
  { token, factor }: Extract<Command, { kind: 'enrol-factor' }>,
): Promise<Outcome> {
  const owner = await freshOwnerBehind(corridor, attempt, token);
  if ('kind' in owner) return owner;
  return factor === 'totp' ? beginTotp(corridor, owner) : beginMailedPin(corridor, owner);
}

async function beginTotp(corridor: Corridor, { account, session, origin }: Owner): Promise<Outcome> {
  const secret = drawTotpSeed(corridor.random);
  const purpose = PURPOSES.totp;
  const bound = { purpose, account, picked: null, sessionId: session.id, payload: secret };
  const { onWire, ticket } = drawTicket(corridor, origin, bound);
  await corridor.store.commit([voidTickets(account.id, [purpose], ticket.createdAt), issueTicket(ticket)]);
  const name = account.email ?? account.username ?? account.phone ?? account.id;
  const invitation = inviteToTotp(secret, { issuer: corridor.totpIssuer(), account: name });
  return { kind: 'enrolment', ticket: onWire, totp: { secret, ...invitation } };
}

async function beginMailedPin(corridor: Corridor, { account, session, origin }: Owner): Promise<Outcome> {
  const { clock, limits, random, store, vault } = corridor;
  const now = clock.now();
  const wanted = { ...account, factors: { ...account.factors, email: true } };
  if (account.email === null) return declined('no-address');
  if (!isPinMailed(wanted, null, now)) return declined('factor-not-allowed');
  const purpose = PURPOSES.email;
  const bound = { purpose, account, picked: null, sessionId: session.id };
  const { onWire, ticket } = drawTicket(corridor, origin, bound);
  const { digits, code } = drawCode(
    ticket.secretHash,
    { now, lifeSeconds: limits.pinSeconds },
    vault,
    random,
  );
  const message = { kind: 'address-code', digits, expiresAt: code.expiresAt } as const;
  const mail = await mailToAccount(corridor, origin, account, message, code.expiresAt);
  await store.commit([
    voidTickets(account.id, [purpose], now),
    // A code that nobody is sent opens nothing.
    issueTicket({ ...ticket, code: mail && code }),
    ...(mail ? [enqueueMail(mail)] : []),
  ]);
  corridor.mailQueued();
  return { kind: 'enrolment', ticket: onWire, totp: null };
}

/**
 * Confirms a factor by a code of it: from then on it is asked for. The session goes on as one that has shown it. Tries
 * count with those of signing in, and the first factor of an account comes with recovery codes.
 */
export function confirmEnrolment(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'confirm-factor' }>,
): Promise<Outcome> {
  return throughGate(corridor, attempt, async () => {
    const owner = await freshOwnerBehind(corridor, attempt, command.token);
    if ('kind' in owner) return owner;
    const taken = await readTicket(corridor, command.ticket, {
      purposes: [PURPOSES[command.factor]],
      takes: () => true,
    });
    if (!taken || taken.ticket.sessionId !== owner.session.id) return refused('ticket-invalid');
    return confirm(corridor, owner, taken.ticket, command);
  });
}

async function confirm(
  corridor: Corridor,
  owner: Owner,
  ticket: Ticket,
  { factor, code }: { factor: EnrolledFactor; code: string },
): Promise<Outcome> {
  const { account, session, origin } = owner;
  const hold = await admitCode(corridor, origin, ticket);
  if ('kind' in hold) return hold;
  const evaluate = factor === 'totp' ? evaluateTotp : evaluateMailedPin;
  const proven = isClosedToGuesses(hold) ? null : await evaluate(corridor, owner, ticket, code);
  if (proven === null)
    return refuseCode(corridor, origin, { accountId: account.id, hold, reason: 'enrolment', factor });

  const now = corridor.clock.now();
  const isFirst = !ownsFactor(account) && (await corridor.store.recoveryCodes.leftOf(account.id)).size === 0;
  const { codes, changes } = isFirst ? freshRecoveryCodes(corridor, account.id) : { codes: [], changes: [] };
  const committed = await corridor.store.commit([
    consumeTicket(ticket.secretHash, now),
    ...(await changeOwnFactors(corridor, owner, {
      factor,
      what: 'factor-added',
      changes: [...proven.changes, ...changes],
    })),
    setSessionMethods(session.id, [...new Set([...session.methods, ...proven.methods])]),
    ...releaseHolds([hold]),
    auditAttempt(origin, now, 'factor.added', {
      accountId: account.id,
      sessionId: session.id,
      factor,
      detail: { recoveryCodes: codes.length },
    }),
  ]);
  if (!committed.ok) {
    await corridor.throttle.release([hold]);
    return refused('ticket-invalid');
  }
  corridor.throttle.settled([hold]);
  corridor.mailQueued();
  return { kind: 'recovery-codes', codes };
}

/** A code that confirms, what it amounts to, and what turns its factor on. */
type Confirmed = Pick<Proven, 'methods'> & { readonly changes: readonly Change[] };

/** A code of the seed that waits in the ticket. It is a sign-in's no more: its time step is spent. */
async function evaluateTotp(
  { vault, clock }: Corridor,
  { account }: Owner,
  { payloadSealed }: Ticket,
  code: string,
): Promise<Confirmed | null> {
  if (payloadSealed === null) throw new Error('an enrolment without a seed');
  const seed = vault.unseal(PURPOSES.totp, payloadSealed);
  const step = totpStep(seed, normalCode(code), clock.now());
  if (step === null) return null;
  const changes = [setTotpSeed(account.id, vault.seal('totp', seed)), raiseTotpStep(account.id, step)];
  return { methods: ['otp', 'mfa'], changes };
}

/** The code that was mailed with the ticket. */
async function evaluateMailedPin(
  { store, vault, clock, webauthn }: Corridor,
  { account }: Owner,
  ticket: Ticket,
  code: string,
): Promise<Confirmed | null> {
  const proof = { kind: 'code', code } as const;
  const proven = await mailedPin.check({ proof, ticket, account, now: clock.now(), vault, store, webauthn });
  return proven && { methods: proven.methods, changes: [setMailedPin(account.id, true)] };
}
