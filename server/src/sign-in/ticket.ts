import type { AccountWithMemberships } from '../accounts/account.ts';
import { type Device, deviceName } from '../accounts/fingerprint.ts';
import { viewAccount } from '../accounts/view.ts';
import { alphanumeric, opaqueSecret, randomUuid } from '../crypto/secret-text.ts';
import { secretHash } from '../crypto/vault.ts';
import { drawCode } from '../factors/mailed-code.ts';
import type { Mount } from '../mount.ts';
import { TICKET_ATTEMPTS } from '../store/count-attempt.ts';
import type { Change } from '../store/engine.ts';
import { enqueueMail, type QueuedMail } from '../store/outbox.ts';
import { issueTicket, type MailedCode, type Ticket, type TicketPurpose } from '../store/tickets.ts';
import type { PickedRole } from './account-policy.ts';
import { type Outcome, refused, type Step } from './attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from './corridor.ts';
import { mailToAccount } from './mail.ts';
import { isPinMailed } from './second-factor.ts';

const ALPHANUMERIC_LENGTH = 80;

/** A ticket that is about to be issued: what the client gets, and what the store keeps. */
export interface FreshTicket {
  readonly onWire: string;
  readonly ticket: Ticket;
}

/** Draws a ticket for an account, bound to this mount and to the epoch in which its credentials were verified. */
export function drawTicket(
  corridor: Corridor,
  attempt: Attempt,
  bound: {
    purpose: TicketPurpose;
    account: AccountWithMemberships;
    picked: PickedRole | null;
    step?: Step;
    device?: Device | null;
    sessionId?: string;
    /** What it carries; it is sealed. */
    payload?: string;
    lifeSeconds?: number;
  },
): FreshTicket {
  const { mount } = attempt;
  const now = corridor.clock.now();
  const secret = drawSecret(corridor, mount, bound.purpose);
  const expiresAt = now + (bound.lifeSeconds ?? corridor.limits.ticketSeconds) * 1000;
  const ticket: Ticket = {
    secretHash: secretHash(secret),
    purpose: bound.purpose,
    mount: mount.name,
    accountId: bound.account.id,
    epoch: bound.account.epoch,
    membership: bound.picked,
    sessionId: bound.sessionId ?? null,
    step: bound.step ?? null,
    device: bound.device ?? null,
    code: null,
    payloadSealed: bound.payload === undefined ? null : corridor.vault.seal(bound.purpose, bound.payload),
    attempts: 0,
    createdAt: now,
    expiresAt,
    consumedAt: null,
  };
  return {
    onWire: isInsideJwt(mount, bound.purpose)
      ? corridor.stepUpTokens.issue(secret, { issuedAt: now, expiresAt })
      : secret,
    ticket,
  };
}

/** Whether a client sees a ticket inside a JWT: those that it presents as a bearer token. */
function isInsideJwt(mount: Mount, purpose: TicketPurpose): boolean {
  return (purpose === 'pick' || purpose === 'prove') && mount.contract.ticketForm === 'step-up-jwt';
}

function drawSecret(corridor: Corridor, mount: Mount, purpose: TicketPurpose): string {
  if (purpose === 'resend-validation') return randomUuid(corridor.random);
  return mount.contract.ticketForm === 'alphanumeric' && (purpose === 'pick' || purpose === 'prove')
    ? alphanumeric(ALPHANUMERIC_LENGTH, corridor.random)
    : opaqueSecret(corridor.random);
}

/**
 * The ticket behind what a client presented, if it is alive: of one of these purposes, of a mount that may take it, not spent,
 * not tried too often, not expired, its account in the same epoch.
 */
export async function readTicket(
  corridor: Corridor,
  presented: string,
  wanted: {
    purposes: readonly TicketPurpose[];
    takes: (mount: Mount, purpose: TicketPurpose) => boolean;
  },
): Promise<{ ticket: Ticket; mount: Mount; account: AccountWithMemberships } | null> {
  const secret = presented.includes('.') ? corridor.stepUpTokens.verify(presented) : presented;
  if (secret === null) return null;
  const ticket = await corridor.store.tickets.bySecret(secretHash(secret));
  const mount = ticket && corridor.mounts.get(ticket.mount);
  if (!ticket || !mount || !wanted.purposes.includes(ticket.purpose)) return null;
  if (!wanted.takes(mount, ticket.purpose)) return null;
  // A ticket that was handed out inside a JWT is taken inside that JWT only, and the other way round.
  if (presented.includes('.') !== isInsideJwt(mount, ticket.purpose)) return null;
  if (ticket.consumedAt !== null || ticket.attempts >= TICKET_ATTEMPTS) return null;
  if (ticket.expiresAt <= corridor.clock.now()) return null;
  const account = await corridor.store.accounts.byId(ticket.accountId);
  return account && account.epoch === ticket.epoch ? { ticket, mount, account } : null;
}

/** A code for a ticket and the mail that carries it; null when there is no address to send one to, or no more may be sent. */
export async function mailCode(
  corridor: Corridor,
  attempt: Attempt,
  account: AccountWithMemberships,
  ticketHash: string,
  step: Step,
): Promise<{ code: MailedCode; mail: QueuedMail } | null> {
  const now = corridor.clock.now();
  const { digits, code } = drawCode(
    ticketHash,
    { now, lifeSeconds: corridor.limits.pinSeconds },
    corridor.vault,
    corridor.random,
  );
  const kind = step === 'device' ? 'device-code' : 'sign-in-code';
  const message = { kind, digits, expiresAt: code.expiresAt } as const;
  const mail = await mailToAccount(corridor, attempt, account, message, code.expiresAt);
  return mail && { code, mail };
}

/** What passes for a step, as far as it is one thing: what was mailed, or what the account has. */
export function factorAskedFor(
  { factors }: AccountWithMemberships,
  step: Step | null,
  isMailed: boolean,
): string {
  const own = [
    ...(isMailed || step === 'device' ? ['email'] : []),
    ...(step !== 'device' && factors.totpSealed !== null ? ['totp'] : []),
    ...(step !== 'device' && factors.hasPasskey ? ['passkey'] : []),
  ];
  return own.length > 0 ? own.join(' ') : 'recovery-codes';
}

/** What has led to a step or a session: who, in which role, from where, and what is committed with it. */
export interface Passage {
  readonly account: AccountWithMemberships;
  readonly picked: PickedRole | null;
  readonly device: Device | null;
  /** Spends what was shown; each with a guard. */
  readonly spends: readonly Change[];
  /** Gives back what was counted. */
  readonly settles: readonly Change[];
}

/**
 * Stops before the last step: hands out a ticket for the step that is due, and mails its code where there is one.
 * @param successor the session that ends when the step is passed, and why the one in its place is begun
 */
export async function openStep(
  corridor: Corridor,
  attempt: Attempt,
  passage: Passage,
  step: Step,
  successor?: { readonly purpose: 'switch' | 'prove-again'; readonly sessionId: string },
): Promise<Outcome> {
  const { account, picked, device } = passage;
  const { purpose = 'prove', ...replaced } = successor ?? {};
  const fresh = drawTicket(corridor, attempt, { purpose, account, picked, step, device, ...replaced });
  const mailed =
    step === 'device' || isPinMailed(account, picked, fresh.ticket.createdAt, purpose)
      ? await mailCode(corridor, attempt, account, fresh.ticket.secretHash, step)
      : null;
  const now = fresh.ticket.createdAt;
  const committed = await corridor.store.commit([
    ...passage.spends,
    issueTicket({ ...fresh.ticket, code: mailed?.code ?? null }),
    ...passage.settles,
    ...(mailed ? [enqueueMail(mailed.mail)] : []),
    auditAttempt(attempt, now, 'sign-in.step-required', {
      accountId: account.id,
      organisationId: picked?.organisationId ?? null,
      factor: factorAskedFor(account, step, mailed !== null),
      device: device && deviceName(device.fingerprintHash),
      reason: step,
      detail: { mailed: mailed !== null },
    }),
  ]);
  if (!committed.ok) return refused('ticket-invalid');
  if (mailed) corridor.mailQueued();
  const decoy = isInsideJwt(attempt.mount, purpose)
    ? drawTicket(corridor, attempt, { purpose: 'prove', account, picked }).onWire
    : '';
  return {
    kind: 'step-required',
    step,
    ticket: fresh.onWire,
    decoy,
    view: viewAccount(account, attempt.mount.organisation),
    at: now,
  };
}
