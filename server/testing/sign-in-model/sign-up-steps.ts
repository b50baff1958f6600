import fc from 'fast-check';
import { nextNumber } from '../app.ts';
import { PASSWORDS } from './cast.ts';
import { confirmSignUp, isKnown, wouldSignUp } from './sign-ups.ts';
import { CODE_MILLISECONDS, DONE, type Model, REFUSED, type SignUp } from './state.ts';
import { back, fromEnd, type Step, seldom, steps } from './step.ts';
import { tokensIn } from './wire.ts';
import type { World } from './world.ts';

/** Whose address is given: one of nobody's, one that somebody is signing up with, somebody's, or one that was given up. */
const addressees = fc.oneof(
  { weight: 4, arbitrary: fc.constant('a new' as const) },
  { weight: 3, arbitrary: fc.constantFrom('a wanted' as const, 'somebody’s' as const, 'a former' as const) },
);

const beginnings = steps(
  'sign up',
  fc.record({
    whose: addressees,
    far: back,
    namesake: seldom(8),
    password: fc.constantFrom(...PASSWORDS),
  }),
  async (model, world, { whose, far, namesake, password }) => {
    const isNowhere = ({ home }: { home: object | null }) => home === null;
    const known = {
      'a new': [],
      'a wanted': model.signUps.map(({ email }) => email),
      'somebody’s': model.accounts.filter(isNowhere).map(({ email }) => email),
      'a former': model.formerAddresses.filter(isNowhere).map(({ address }) => address),
    }[whose];
    const name = `new${nextNumber()}`;
    const email = fromEnd(known, far) ?? `${name}@example.com`;
    const username = namesake ? (model.accounts.find(isNowhere)?.username ?? name) : name;
    const isMailed = !isKnown(model, email);
    const answer = await world.ask(['/v1/sign-up', { email, username, password }]);
    const token = String(answer.body?.challenge_token);
    await world.settle(model, 'sign up', { what: `sign up with ${whose} address`, verdict: DONE, answer });
    const digits = isMailed ? await world.mailedTo(email) : null;
    const expiresAt = model.now + CODE_MILLISECONDS;
    model.signUps.push({ token, email, username, password, digits, expiresAt, failures: 0, spent: false });
  },
);

const kinds = fc.oneof(
  { weight: 4, arbitrary: fc.constant('the right' as const) },
  { weight: 2, arbitrary: fc.constantFrom('a wrong' as const, 'another’s' as const) },
);

interface Confirmation {
  readonly signUp: number;
  readonly spent: boolean;
  readonly code: 'the right' | 'a wrong' | 'another’s';
  readonly twice: boolean;
}

const confirmations = steps(
  'confirm a sign-up',
  fc.record({
    signUp: back,
    spent: seldom(5),
    code: kinds,
    times: fc.constantFrom(1, 1, 1, 6),
    twice: seldom(4),
  }),
  async (model, world, { times, ...drawn }) => {
    // One after the other, since wrong ones that come at once wait for each other.
    const wanted = drawn.code === 'a wrong' ? times : 1;
    for (let time = 0; time < wanted; time += 1) await confirm(model, world, drawn);
  },
);

async function confirm(model: Model, world: World, drawn: Confirmation): Promise<void> {
  const open = model.signUps.filter(({ spent, expiresAt }) => !spent && expiresAt > model.now);
  const signUp = fromEnd(drawn.spent || open.length === 0 ? model.signUps : open, drawn.signUp);
  const code = codeFor(model, signUp, drawn.code);
  const what = `confirm sign-up ${signUp ? model.signUps.indexOf(signUp) : 'of nobody'} by ${drawn.code} code`;
  const expected = Array.from({ length: drawn.twice && drawn.code === 'the right' ? 2 : 1 }, () => ({
    isOwed: !wouldSignUp(model, signUp, code),
    verdict: confirmSignUp(model, signUp, code),
  }));
  const body = { challenge_token: signUp?.token ?? 'x'.repeat(43), code };
  const answers = await world.askAtOnce(expected.length, ['/v1/sign-up/confirm', body]);
  for (const [time, answer] of answers.entries()) {
    const { verdict, isOwed } = expected[time] ?? { verdict: REFUSED, isOwed: true };
    const subject = tokensIn(answer).find((each) => each.subject !== null)?.subject ?? '';
    if (verdict.is === 'session') verdict.session.account.id = subject;
    const owed = new Map([[subject, isOwed ? ['the code'] : []]]);
    await world.settle(model, `confirm a sign-up by ${drawn.code}`, { what, verdict, answer, owed });
  }
}

/** The code that is typed. */
function codeFor(model: Model, signUp: SignUp | undefined, kind: Confirmation['code']): string {
  const wrong = signUp?.digits === '000000' ? '000001' : '000000';
  const other = model.signUps.findLast((each) => each !== signUp && each.digits !== null)?.digits;
  if (kind === 'a wrong') return wrong;
  return (kind === 'the right' ? signUp?.digits : other) ?? wrong;
}

/** What people do who have no account yet. */
export const SIGN_UP_STEPS: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 3, arbitrary: beginnings },
  { weight: 4, arbitrary: confirmations },
];
