import { isMailedFor, mailWorth, stepOf } from './codes.ts';
import { draw } from './corridor.ts';
import { hasOwnProof, isFresh, isPinMailed, isShutOut, ownsFactor } from './policy.ts';
import { confirmPassword, freshSession, ownerSession } from './standing.ts';
import {
  type Account,
  CODE_MILLISECONDS,
  DONE,
  endAllButOne,
  isAlive,
  type Model,
  REFUSED,
  type Session,
  THROTTLED,
  type Ticket,
  ticketOf,
  type Verdict,
} from './state.ts';
import { admit, fail, forgive, pass } from './tries.ts';

// What people change: factors, recovery codes, passwords.

/** Factors that can be taken away. */
export type Removable = 'totp' | 'email' | 'recovery-codes';

/** Begins to give an account a factor. */
export function enrol(model: Model, token: string, factor: 'totp' | 'email'): Verdict {
  const session = freshSession(model, token);
  if (!session) return REFUSED;
  const { account, mount } = session;
  if (factor === 'email' && !isPinMailed({ ...account, mailedPin: true }, null, model.now)) return REFUSED;
  const purpose = factor === 'totp' ? 'enrol-totp' : 'enrol-email';
  voidTickets(model, account, purpose);
  const ticket = draw(model, { account, mount, picked: null, device: null, session }, purpose, null);
  if (factor === 'email')
    ticket.code = { digits: '', sentAt: model.now, expiresAt: model.now + CODE_MILLISECONDS };
  return { is: 'step', ticket };
}

/** Ends what an account holds for one purpose. */
export function voidTickets(model: Model, account: Account, purpose: Ticket['purpose']): void {
  for (const ticket of model.tickets)
    if (ticket.account === account && ticket.purpose === purpose) ticket.spent = true;
}

/** Confirms a factor by a code of it. @returns whether a set of recovery codes comes with it, too */
export function confirm(
  model: Model,
  given: { token: string; ticket: string; factor: 'totp' | 'email'; code: string },
): { verdict: Verdict; account: Account | null } {
  const no = (verdict: Verdict) => ({ verdict, account: null });
  const session = freshSession(model, given.token);
  if (!session) return no(REFUSED);
  const ticket = ticketOf(model, given.ticket, [given.factor === 'totp' ? 'enrol-totp' : 'enrol-email']);
  if (!ticket || ticket.session !== session) return no(REFUSED);
  const { account } = session;
  if (!admit(account.codeTries, model.now, false)) return no(THROTTLED);
  ticket.attempts += 1;
  const methods = methodsOf(model, ticket, given);
  if (methods === null) {
    fail(account.codeTries, model.now, null);
    return no(REFUSED);
  }
  const isFirst = !ownsFactor(account) && account.recoveryCodes.size === 0;
  ticket.spent = true;
  if (ticket.seed === null) account.mailedPin = true;
  else {
    account.totpStep = Math.max(account.totpStep, stepOf(ticket.seed, given.code, model.now) ?? 0);
    account.seed = ticket.seed;
    account.seedIsVouched = false;
  }
  session.methods = [...session.methods, ...methods];
  changeFactors(model, account, session);
  return { verdict: DONE, account: isFirst ? account : null };
}

function methodsOf(model: Model, ticket: Ticket, { code }: { code: string }): string[] | null {
  if (ticket.seed !== null) return stepOf(ticket.seed, code, model.now) === null ? null : ['otp', 'mfa'];
  return isMailedFor(ticket, code, model.now) ? ['email', mailWorth(ticket.account, model.now)] : null;
}

/** What comes with every change of factors. */
export function changeFactors(model: Model, account: Account, kept: Session | null): void {
  endAllButOne(model, account, kept);
  account.devices.clear();
  if (!hasOwnProof(account)) account.recoveryCodes.clear();
}

function has(account: Account, factor: Removable): boolean {
  if (factor === 'totp') return account.seed !== null;
  return factor === 'email' ? account.mailedPin : account.recoveryCodes.size > 0;
}

/** Takes a factor away, whoever does: an operator keeps no session. */
export function takeAway(model: Model, account: Account, factor: Removable, kept: Session | null): void {
  if (factor === 'totp') account.seed = null;
  else if (factor === 'email') account.mailedPin = false;
  else account.recoveryCodes.clear();
  changeFactors(model, account, kept);
}

/** Takes a factor away, by its owner. */
export function remove(model: Model, token: string, factor: Removable): Verdict {
  const session = freshSession(model, token);
  if (!session || !has(session.account, factor)) return REFUSED;
  const { account } = session;
  const left = {
    ...account,
    seed: factor === 'totp' ? null : account.seed,
    mailedPin: account.mailedPin && factor !== 'email',
  };
  if (isShutOut(left, null, model.now) && !isShutOut(account, null, model.now)) return REFUSED;
  takeAway(model, account, factor, session);
  return DONE;
}

/** Asks for a new set of recovery codes. */
export function renewCodes(model: Model, token: string): { verdict: Verdict; account: Account | null } {
  const session = freshSession(model, token);
  if (!session || !hasOwnProof(session.account)) return { verdict: REFUSED, account: null };
  session.account.recoveryCodes.clear();
  changeFactors(model, session.account, session);
  return { verdict: DONE, account: session.account };
}

/** Asks for a code for a new password. @returns a ticket for everybody to whom one is mailed */
export function forgot(model: Model, mount: string, named: readonly Account[]): Ticket[] {
  return named
    .filter(({ active }) => active)
    .map((account) => {
      voidTickets(model, account, 'reset');
      const ticket = draw(
        model,
        { account, mount, picked: null, device: null, session: null },
        'reset',
        null,
      );
      return Object.assign(ticket, { expiresAt: model.now + 3_600_000 });
    });
}

/** Sets a new password with a code that was mailed. */
export function reset(model: Model, at: string, code: string, password: string): Verdict {
  const ticket = ticketOf(model, code, ['reset']);
  const isTakenHere = ticket && (ticket.mount === at || ticket.mount === 'native' || at === 'native');
  if (!ticket || !isTakenHere || !isAlive(model, ticket)) return REFUSED;
  const { account } = ticket;
  if (!account.active || isReused(account, password)) return REFUSED;
  ticket.spent = true;
  setPassword(model, account, password, null);
  account.resetAt = model.now;
  forgetAttached(account);
  account.validated = true;
  forgive(account.passwordTries);
  return DONE;
}

/** What a stranger may have attached goes when the owner of the address proves it. */
export function forgetAttached(account: Account): void {
  if (account.validated) return;
  account.recoveryCodes.clear();
  account.passkeys = [];
  if (!account.seedIsVouched) account.seed = null;
}

/** Changes the password of somebody who is signed in. */
export function change(model: Model, token: string, present: string, password: string): Verdict {
  const session = ownerSession(model, token);
  if (!session) return REFUSED;
  const { account } = session;
  if (ownsFactor(account) && !isFresh(session, model.now)) return REFUSED;
  const confirmed = confirmPassword(model, account, present);
  if (confirmed !== DONE) return confirmed;
  if (isReused(account, password)) return REFUSED;
  pass(account.passwordTries);
  setPassword(model, account, password, session);
  return DONE;
}

function isReused(account: Account, password: string): boolean {
  return account.passwords.slice(0, 5).includes(password);
}

function setPassword(model: Model, account: Account, password: string, kept: Session | null): void {
  if (account.passwords[0] === null) account.passwords.shift();
  account.passwords.unshift(password);
  endAllButOne(model, account, kept);
  account.devices.clear();
}
