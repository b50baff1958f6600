import type { Answer } from '../app.ts';
import type { TestCore } from '../core.ts';
import { allMailSent } from '../owner.ts';
import type { PrintedMail } from '../printed-mail.ts';
import type { LiveSessions } from './live-sessions.ts';
import type { Servers } from './servers.ts';
import type { Model, SessionToken, Ticket, Verdict } from './state.ts';
import { type Asked, type FoundToken, tokensIn } from './wire.ts';

// The real service, and what is held against the model after every step.

/** What a step did, and what must have come of it. */
export interface Done {
  /** In words, for the account of a failure. */
  readonly what: string;
  readonly verdict: Verdict;
  readonly answer: Answer;
  /**
   * For each account that may get a session by this step, what policy asked for and was not shown: judged before the step, by
   * what was really shown. An account that is not there may get none.
   */
  readonly owed?: ReadonlyMap<string, readonly string[]>;
  /** The ticket in an answer that asks for a step. */
  readonly ticketIn?: (body: Answer['body']) => unknown;
  /** It was asked at once with another: then having to wait for that one is as good as a refusal. */
  readonly isBeside?: boolean;
  /** Tickets for which a code is on its way by mail. */
  readonly mailed?: readonly Ticket[];
}

/** How many steps ended in which way, by the kind of step: what was never reached was not tested. */
export type Tally = Map<string, Map<string, number>>;

/** What runs are played on, one after the other. */
export interface Stage {
  /** The store as operators have it, the clock that the servers go by, and what they are configured with. */
  readonly core: TestCore;
  readonly servers: Servers;
  readonly mail: PrintedMail;
  readonly live: LiveSessions;
  readonly tally: Tally;
}

/** One run of steps against the service. */
export class World {
  readonly core: TestCore;
  readonly servers: Servers;
  /** What happened, in words. */
  readonly trace: string[] = [];
  /** Everything that looked like a token and is none of a session, nor of a step. */
  readonly strays: string[] = ['x'.repeat(43), ''];
  readonly #mail: PrintedMail;
  readonly #tally: Tally;
  readonly #live: LiveSessions;

  constructor({ core, servers, mail, live, tally }: Stage) {
    this.core = core;
    this.servers = servers;
    this.#mail = mail;
    this.#tally = tally;
    this.#live = live;
  }

  /** Posts to the server whose turn it is. */
  ask(asked: Asked): Promise<Answer> {
    return this.servers.post(asked);
  }

  /**
   * Posts so often at once, to one server after the other. It must end as if it had been asked one after the other: the answers
   * are in that order, since of all that is done here, what works works the first time, and who must wait has to wait for what
   * came before.
   */
  async askAtOnce(times: number, asked: Asked): Promise<Answer[]> {
    const answers = await Promise.all(
      Array.from({ length: times }, (_, after) => this.servers.post(asked, after)),
    );
    return answers.sort((one, other) => one.status - other.status);
  }

  /** Asks the server whose turn it is with a bearer token. */
  call(method: string, path: string, token: string): Promise<Answer> {
    return this.servers.call(method, path, token);
  }

  /** Counts a step that was taken. @param ended how it ended, in a word */
  count(kind: string, ended: string): void {
    const endings = this.#tally.get(kind) ?? new Map<string, number>();
    this.#tally.set(kind, endings.set(ended, (endings.get(ended) ?? 0) + 1));
  }

  /** Holds what a step did against the model, and takes up what it brought. */
  async settle(model: Model, kind: string, done: Done): Promise<void> {
    const { what, verdict, answer } = done;
    const found = tokensIn(answer);
    const ended = outcomeOf(model, done, found);
    this.trace.push(`${what} → ${ended} (${answer.status})`);
    this.count(kind, ended);
    this.#checkProperty(model, done, found);
    const isLate = done.isBeside === true && verdict.is === 'refused' && ended === 'throttled';
    this.#must(ended === verdict.is || isLate, `the last step was to be: ${verdict.is}`);
    this.#takeUp(model, done, found);
    await this.#takeMail(done);
    await this.checkStore(model);
  }

  /** The code in the next mail to an address. */
  mailedTo(address: string): Promise<string> {
    return this.#mail.code(address);
  }

  /** When all is over: nobody was mailed a code that the model does not know of. */
  async checkMail({ accounts, tickets, signUps }: Model): Promise<void> {
    await allMailSent(this);
    const addresses = [
      ...[...accounts, ...signUps].map(({ email }) => email),
      ...tickets.flatMap(({ address }) => address ?? []),
    ];
    const left = this.#mail.left([...new Set(addresses)]);
    this.#must(left === 0, `${left} codes were mailed that nobody should have had`);
  }

  /**
   * Holds what a server did before it died against the model: whoever asked was told nothing.
   * @param verdict what must have come of it, if it was done; null when it was not
   */
  async settleUntold(model: Model, what: string, verdict: Verdict | null): Promise<void> {
    this.trace.push(`${what} → dead, ${verdict === null ? 'nothing done' : verdict.is}`);
    this.count('die amid', verdict === null ? 'nothing' : verdict.is);
    if (verdict?.is === 'session') {
      const known = new Set(model.sessions.map(({ id }) => id));
      verdict.session.id = (await this.#stored(model)).find((id) => !known.has(id)) ?? '';
    }
    await allMailSent(this);
    await this.checkStore(model);
  }

  /** The sessions that are alive in the store are the model's. */
  async checkStore(model: Model): Promise<void> {
    const stored = await this.#stored(model);
    const known = model.sessions.filter(({ ended }) => !ended).map(({ id }) => id);
    const same = stored.length === known.length && known.sort().every((id, at) => id === stored[at]);
    this.#must(same, `the store has the sessions ${stored.join(' ')}, and not ${known.join(' ')}`);
  }

  #stored({ accounts }: Model): Promise<string[]> {
    return this.#live.of(accounts.map(({ id }) => id));
  }

  /** No session without every step that policy asked for, in whatever answer it is. */
  #checkProperty(model: Model, { owed }: Done, found: readonly FoundToken[]): void {
    for (const { sessionId, subject } of found) {
      if (model.sessions.some(({ id }) => id === sessionId)) continue;
      const account =
        subject ?? found.find((each) => each.subject !== null && each.sessionId === sessionId)?.subject;
      const missing = owed?.get(account ?? '') ?? ['everything'];
      this.#must(missing.length === 0, `a session came without ${missing.join(' and ')}`);
    }
  }

  #takeUp(model: Model, { verdict, answer, ticketIn }: Done, found: readonly FoundToken[]): void {
    if (verdict.is === 'step') verdict.ticket.token = String(ticketIn?.(answer.body));
    if (verdict.is === 'choices') takeChoices(verdict.tickets, answer);
    if (typeof answer.body?.data?.refreshToken === 'string') this.strays.push(answer.body.data.refreshToken);
    if (verdict.is !== 'session' && verdict.is !== 'refreshed') return;
    const { session } = verdict;
    const [first] = found;
    if (verdict.is === 'session') session.id = first?.sessionId ?? '';
    const take = (text: string, token: Omit<SessionToken, 'session'>) =>
      model.tokens.set(text, { ...token, session });
    for (const { text, kind, counter, expiresAt, sessionId } of found) {
      this.#must(sessionId === session.id, 'there is a token of another session');
      take(text, { kind, counter, expiresAt });
    }
    const { token, loginToken } = answer.body ?? {};
    if (token !== undefined && loginToken !== undefined)
      take(loginToken, { kind: 'opaque', counter: 0, expiresAt: Number.POSITIVE_INFINITY });
  }

  async #takeMail({ verdict, mailed = [] }: Done): Promise<void> {
    const stepped = verdict.is === 'step' ? [verdict.ticket] : [];
    for (const ticket of [...stepped, ...mailed]) {
      const { account, code, purpose } = ticket;
      if (purpose === 'reset') ticket.token = await this.#mail.code(account.email);
      else if (code !== null) code.digits = await this.#mail.code(ticket.address ?? account.email);
    }
  }

  #must(holds: boolean, problem: string): void {
    if (!holds) throw new Error(`${problem}\n  ${this.trace.join('\n  ')}\n`);
  }
}

function outcomeOf(model: Model, { answer, ticketIn }: Done, found: readonly FoundToken[]): Verdict['is'] {
  const { status, body, text } = answer;
  if (status >= 500) throw new Error(`the service failed: ${status} ${text}`);
  const access = found.find(({ kind }) => kind === 'access');
  if (access) return model.sessions.some(({ id }) => id === access.sessionId) ? 'refreshed' : 'session';
  if (found.length > 0) throw new Error(`a refresh token without an access token: ${text}`);
  if (status === 429) return 'throttled';
  if (status === 200 && Array.isArray(body?.result)) return 'choices';
  if (body && typeof ticketIn?.(body) === 'string') return 'step';
  return status < 300 ? 'done' : 'refused';
}

/** Each ticket is that of its organisation and role. */
function takeChoices(tickets: readonly Ticket[], { body }: Answer): void {
  const granted: { role: string; loginToken: string; organisation: { uuid: string } | null }[] =
    body.result[0];
  if (granted.length !== tickets.length)
    throw new Error(`${granted.length} roles were offered, not ${tickets.length}`);
  for (const ticket of tickets) {
    const place = ticket.picked?.organisation?.id;
    const offered = granted.find(
      ({ role, organisation }) => organisation?.uuid === place && role === ticket.picked?.role,
    );
    ticket.token = offered?.loginToken ?? '';
  }
}
