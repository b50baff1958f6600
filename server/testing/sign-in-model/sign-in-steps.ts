import fc from 'fast-check';
import { nobodysName, PASSWORDS } from './cast.ts';
import { type CodeKind, chooseCode, codeKinds } from './code-choice.ts';
import { evaluate, type Proof } from './codes.ts';
import { begin, mayTryPassword, type ProveAt, pick, prove, resend, stepTicketAt } from './corridor.ts';
import { owedFor } from './policy.ts';
import { type Account, type Held, type Model, REFUSED, type Session, type Shown, ticketOf } from './state.ts';
import {
  accountAt,
  nameOf,
  type Step,
  seldom,
  steps,
  ticketToken,
  tokenInWords,
  type WhichToken,
  whichToken,
  who,
} from './step.ts';
import { MOUNTS, type Mount, STEPS } from './wire.ts';
import type { World } from './world.ts';

/** Devices that clients say they are. */
export const device = fc.oneof(
  { weight: 1, arbitrary: fc.constant('device 0') },
  { weight: 1, arbitrary: fc.constantFrom('device 1', 'device 2') },
);

/** Which password is shown: the present one, an older one, or any. */
export const passwordKind = fc.oneof(
  { weight: 7, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.nat(PASSWORDS.length) },
);

/** The password that was drawn. */
export function passwordOf(account: Account | undefined, drawn: number | null): string {
  const password = drawn === null ? account?.passwords[0] : PASSWORDS[drawn];
  return password ?? 'a password of nobody at all';
}

/** Everybody who has a name, in the order in which passwords are tried. */
export function named(model: Model, name: string): Account[] {
  return model.accounts.filter(({ username, email }) => username === name || email === name);
}

/** The name of an account: a user name where that can be typed. */
export function nameFor(account: Account | undefined, byAddress: boolean, model: Model): string {
  if (!account) return nobodysName(model);
  return byAddress ? account.email : account.username;
}

/** For an answer that nobody asked for. */
const UNEXPECTED = { what: 'nothing', verdict: REFUSED };

/** Nothing yet. */
export const NOTHING_SHOWN = { picked: null, device: null, password: false, factor: null, deviceCode: false };

/** What is owed for one way to a session, by the account that would have it. */
export function owing(model: Model, ...ways: readonly Shown[]): Map<string, string[]> {
  return new Map(ways.map((shown) => [shown.account.id, owedFor(shown, model)]));
}

const mount = fc.oneof(
  { weight: 3, arbitrary: fc.nat(MOUNTS.length - 1) },
  { weight: 1, arbitrary: fc.constant(MOUNTS.findIndex(({ name }) => name === 'role-picker')) },
);

/** How often in a row: what is wrong is tried again, until it has to wait. */
const insistence = fc.oneof(
  { weight: 3, arbitrary: fc.constant(1) },
  { weight: 1, arbitrary: fc.integer({ min: 2, max: 6 }) },
);

interface Beginning {
  readonly mount: number;
  readonly who: number;
  readonly nobody: boolean;
  readonly byAddress: boolean;
  readonly password: number | null;
  readonly device: string;
}

const beginnings = steps(
  'begin',
  fc.record({
    mount,
    who,
    nobody: seldom(30),
    byAddress: fc.boolean(),
    password: passwordKind,
    device,
    times: insistence,
  }),
  async (model, world, { times, ...drawn }) => {
    const wanted = drawn.password === null ? 1 : times;
    for (let time = 0; time < wanted; time += 1) await beginAs(model, world, drawn);
  },
);

async function beginAs(model: Model, world: World, drawn: Beginning): Promise<void> {
  const mount = MOUNTS[drawn.mount] as Mount;
  const account = drawn.nobody ? undefined : accountAt(model, drawn.who);
  const name = nameFor(account, drawn.byAddress || !mount.takesUsernames, model);
  const password = passwordOf(account, drawn.password);
  const shown = mount.name === 'fingerprint' ? drawn.device : null;
  const people = named(model, name);
  const ways = people
    .filter((each) => mayTryPassword(each, shown, model.now) && each.passwordTries.lockedUntil <= model.now)
    .map((each): Shown => {
      const isRight = each.passwords[0] === password;
      return { ...NOTHING_SHOWN, account: each, mount: mount.name, device: shown, password: isRight };
    });
  const owed = owing(model, ...ways);
  const verdict = begin(model, { mount: mount.name, named: people, password, device: shown });
  const answer = await world.ask(mount.begin(name, password, drawn.device));
  const what = `begin at ${mount.name} as ${nameOf(account)} with ${passwordInWords(account, password)}, ${drawn.device}`;
  await world.settle(model, `begin at ${mount.name}`, {
    what,
    verdict,
    answer,
    owed,
    ticketIn: mount.ticketIn,
  });
}

function passwordInWords(account: Account | undefined, password: string): string {
  const age = account?.passwords.indexOf(password) ?? -1;
  return age < 0 ? 'a wrong password' : age === 0 ? 'the password' : `the ${age}. last password`;
}

const picks = steps(
  'pick',
  fc.record({ token: whichToken, says: fc.boolean(), twice: seldom(5) }),
  async (model, world, { token, says, twice }) => {
    const loginToken = ticketToken(model, world, ['pick'], token);
    const what = `pick ${tokenInWords(model, loginToken)}`;
    const ticketIn: Mount['ticketIn'] = (body) => body.loginToken;
    const expected = Array.from({ length: twice ? 2 : 1 }, () => {
      const owed = owedForPick(model, loginToken);
      return { what, owed, ticketIn, verdict: pick(model, loginToken) };
    });
    const answers = await world.askAtOnce(expected.length, [
      '/auth/sign-in',
      { loginToken, is2FAEnabled: says },
    ]);
    for (const [time, answer] of answers.entries())
      await world.settle(model, 'pick', { ...(expected[time] ?? UNEXPECTED), answer });
  },
);

/** What is owed when a role is picked: there is no ticket for one without the password. */
function owedForPick(model: Model, token: string): Map<string, string[]> {
  const ticket = ticketOf(model, token, ['pick']);
  if (!ticket) return new Map();
  const { account, mount, picked } = ticket;
  return owing(model, { ...NOTHING_SHOWN, account, mount, picked, password: true });
}

/** Where the step of a ticket is usually completed. */
export function usualPlace(model: Model, token: string): ProveAt {
  const ticket = model.tickets.find((each) => each.token === token);
  if (ticket?.purpose === 'prove' && ticket.mount === 'fingerprint')
    return ticket.step === 'device' ? 'fingerprint-device' : 'fingerprint';
  return ticket?.purpose === 'prove' && ticket.mount === 'role-picker' ? 'role-picker' : 'native';
}

const PLACES = ['native', 'role-picker', 'fingerprint', 'fingerprint-device'] as const;
const place = fc.oneof(
  { weight: 9, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constantFrom(...PLACES) },
);
const STEP_TICKETS = ['prove', 'switch', 'prove-again'] as const;

const proofs = steps(
  'prove',
  fc.record({
    token: whichToken,
    place,
    code: codeKinds,
    far: fc.nat(5),
    otherDevice: seldom(5),
    twice: seldom(5),
    times: insistence,
  }),
  async (model, world, { times, ...drawn }) => {
    const wanted = drawn.code === 'a wrong' ? times : 1;
    for (let time = 0; time < wanted; time += 1) await showCode(model, world, drawn);
  },
);

async function showCode(
  model: Model,
  world: World,
  drawn: {
    token: WhichToken;
    place: ProveAt | null;
    code: CodeKind;
    far: number;
    otherDevice: boolean;
    twice: boolean;
  },
): Promise<void> {
  const token = ticketToken(model, world, STEP_TICKETS, drawn.token);
  const at = drawn.place ?? usualPlace(model, token);
  const ticket = model.tickets.find((each) => each.token === token);
  const code = chooseCode(model, ticket, drawn.code, drawn.far);
  const device = drawn.otherDevice ? 'another device' : (ticket?.device ?? 'device 0');
  // A recovery code that is used up between two looks at it is a wrong one, or was not looked at: no model can say which.
  const times = drawn.twice && !ticket?.account.recoveryCodes.has(code) ? 2 : 1;
  const what = `show ${drawn.code} code for ${tokenInWords(model, token)} at ${at}`;
  const expected = Array.from({ length: times }, () => {
    const owed = owedWith(model, at, token, code);
    return { what, owed, isBeside: times > 1, verdict: prove(model, { at, token, code, device }) };
  });
  const answers = await world.askAtOnce(times, STEPS[at].prove(token, code, device));
  for (const [time, answer] of answers.entries())
    await world.settle(model, `prove ${drawn.code}`, { ...(expected[time] ?? UNEXPECTED), answer });
}

/** What is owed when something is shown for a ticket: what it really is, whatever the server makes of it. */
export function owedWith(model: Model, at: ProveAt, token: string, code: Proof): Map<string, string[]> {
  const ticket = stepTicketAt(model, at, token);
  if (!ticket || ticket.session?.ended) return new Map();
  const { account, mount, picked, device, step, session } = ticket;
  const evaluated = evaluate(model, ticket, code);
  const isRight = evaluated !== null && !evaluated.isSpent;
  return owing(model, {
    account,
    mount,
    picked,
    device,
    // There is no ticket without it.
    password: true,
    factor: isRight && step === 'second-factor' ? evaluated.factor : null,
    deviceCode: session !== null || (isRight && step === 'device'),
  });
}

const resends = steps('resend', fc.record({ token: whichToken, place }), async (model, world, drawn) => {
  const token = ticketToken(model, world, STEP_TICKETS, drawn.token);
  const at = drawn.place ?? usualPlace(model, token);
  const what = `resend for ${tokenInWords(model, token)} at ${at}`;
  const { verdict, mailed } = resend(model, at, token);
  const answer = await world.ask(STEPS[at].resend(token));
  await world.settle(model, 'resend', { what, verdict, answer, mailed: mailed ? [mailed] : [] });
});

/** What each method of a session shows, the strongest first. */
const WAYS = [
  ['otp', 'totp'],
  ['recovery', 'recovery'],
  ['user', 'passkey'],
  ['email', 'pin'],
] as const;

/** What a session that goes on has shown: what it began with. */
export function shownBy({ account, mount, methods }: Session, picked: Held | null): Shown {
  const factor = WAYS.find(([method]) => methods.includes(method))?.[1] ?? null;
  return { account, mount, picked, device: null, password: true, factor, deviceCode: true };
}

/** Begins and continues sign-ins. */
export const SIGN_IN_STEPS: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 26, arbitrary: beginnings },
  { weight: 7, arbitrary: picks },
  { weight: 22, arbitrary: proofs },
  { weight: 4, arbitrary: resends },
];
