import type { CeremonyOptions } from '../software-passkey.ts';
import { changeFactors } from './changes.ts';
import { hasRisen, PASSKEY_METHODS } from './codes.ts';
import { complete, draw, forgiveTries, stepTicketAt } from './corridor.ts';
import { isBarred, isShutOut } from './policy.ts';
import { freshSession } from './standing.ts';
import {
  type Account,
  type Challenge,
  DONE,
  type HeldPasskey,
  type Model,
  REFUSED,
  type Signed,
  ticketOf,
  type Verdict,
} from './state.ts';
import { forgive } from './tries.ts';

// Passkeys: as a way in, as a second factor, and an account's own.

/** How long what a passkey is asked to sign is good, in milliseconds. */
export const CHALLENGE_MILLISECONDS = 300_000;

const MOST_PASSKEYS = 20;

/** Begins to give an account a passkey. */
export function enrolPasskey(model: Model, token: string): Verdict {
  const session = freshSession(model, token);
  if (!session || session.account.passkeys.length >= MOST_PASSKEYS) return REFUSED;
  const way = { account: session.account, mount: 'native', picked: null, device: null, session };
  const ticket = draw(model, way, 'enrol-passkey', null);
  return {
    is: 'step',
    ticket: Object.assign(ticket, { expiresAt: model.now + CHALLENGE_MILLISECONDS }),
  };
}

/** Adds a passkey that was made. @param isRight whether it was made for this ticket */
export function addPasskey(
  model: Model,
  given: { token: string; ticket: string; made: HeldPasskey; isRight: boolean },
): Verdict {
  const session = freshSession(model, given.token);
  if (!session) return REFUSED;
  const ticket = ticketOf(model, given.ticket, ['enrol-passkey']);
  if (!ticket || ticket.session !== session) return REFUSED;
  const { account } = session;
  if (!given.isRight) {
    ticket.spent = true;
    return REFUSED;
  }
  const isKnown = model.accounts.some(({ passkeys }) => passkeys.some(({ key }) => key === given.made.key));
  if (account.passkeys.length >= MOST_PASSKEYS || isKnown) return REFUSED;
  ticket.spent = true;
  account.passkeys = [...account.passkeys, given.made];
  account.everyPasskey.push(given.made);
  session.methods = [...session.methods, ...PASSKEY_METHODS];
  changeFactors(model, account, session);
  return DONE;
}

/** Takes a passkey away, by its owner. */
export function removePasskey(model: Model, token: string, unwanted: HeldPasskey | undefined): Verdict {
  const session = freshSession(model, token);
  if (!session?.account.passkeys.some((each) => each === unwanted)) return REFUSED;
  const { account } = session;
  const passkeys = account.passkeys.filter((each) => each !== unwanted);
  if (isShutOut({ ...account, passkeys }, null, model.now) && !isShutOut(account, null, model.now))
    return REFUSED;
  account.passkeys = passkeys;
  changeFactors(model, account, session);
  return DONE;
}

/** Whose a signature is that a challenge asked for and nobody has shown yet; null where it is worth nothing. */
export function signedBy(model: Model, challenge: Challenge | undefined, signed: Signed): Account | null {
  if (!challenge || challenge.spent || challenge.expiresAt <= model.now || signed.token !== challenge.token)
    return null;
  const account = model.accounts.find(({ passkeys }) => passkeys.includes(signed.by));
  return account && hasRisen(signed) ? account : null;
}

/** Signs in with a passkey and nothing else. A challenge is answered once, rightly or not. */
export function signInByPasskey(model: Model, challenge: Challenge | undefined, signed: Signed): Verdict {
  const account = signedBy(model, challenge, signed);
  // One that was signed for another ticket does not even say so.
  if (challenge && signed.token === challenge.token && challenge.expiresAt > model.now)
    challenge.spent = true;
  if (account === null || isBarred(account, 'native', null)) return REFUSED;
  signed.by.counter = signed.counter;
  // What locks an account is not the passkey's to end.
  if (account.passwordTries.lockedUntil > model.now) forgive(account.codeTries);
  else forgiveTries(account, true);
  const way = { account, mount: 'native', picked: null, device: null, session: null };
  return complete(model, way, PASSKEY_METHODS);
}

/** Asks what a passkey must sign at a step. */
export function askAtStep(model: Model, token: string): Verdict {
  const ticket = stepTicketAt(model, 'native', token);
  return ticket?.step === 'second-factor' && ticket.account.passkeys.length > 0 ? DONE : REFUSED;
}

/** Has a passkey sign, and keeps what it has signed: it can be shown again. @param isCopy its count has not risen */
export function sign(
  model: Model,
  by: HeldPasskey,
  asked: { readonly token: string; readonly options: CeremonyOptions; readonly expiresAt: number },
  isCopy: boolean,
): Signed {
  const response = by.key.sign(asked.options, isCopy ? { counter: by.counter } : {});
  const counter = isCopy ? by.counter : by.key.counter;
  const signed = { by, token: asked.token, expiresAt: asked.expiresAt, counter, response };
  model.signed.push(signed);
  return signed;
}
