import { evaluate, type Proof } from './codes.ts';
import { isBarred, isFactorDue, isPinMailed, isShutOut, lockAfter } from './policy.ts';
import {
  type Account,
  CODE_MILLISECONDS,
  type Held,
  isAlive,
  type Model,
  REFUSED,
  type Session,
  THROTTLED,
  TICKET_MILLISECONDS,
  type Ticket,
  ticketOf,
  type Verdict,
} from './state.ts';
import { admit, fail, forgive, mayBegin, noTries, pass, type Tries } from './tries.ts';

// Signing in: begin, pick, prove, resend.

/** What leads to a step or a session. */
export interface Way {
  readonly account: Account;
  readonly mount: string;
  readonly picked: Held | null;
  readonly device: string | null;
  /** The session in whose place the next one comes. */
  readonly session: Session | null;
}

/** The contracts whose steps are completed at the native API. */
const CHALLENGES = ['profile', 'credential-type', 'login', 'native'];

/** Shows a password for a name. @param named the accounts that have it, those tried first in front */
export function begin(
  model: Model,
  given: { mount: string; named: readonly Account[]; password: string; device: string | null },
): Verdict {
  const { mount, named, password, device } = given;
  const { now } = model;
  if (named.length === 0) {
    if (!admit(model.nobodyTries, now, true)) return THROTTLED;
    fail(model.nobodyTries, now, null);
    return REFUSED;
  }
  const held = named.filter((each) => admitPassword(each, device, now));
  if (held.length === 0) return THROTTLED;
  const matched = held.filter(
    (each) => each.passwordTries.lockedUntil <= now && each.passwords[0] === password,
  );
  if (matched.length === 0) {
    for (const each of held) failPassword(each, device, now);
    return held.length < named.length ? THROTTLED : REFUSED;
  }
  for (const each of matched) {
    pass(each.passwordTries);
    const own = triesFrom(each, device);
    if (own) forgive(own);
  }
  if (mount === 'role-picker') return offer(model, matched);
  const [account] = matched;
  if (!account) return REFUSED;
  return proceed(model, { account, mount, picked: null, device, session: null });
}

/** What failed from a device; null unless the account recognises it. */
function triesFrom(account: Account, device: string | null): Tries | null {
  if (device === null || !account.recognisesDevices || !account.devices.has(device)) return null;
  const tries = account.deviceTries.get(device) ?? noTries();
  account.deviceTries.set(device, tries);
  return tries;
}

/** Whether a password may be tried: of whom the account recognises the device, only what failed from there counts. */
export function mayTryPassword(account: Account, device: string | null, now: number): boolean {
  return mayBegin(triesFrom(account, device) ?? account.passwordTries, now);
}

function admitPassword(account: Account, device: string | null, now: number): boolean {
  const own = triesFrom(account, device);
  if (own && !admit(own, now, true)) return false;
  return admit(account.passwordTries, now, true) || own !== null;
}

/** A try that began while the account had to wait counts for its device alone. */
function failPassword(account: Account, device: string | null, now: number): void {
  const own = triesFrom(account, device);
  if (own) fail(own, now, null);
  if (mayBegin(account.passwordTries, now)) fail(account.passwordTries, now, lockAfter(account));
}

/** A ticket for every role that the password opens. */
function offer(model: Model, matched: readonly Account[]): Verdict {
  const tickets = matched.flatMap((account) => {
    const roles = account.roles.length > 0 ? account.roles : [{ organisation: null, role: '' }];
    return roles
      .filter((held) => !isBarred(account, 'role-picker', held) && !isShutOut(account, held, model.now))
      .map((picked) =>
        draw(model, { account, mount: 'role-picker', picked, device: null, session: null }, 'pick', null),
      );
  });
  return tickets.length > 0 ? { is: 'choices', tickets } : REFUSED;
}

/** Takes up a role that was offered. */
export function pick(model: Model, token: string): Verdict {
  const ticket = ticketOf(model, token, ['pick']);
  if (!ticket || ticket.account.passwordTries.lockedUntil > model.now) return REFUSED;
  const { account, mount, picked } = ticket;
  const verdict = proceed(model, { account, mount, picked, device: null, session: null });
  if (verdict !== REFUSED) ticket.spent = true;
  return verdict;
}

/** The password was right: a step that is due, or a session. */
function proceed(model: Model, way: Way): Verdict {
  const { account, mount, picked, device } = way;
  if (isBarred(account, mount, picked) || isShutOut(account, picked, model.now)) return REFUSED;
  if (isFactorDue(account, picked)) return { is: 'step', ticket: draw(model, way, 'prove', 'second-factor') };
  const isFirst = device !== null && !account.hadDevice;
  const isKnown = device !== null && account.devices.has(device);
  if (account.recognisesDevices && !isFirst && !isKnown)
    return { is: 'step', ticket: draw(model, way, 'prove', 'device') };
  forgiveTries(account, false);
  return complete(model, way, ['pwd']);
}

/** Hands out a ticket. Its token and its code are known when the answer and the mail are there. */
export function draw(model: Model, way: Way, purpose: Ticket['purpose'], step: Ticket['step']): Ticket {
  const { account, mount, picked, device, session } = way;
  const isMailed = step === 'device' || (step !== null && isPinMailed(account, picked, model.now, purpose));
  const ticket: Ticket = {
    token: '',
    purpose,
    mount,
    account,
    epoch: account.epoch,
    picked,
    step,
    device,
    session,
    seed: null,
    options: null,
    address: null,
    code: isMailed ? { digits: '', sentAt: model.now, expiresAt: model.now + CODE_MILLISECONDS } : null,
    olderDigits: [],
    attempts: 0,
    expiresAt: model.now + TICKET_MILLISECONDS,
    spent: false,
  };
  model.tickets.push(ticket);
  return ticket;
}

/** Begins a session: every step was passed. @param life of the session in whose place it goes on in another role */
export function complete(
  model: Model,
  way: Way,
  methods: readonly string[],
  life: Partial<Pick<Session, 'createdAt' | 'family'>> = {},
): Verdict {
  const { account, mount, picked, device } = way;
  if (way.session) way.session.ended = true;
  if (account.recognisesDevices && device !== null) {
    account.devices.add(device);
    account.hadDevice = true;
  }
  const { now } = model;
  const { createdAt = now, family = Symbol() } = life;
  const begun = { account, mount, picked, methods, createdAt, family, counter: 0, rotatedAt: now };
  const session: Session = { id: '', ...begun, ended: false, endedAt: null };
  model.sessions.push(session);
  return { is: 'session', session };
}

/** A completed sign-in forgets wrong passwords, and wrong codes where a factor was shown or none is asked for. */
export function forgiveTries(account: Account, isFactorShown: boolean): void {
  forgive(account.passwordTries);
  if (isFactorShown || !isFactorDue(account, null)) forgive(account.codeTries);
}

/** The endpoints that complete a step, in the words of their contracts. */
export type ProveAt = 'native' | 'role-picker' | 'fingerprint' | 'fingerprint-device';

/** The ticket of a step that waits at an endpoint. */
export function stepTicketAt(model: Model, at: ProveAt, token: string): Ticket | undefined {
  const ticket = ticketOf(model, token, ['prove', 'switch', 'prove-again']);
  if (!ticket) return undefined;
  const mount = at === 'fingerprint-device' ? 'fingerprint' : at;
  const isOwn = ticket.purpose === 'prove' && ticket.mount === mount;
  const isChallenge = at === 'native' && (ticket.purpose !== 'prove' || CHALLENGES.includes(ticket.mount));
  return isOwn || isChallenge ? ticket : undefined;
}

/** Shows a code, or what a passkey has signed, for a step. @param device of the request, where the endpoint wants one */
export function prove(
  model: Model,
  given: { at: ProveAt; token: string; code: Proof; device: string },
): Verdict {
  const { at, token, code, device } = given;
  const ticket = stepTicketAt(model, at, token);
  if (!ticket) return REFUSED;
  const { account, mount, picked, step, session } = ticket;
  if (at === 'fingerprint' && step !== 'second-factor') return REFUSED;
  if (at === 'fingerprint-device' && (step !== 'device' || ticket.device !== device)) return REFUSED;
  if (isBarred(account, mount, picked)) return REFUSED;
  if (step === 'device' ? isFactorDue(account, picked) : isShutOut(account, picked, model.now))
    return REFUSED;
  if (account.passwordTries.lockedUntil > model.now) return REFUSED;
  const before = ticket.purpose === 'switch' ? session : null;
  if (before !== null && isOver(model, before)) return REFUSED;
  if (!admit(account.codeTries, model.now, false)) return THROTTLED;
  ticket.attempts += 1;
  const shown = evaluate(model, ticket, code);
  if (shown !== null && session?.ended) return REFUSED;
  if (shown === null || shown.isSpent) {
    fail(account.codeTries, model.now, null);
    return REFUSED;
  }
  ticket.spent = true;
  shown.spend();
  forgiveTries(account, step === 'second-factor');
  const way = { account, mount, picked, device: ticket.device, session };
  return complete(model, way, ['pwd', ...shown.methods], before ? { family: before.family } : {});
}

/** Whether all that a session has handed out has expired: where it has no refresh tokens, it ends with that. */
function isOver({ tokens, now }: Model, session: Session): boolean {
  const own = [...tokens.values()].filter((token) => token.session === session);
  return own.length > 0 && own.every(({ kind, expiresAt }) => kind === 'access' && expiresAt <= now);
}

/** Asks for a new code. @returns the verdict, and the ticket for which one is mailed */
export function resend(
  model: Model,
  at: ProveAt,
  token: string,
): { verdict: Verdict; mailed: Ticket | null } {
  const ticket = stepTicketAt(model, at, token);
  if (!ticket || !isAlive(model, ticket)) return { verdict: REFUSED, mailed: null };
  const { account, picked, step, code, purpose } = ticket;
  const isWanted = step === 'device' || isPinMailed(account, picked, model.now, purpose);
  if (code === null || !isWanted || code.sentAt > model.now - 30_000)
    return { verdict: { is: 'done' }, mailed: null };
  ticket.olderDigits.push(code.digits);
  ticket.code = { digits: '', sentAt: model.now, expiresAt: model.now + CODE_MILLISECONDS };
  return { verdict: { is: 'done' }, mailed: ticket };
}
