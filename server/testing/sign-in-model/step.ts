import fc from 'fast-check';
import { CAST_SIZE } from './cast.ts';
import { SERVERS } from './servers.ts';
import { type Account, isAlive, type Model, type SessionToken, type Ticket } from './state.ts';
import type { World } from './world.ts';

/** What a kind of step does with what was drawn for it. */
export type Act<Drawn> = (model: Model, world: World, drawn: Drawn) => Promise<void>;

/** A step as fast-check runs it. */
export type Step = fc.AsyncCommand<Model, World>;

/** Makes steps of a kind, at any of the servers. Every step can be taken at any time: what is not there is made up. */
export function steps<Drawn>(kind: string, drawn: fc.Arbitrary<Drawn>, act: Act<Drawn>): fc.Arbitrary<Step> {
  return fc.tuple(drawn, fc.nat(SERVERS - 1)).map(([values, server]) => ({
    check: () => true,
    run: (model: Model, world: World) => {
      world.servers.turnTo(server);
      return act(model, world, values);
    },
    toString: () => `${kind}(${JSON.stringify(values)}, server ${server})`,
  }));
}

/** How far back in a list: the newest most of the time. */
export const back = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.nat(3) },
  { weight: 2, arbitrary: fc.nat(40) },
);

/** Yes, once in so many times. */
export function seldom(times: number): fc.Arbitrary<boolean> {
  return fc.oneof(
    { weight: times - 1, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  );
}

/** The one that is so far back in a list. */
export function fromEnd<Item>(items: readonly Item[], far: number): Item | undefined {
  return items.at(-1 - (far % Math.max(1, items.length)));
}

/** Whose it is, from the lead on: two of them most of the time, so that what belongs together meets. */
export const who = fc.oneof(
  { weight: 5, arbitrary: fc.nat(1) },
  { weight: 2, arbitrary: fc.nat(CAST_SIZE - 1) },
);

/** The account of that place, from the lead on. */
export function accountAt({ accounts, lead }: Model, place: number): Account {
  const account = accounts[(lead + place) % accounts.length];
  if (!account) throw new Error('there are no accounts');
  return account;
}

/** Which token is shown: one that is good, any of its kind, or any at all; and how far back. */
export const whichToken = fc.record({
  far: back,
  of: fc.oneof(
    { weight: 8, arbitrary: fc.constant<WhichToken['of']>('the good') },
    { weight: 3, arbitrary: fc.constant<WhichToken['of']>('its kind') },
    { weight: 1, arbitrary: fc.constant<WhichToken['of']>('all') },
  ),
});

/** A token that is drawn. */
export interface WhichToken {
  readonly far: number;
  readonly of: 'the good' | 'its kind' | 'all';
}

/** The text of a ticket's token, or of any other token there ever was. */
export function ticketToken(
  model: Model,
  world: World,
  purposes: readonly Ticket['purpose'][],
  { far, of }: WhichToken,
): string {
  const tickets = model.tickets.filter(({ purpose, token }) => purposes.includes(purpose) && token !== '');
  const isGood = (ticket: Ticket) => isAlive(model, ticket) && ticket.session?.ended !== true;
  const chosen = of === 'the good' ? tickets.filter(isGood) : tickets;
  return of === 'all'
    ? anyToken(model, world, far)
    : (fromEnd(chosen, far)?.token ?? anyToken(model, world, far));
}

/** The text of a session's token of a kind, or of any other token there ever was. */
export function sessionToken(
  model: Model,
  world: World,
  kinds: readonly SessionToken['kind'][],
  { far, of }: WhichToken,
): string {
  const tokens = [...model.tokens].filter(([, { kind }]) => kinds.includes(kind));
  const isGood = ([, { session, expiresAt, kind, counter }]: (typeof tokens)[number]) =>
    !session.ended && expiresAt > model.now && (kind !== 'refresh' || counter === session.counter);
  const chosen = of === 'the good' ? tokens.filter(isGood) : tokens;
  return of === 'all'
    ? anyToken(model, world, far)
    : (fromEnd(chosen, far)?.[0] ?? anyToken(model, world, far));
}

/** The newest access token of the session that a ticket goes on from. */
export function ownToken({ tokens }: Model, ticket: Ticket | undefined): string | undefined {
  const own = [...tokens].findLast(
    ([, { kind, session }]) => kind === 'access' && session === ticket?.session,
  );
  return own?.[0];
}

function anyToken(model: Model, world: World, far: number): string {
  const all = [...world.strays, ...model.tokens.keys(), ...model.tickets.map(({ token }) => token)];
  return fromEnd(all, far * 7) ?? '';
}

/** The account to which something belongs, for the account of a failure. */
export function nameOf(account: Account | undefined): string {
  return account?.username ?? 'nobody';
}

/** Whom a token is of, for the account of a failure. */
export function tokenInWords(model: Model, token: string): string {
  const known = model.tokens.get(token);
  if (known)
    return `${known.kind} token of ${nameOf(known.session.account)}’s session ${model.sessions.indexOf(known.session)}`;
  const at = model.tickets.findIndex((each) => each.token === token);
  const ticket = model.tickets[at];
  return ticket ? `ticket ${at} (${nameOf(ticket.account)}: ${ticket.purpose})` : 'a token of nothing';
}
