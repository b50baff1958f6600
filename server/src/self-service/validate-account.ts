import { type Command, type Outcome, refused } from '../sign-in/attempt.ts';
import { confirmPassword } from '../sign-in/confirm-password.ts';
import { type Attempt, auditAttempt, type Corridor } from '../sign-in/corridor.ts';
import { countAsking, countFailure, throughGate } from '../sign-in/gate.ts';
import { mailToAccount } from '../sign-in/mail.ts';
import { readTicket } from '../sign-in/ticket.ts';
import { validateEmail } from '../store/accounts.ts';
import { consumeTicket } from '../store/consume.ts';
import { noteTicketMail } from '../store/tickets.ts';
import { type LongCode, mailLongCode, readLongCode } from './long-code.ts';
import { lengthDecline } from './new-password.ts';
import { overloadOf, resetWith } from './reset-password.ts';

/** The shortest time between two mails for one code that a refused sign-in gave. */
const RESEND_MILLISECONDS = 30_000;

/**
 * Mails a code that validates the account, to whom a refused sign-in told how to ask for one: so the password was right. Says
 * the same whatever comes of it.
 */
export function resendValidation(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'resend-validation' }>,
): Promise<Outcome> {
  return throughGate(corridor, attempt, () => askForValidation(corridor, attempt, command.code), [
    'accepted',
  ]);
}

async function askForValidation(corridor: Corridor, attempt: Attempt, resendCode: string): Promise<Outcome> {
  const late = await countAsking(corridor, attempt);
  if (late !== null) return late;
  const taken = await readTicket(corridor, resendCode, {
    purposes: ['resend-validation'],
    takes: (mount) => mount.name === attempt.mount.name,
  });
  const now = corridor.clock.now();
  const account = taken?.account.emailValidated === false ? taken.account : null;
  // Its turn is taken before a mail is counted: what comes too soon uses up no budget that others need.
  if (taken && account && !(await takeTurn(corridor, taken.ticket.secretHash, now)))
    return { kind: 'accepted' };
  const mailed =
    account &&
    (await mailLongCode(
      corridor,
      account,
      { purpose: 'validate', mount: attempt.mount.name },
      (message, expiresAt) => mailToAccount(corridor, attempt, account, message, expiresAt),
    ));
  await corridor.store.commit([
    ...(mailed ?? []),
    auditAttempt(attempt, now, 'validation.asked', {
      accountId: taken?.account.id ?? null,
      reason: mailed ? null : taken ? 'nothing-to-validate' : 'unknown-code',
    }),
  ]);
  corridor.mailQueued();
  return { kind: 'accepted' };
}

async function takeTurn({ store }: Corridor, secretHash: string, now: number): Promise<boolean> {
  return (await store.commit([noteTicketMail(secretHash, now, now - RESEND_MILLISECONDS)])).ok;
}

/**
 * Takes a code that was mailed, with a password: one that validates the account needs the account's password, which is
 * counted as at sign-in; one for a new password sets it.
 */
export function validateAccount(
  corridor: Corridor,
  attempt: Attempt,
  command: Extract<Command, { kind: 'validate-account' }>,
): Promise<Outcome> {
  return throughGate(
    corridor,
    attempt,
    async () => {
      const overload = overloadOf(corridor, attempt);
      if (overload !== null) return overload;
      const code = await readLongCode(corridor, attempt, command.code, ['validate', 'reset']);
      if (code === null) {
        return (await countFailure(corridor, attempt)) ?? refused('bad-credentials');
      }
      return code.purpose === 'validate'
        ? validateWith(corridor, code, command.password)
        : setByValidation(corridor, code, command.password);
    },
    ['declined'],
  );
}

async function setByValidation(corridor: Corridor, code: LongCode, password: string): Promise<Outcome> {
  const outcome = lengthDecline(password) ?? (await resetWith(corridor, code, password));
  if (outcome.kind === 'done') return { kind: 'validated', email: code.account.email ?? code.address };
  const isSpent = outcome.kind === 'declined' && outcome.reason === 'reset-token-invalid';
  return isSpent ? refused('bad-credentials') : outcome;
}

async function validateWith(corridor: Corridor, code: LongCode, password: string): Promise<Outcome> {
  const { account, ticket, origin } = code;
  const confirmed = await confirmPassword(corridor, origin, account, password);
  if ('kind' in confirmed) return confirmed;
  const now = corridor.clock.now();
  const committed = await corridor.store.commit([
    consumeTicket(ticket.secretHash, now),
    validateEmail(account.id, code.address),
    ...confirmed.settles,
    auditAttempt(origin, now, 'account.validated', { accountId: account.id }),
  ]);
  if (!committed.ok) {
    await corridor.throttle.release([confirmed.hold]);
    return refused('bad-credentials');
  }
  corridor.throttle.settled([confirmed.hold]);
  return { kind: 'validated', email: account.email ?? code.address };
}
