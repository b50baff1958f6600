import fc from 'fast-check';
import { nextNumber } from '../app.ts';
import { askForAddress, confirmAddress } from './addresses.ts';
import { chooseCode, codeKinds } from './code-choice.ts';
import type { Account, Model } from './state.ts';
import {
  back,
  fromEnd,
  ownToken,
  type Step,
  seldom,
  sessionToken,
  steps,
  ticketToken,
  tokenInWords,
  whichToken,
} from './step.ts';
import { bearer } from './wire.ts';

/** Which address is wanted: the present one proven, or one that is new, another's, given up, or asked for by another. */
const wishes = fc.oneof(
  { weight: 3, arbitrary: fc.constant('the own' as const) },
  { weight: 4, arbitrary: fc.constant('a new' as const) },
  { weight: 3, arbitrary: fc.constantFrom('another’s' as const, 'a former' as const, 'a wanted' as const) },
);

type Wish = typeof wishes extends fc.Arbitrary<infer Each> ? Each : never;

/**
 * An address that is wanted. Those that there are, are tried in their own home only: in several, two people would share a
 * mailbox, and nobody could say whose code is which.
 */
function addressFor(model: Model, account: Account | undefined, wish: Wish, far: number): string | null {
  if (wish === 'the own') return null;
  const home = account?.home ?? null;
  const isHere = (each: { home: Account['home'] }) => each.home === home;
  const known = {
    'a new': [],
    'another’s': model.accounts.filter((each) => isHere(each) && each !== account).map(({ email }) => email),
    'a former': model.formerAddresses.filter(isHere).map(({ address }) => address),
    'a wanted': model.tickets.flatMap((each) =>
      each.purpose === 'change-email' && isHere(each.account) ? [each.address ?? ''] : [],
    ),
  }[wish];
  return fromEnd(known, far) ?? `moved${nextNumber()}@example.com`;
}

const askings = steps(
  'ask for an address',
  fc.record({ token: whichToken, wish: wishes, far: back }),
  async (model, world, drawn) => {
    const token = sessionToken(model, world, ['access'], drawn.token);
    const address = addressFor(model, model.tokens.get(token)?.session.account, drawn.wish, drawn.far);
    const what = `ask for ${drawn.wish} address with ${tokenInWords(model, token)}`;
    const verdict = askForAddress(model, token, address);
    const [path, body] = address === null ? ['/v1/email/validate', {}] : ['/v1/email', { email: address }];
    const answer = await world.ask([path, body, bearer(token)]);
    const ticketIn = (answered: { challenge_token?: unknown }) => answered.challenge_token;
    await world.settle(model, 'ask for an address', { what, verdict, answer, ticketIn });
  },
);

const confirmations = steps(
  'confirm an address',
  fc.record({ token: whichToken, ticket: whichToken, own: seldom(8), code: codeKinds, far: fc.nat(3) }),
  async (model, world, drawn) => {
    const ticketText = ticketToken(model, world, ['validate-email', 'change-email'], drawn.ticket);
    const ticket = model.tickets.find(({ token }) => token === ticketText);
    const token =
      (drawn.own ? undefined : ownToken(model, ticket)) ??
      sessionToken(model, world, ['access'], drawn.token);
    const code = chooseCode(model, ticket, drawn.code, drawn.far);
    const what = `confirm an address of ${tokenInWords(model, ticketText)} by ${drawn.code} code with ${tokenInWords(model, token)}`;
    const verdict = confirmAddress(model, { token, ticket: ticketText, code });
    const body = { challenge_token: ticketText, code };
    const answer = await world.ask(['/v1/email/confirm', body, bearer(token)]);
    await world.settle(model, 'confirm an address', { what, verdict, answer });
  },
);

/** What people do about their addresses. */
export const ADDRESS_STEPS: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 5, arbitrary: askings },
  { weight: 4, arbitrary: confirmations },
];
