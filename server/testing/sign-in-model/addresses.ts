import { forgetAttached, voidTickets } from './changes.ts';
import { isMailedFor } from './codes.ts';
import { draw } from './corridor.ts';
import { freshSession, ownerSession } from './standing.ts';
import {
  type Account,
  CODE_MILLISECONDS,
  DONE,
  endAllButOne,
  type Model,
  REFUSED,
  type Session,
  THROTTLED,
  type Ticket,
  ticketOf,
  type Verdict,
} from './state.ts';
import { admit, fail } from './tries.ts';

// Where accounts can be reached: the present address proven, or another in its place.

const PURPOSES = ['validate-email', 'change-email'] as const;

/** Whether another account of the same home has an address. */
export function isAnothers({ accounts }: Model, { home }: Pick<Account, 'home'>, address: string): boolean {
  return accounts.some((each) => each.home === home && each.email === address);
}

/** Asks for a code to an address: the account's own, or another that is to take its place. */
export function askForAddress(model: Model, token: string, wanted: string | null): Verdict {
  const session = wanted === null ? ownerSession(model, token) : freshSession(model, token);
  if (!session) return REFUSED;
  const { account, mount } = session;
  for (const purpose of PURPOSES) voidTickets(model, account, purpose);
  const purpose = wanted === null ? 'validate-email' : 'change-email';
  const ticket = draw(model, { account, mount, picked: null, device: null, session }, purpose, null);
  ticket.address = wanted ?? account.email;
  const others = model.accounts.filter((each) => each !== account);
  const isTaken = wanted !== null && isAnothers({ ...model, accounts: others }, account, wanted);
  if (!isTaken) ticket.code = { digits: '', sentAt: model.now, expiresAt: model.now + CODE_MILLISECONDS };
  return { is: 'step', ticket };
}

/** Takes the code that came to an address. */
export function confirmAddress(
  model: Model,
  given: { token: string; ticket: string; code: string },
): Verdict {
  const session = ownerSession(model, given.token);
  if (!session) return REFUSED;
  const ticket = ticketOf(model, given.ticket, PURPOSES);
  if (!ticket || ticket.session !== session) return REFUSED;
  const { account } = session;
  if (!admit(account.codeTries, model.now, false)) return THROTTLED;
  ticket.attempts += 1;
  const others = model.accounts.filter((each) => each !== account);
  const isGone =
    ticket.purpose === 'change-email' &&
    isAnothers({ ...model, accounts: others }, account, ticket.address ?? '');
  if (!isMailedFor(ticket, given.code, model.now) || isGone) {
    fail(account.codeTries, model.now, null);
    return REFUSED;
  }
  ticket.spent = true;
  take(model, ticket, session);
  return DONE;
}

function take(model: Model, { purpose, address }: Ticket, session: Session): void {
  const { account, methods } = session;
  const isTakenOver = !account.validated && !methods.includes('pwd');
  if (isTakenOver) {
    endAllButOne(model, account, null);
    account.devices.clear();
    forgetAttached(account);
    account.passwords[0] = null;
  } else if (purpose === 'change-email') endAllButOne(model, account, session);
  account.validated = true;
  if (purpose === 'validate-email' || address === null) return;
  model.formerAddresses.push({ address: account.email, home: account.home });
  account.email = address;
}
