import fc from 'fast-check';
import { newPasskey } from '../passkeys.ts';
import { prove } from './corridor.ts';
import {
  addPasskey,
  askAtStep,
  CHALLENGE_MILLISECONDS,
  enrolPasskey,
  removePasskey,
  sign,
  signedBy,
  signInByPasskey,
} from './passkeys.ts';
import { NOTHING_SHOWN, owedWith, owing } from './sign-in-steps.ts';
import { type Challenge, DONE, type HeldPasskey, type Model, REFUSED, type Signed } from './state.ts';
import {
  accountAt,
  back,
  fromEnd,
  nameOf,
  ownToken,
  type Step,
  seldom,
  sessionToken,
  steps,
  ticketToken,
  tokenInWords,
  whichToken,
  who,
} from './step.ts';
import { bearer, STEPS } from './wire.ts';

const ticketIn = (body: { challenge_token?: unknown }) => body.challenge_token;

/** What somebody asks to be signed who was given nothing to sign. */
const NOTHING_ASKED = { challenge: 'bm90aGluZw' };

const enrolments = steps('enrol passkey', whichToken, async (model, world, drawn) => {
  const token = sessionToken(model, world, ['access'], drawn);
  const what = `enrol a passkey with ${tokenInWords(model, token)}`;
  const verdict = enrolPasskey(model, token);
  const answer = await world.ask(['/v1/factors/passkeys/options', {}, bearer(token)]);
  if (verdict.is === 'step') verdict.ticket.options = answer.body.options;
  await world.settle(model, 'enrol passkey', { what, verdict, answer, ticketIn });
});

const additions = steps(
  'add passkey',
  fc.record({ token: whichToken, ticket: whichToken, own: seldom(8), forged: seldom(6), again: seldom(8) }),
  async (model, world, drawn) => {
    const ticketText = ticketToken(model, world, ['enrol-passkey'], drawn.ticket);
    const ticket = model.tickets.find(({ token }) => token === ticketText);
    const token =
      (drawn.own ? undefined : ownToken(model, ticket)) ??
      sessionToken(model, world, ['access'], drawn.token);
    // Once more for its own account only: an authenticator that is told of another forgets whose it was.
    const known = drawn.again && ticket?.options ? ticket.account.passkeys[0] : undefined;
    const made: HeldPasskey = known ?? { key: newPasskey(), counter: 0 };
    const forgery = drawn.forged ? NOTHING_ASKED : {};
    const passkey = made.key.make(ticket?.options ?? NOTHING_ASKED, forgery);
    const what = `add ${known ? 'a known' : 'a'} passkey for ${tokenInWords(model, ticketText)} with ${tokenInWords(model, token)}`;
    const verdict = addPasskey(model, { token, ticket: ticketText, made, isRight: !drawn.forged });
    const body = { challenge_token: ticketText, passkey };
    const answer = await world.ask(['/v1/factors/passkeys', body, bearer(token)]);
    await world.settle(model, 'add passkey', { what, verdict, answer });
  },
);

const removals = steps(
  'remove passkey',
  fc.record({ token: whichToken, far: back, who, foreign: seldom(6) }),
  async (model, world, drawn) => {
    const token = sessionToken(model, world, ['access'], drawn.token);
    const own = model.tokens.get(token)?.session.account;
    const owner = drawn.foreign || !own ? accountAt(model, drawn.who) : own;
    const unwanted = fromEnd(owner.everyPasskey, drawn.far);
    const what = `remove a passkey of ${nameOf(owner)} with ${tokenInWords(model, token)}`;
    const verdict = removePasskey(model, token, unwanted);
    const answer = await world.call('DELETE', `/v1/factors/passkeys/${unwanted?.key.id ?? 'none'}`, token);
    await world.settle(model, 'remove passkey', { what, verdict, answer });
  },
);

const askings = steps('ask for a passkey', fc.constant(null), async (model, world) => {
  const answer = await world.ask(['/v1/passkeys/sign-in-options', {}]);
  const { challenge_token: token, options } = answer.body;
  model.challenges.push({ token, options, expiresAt: model.now + CHALLENGE_MILLISECONDS, spent: false });
  await world.settle(model, 'ask for a passkey', { what: 'ask for a passkey', verdict: DONE, answer });
});

/** How a passkey is used: as it should be; what it has signed before; a copy, that does not know how often it has signed. */
const uses = fc.oneof(
  { weight: 6, arbitrary: fc.constant('fresh' as const) },
  { weight: 2, arbitrary: fc.constant('again' as const) },
  { weight: 1, arbitrary: fc.constant('copied' as const) },
);

interface Use {
  readonly use: 'fresh' | 'again' | 'copied';
  readonly far: number;
  readonly who: number;
}

/** A passkey that somebody has, or had; of those meant most often, somebody who ever had one. */
function passkeyOf(model: Model, { who: place, far }: Use): HeldPasskey {
  const account = accountAt(model, place);
  const owner = account.everyPasskey.length > 0 ? account : model.accounts.findLast(hasOrHad);
  return fromEnd(owner?.everyPasskey ?? [], far) ?? { key: newPasskey(), counter: 0 };
}

const hasOrHad = ({ everyPasskey }: { everyPasskey: readonly HeldPasskey[] }) => everyPasskey.length > 0;

const signIns = steps(
  'sign in by passkey',
  fc.record({
    use: uses,
    far: back,
    who,
    challenge: back,
    spent: seldom(6),
    elsewhere: seldom(12),
    twice: seldom(4),
  }),
  async (model, world, drawn) => {
    const open = model.challenges.filter((each) => !each.spent && each.expiresAt > model.now);
    const asked = fromEnd(drawn.spent || open.length === 0 ? model.challenges : open, drawn.challenge);
    const nothing: Challenge = { token: 'x'.repeat(43), options: NOTHING_ASKED, expiresAt: 0, spent: false };
    const earlier = drawn.use === 'again' ? fromEnd(model.signed, drawn.far) : undefined;
    const signed = earlier ?? sign(model, passkeyOf(model, drawn), asked ?? nothing, drawn.use === 'copied');
    const token = drawn.elsewhere ? (model.challenges[0]?.token ?? '') : signed.token;
    const challenge = model.challenges.find((each) => each.token === token);
    const what = `sign in by a passkey, ${drawn.use}, for challenge ${model.challenges.indexOf(challenge ?? nothing)}`;
    const expected = Array.from({ length: drawn.twice ? 2 : 1 }, () => {
      const owed = owedBy(model, challenge, signed);
      return { what, owed, verdict: signInByPasskey(model, challenge, signed) };
    });
    const body = { challenge_token: token, passkey: signed.response };
    const answers = await world.askAtOnce(expected.length, ['/v1/passkeys/sign-in', body]);
    for (const [time, answer] of answers.entries())
      await world.settle(model, `sign in by passkey ${drawn.use}`, {
        ...(expected[time] ?? { what, verdict: REFUSED }),
        answer,
      });
  },
);

/** A passkey is both factors at once, if it is right: whatever the server makes of it. */
function owedBy(model: Model, challenge: Challenge | undefined, signed: Signed): Map<string, string[]> {
  const account = signedBy(model, challenge, signed);
  if (account === null) return new Map();
  return owing(model, { ...NOTHING_SHOWN, account, mount: 'native', password: true, factor: 'passkey' });
}

const proofs = steps(
  'prove by passkey',
  fc.record({ token: whichToken, use: uses, far: back, who, foreign: seldom(8) }),
  async (model, world, drawn) => {
    const token = ticketToken(model, world, ['prove', 'switch', 'prove-again'], drawn.token);
    const what = `ask for a passkey for ${tokenInWords(model, token)}`;
    const verdict = askAtStep(model, token);
    const expiresAt = model.now + CHALLENGE_MILLISECONDS;
    const answer = await world.ask(['/v1/challenges/passkey', { challenge_token: token }]);
    await world.settle(model, 'ask at a step', { what, verdict, answer });

    const ticket = model.tickets.find((each) => each.token === token);
    const own = drawn.foreign ? undefined : fromEnd(ticket?.account.passkeys ?? [], drawn.far);
    const options = answer.body.options ?? NOTHING_ASKED;
    const asked = { token, options, expiresAt: Math.min(expiresAt, ticket?.expiresAt ?? 0) };
    const earlier = drawn.use === 'again' ? fromEnd(model.signed, drawn.far) : undefined;
    const signed = earlier ?? sign(model, own ?? passkeyOf(model, drawn), asked, drawn.use === 'copied');
    const owed = owedWith(model, 'native', token, signed);
    await world.settle(model, `prove by passkey ${drawn.use}`, {
      what: `show a passkey, ${drawn.use}, for ${tokenInWords(model, token)}`,
      owed,
      verdict: prove(model, { at: 'native', token, code: signed, device: 'device 0' }),
      answer: await world.ask(STEPS.native.provePasskey(token, signed.response)),
    });
  },
);

/** What is done with passkeys. */
export const PASSKEY_STEPS: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 4, arbitrary: enrolments },
  { weight: 3, arbitrary: additions },
  { weight: 2, arbitrary: removals },
  { weight: 2, arbitrary: askings },
  { weight: 4, arbitrary: signIns },
  { weight: 4, arbitrary: proofs },
];
