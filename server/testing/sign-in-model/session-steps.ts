import fc from 'fast-check';
import { owing, passwordKind, passwordOf, shownBy } from './sign-in-steps.ts';
import { inspect, proveAgain, refresh, signOut, switchRole } from './standing.ts';
import { type Held, type Model, REFUSED } from './state.ts';
import { type Step, seldom, sessionToken, steps, tokenInWords, whichToken } from './step.ts';
import { bearer, MOUNTS, type Mount } from './wire.ts';

const REFRESHERS = MOUNTS.filter(({ refresh: how }) => how !== null);

const refreshes = steps(
  'refresh',
  fc.record({
    token: whichToken,
    elsewhere: seldom(10),
    mount: fc.nat(REFRESHERS.length - 1),
    twice: seldom(5),
  }),
  async (model, world, drawn) => {
    const token = sessionToken(model, world, ['refresh'], drawn.token);
    const own = REFRESHERS.find(({ name }) => name === model.tokens.get(token)?.session.mount);
    const mount = (drawn.elsewhere ? undefined : own) ?? (REFRESHERS[drawn.mount] as Mount);
    const what = `refresh ${tokenInWords(model, token)} at ${mount.name}`;
    const verdicts = Array.from({ length: drawn.twice ? 2 : 1 }, () => refresh(model, mount.name, token));
    const answers = await world.askAtOnce(verdicts.length, mount.refresh?.(token) ?? ['/', {}]);
    for (const [time, answer] of answers.entries())
      await world.settle(model, 'refresh', { what, verdict: verdicts[time] ?? REFUSED, answer });
  },
);

const inspections = steps('inspect', whichToken, async (model, world, drawn) => {
  const token = sessionToken(model, world, ['access', 'opaque'], drawn);
  const what = `inspect ${tokenInWords(model, token)}`;
  const verdict = inspect(model, token);
  const answer = await world.call('GET', '/v1/session', token);
  await world.settle(model, 'inspect', { what, verdict, answer });
});

const signOuts = steps(
  'sign out',
  fc.record({ token: whichToken, mount: fc.nat(MOUNTS.length - 1) }),
  async (model, world, drawn) => {
    const token = sessionToken(model, world, ['access'], drawn.token);
    const { signOut: path, name } = MOUNTS[drawn.mount] as Mount;
    const what = `sign out ${tokenInWords(model, token)} at ${name}`;
    const verdict = signOut(model, token);
    const answer = await world.ask([path, {}, bearer(token)]);
    await world.settle(model, 'sign out', { what, verdict, answer });
  },
);

const ticketIn = (body: { challenge_token?: unknown }) => body.challenge_token;

const provings = steps(
  'prove again',
  fc.record({ token: whichToken, password: passwordKind }),
  async (model, world, drawn) => {
    const token = sessionToken(model, world, ['access'], drawn.token);
    const session = model.tokens.get(token)?.session;
    const password = passwordOf(session?.account, drawn.password);
    const owed = oweAgain(model, token, password);
    const what = `prove again with ${tokenInWords(model, token)}`;
    const verdict = proveAgain(model, token, password);
    const answer = await world.ask(['/v1/session/prove', { password }, bearer(token)]);
    await world.settle(model, 'prove again', { what, verdict, answer, owed, ticketIn });
  },
);

/** Once more from the beginning: nothing but the password counts, and what a factor of the account shows. */
function oweAgain(model: Model, token: string, password: string): Map<string, string[]> {
  const session = model.tokens.get(token)?.session;
  if (!session || session.ended) return new Map();
  const isRight = session.account.passwords[0] === password;
  return owing(model, { ...shownBy(session, session.picked), password: isRight, factor: null });
}

/** The newest token of a session that is for one role: from there another may ask for more. */
function pickedToken({ tokens, now }: Model): string | null {
  const newest = [...tokens].findLast(
    ([, { kind, session, expiresAt }]) =>
      kind === 'access' && session.picked !== null && !session.ended && expiresAt > now,
  );
  return newest?.[0] ?? null;
}

const switches = steps(
  'switch role',
  fc.record({ token: whichToken, role: fc.nat(8), foreign: seldom(8), picked: fc.boolean() }),
  async (model, world, drawn) => {
    const token =
      (drawn.picked ? pickedToken(model) : null) ?? sessionToken(model, world, ['access'], drawn.token);
    const session = model.tokens.get(token)?.session;
    const own = session?.account.roles ?? [];
    const everybodys = model.accounts.flatMap(({ roles }) => roles);
    const roles = drawn.foreign || own.length === 0 ? everybodys : own;
    const held = roles[drawn.role % roles.length] as Held;
    const owed = session && !session.ended ? owing(model, shownBy(session, held)) : new Map();
    const organisation = held.organisation?.id ?? null;
    const what = `switch ${tokenInWords(model, token)} to ${held.role} in ${held.organisation?.name ?? 'no organisation'}`;
    const verdict = switchRole(model, token, held);
    const answer = await world.ask(['/v1/session/switch', { organisation, role: held.role }, bearer(token)]);
    await world.settle(model, 'switch role', { what, verdict, answer, owed, ticketIn });
  },
);

/** What is done with the tokens of sessions. */
export const SESSION_STEPS: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 7, arbitrary: refreshes },
  { weight: 6, arbitrary: inspections },
  { weight: 2, arbitrary: signOuts },
  { weight: 4, arbitrary: provings },
  { weight: 7, arbitrary: switches },
];
