import fc from 'fast-check';
import type { Answer } from '../app.ts';
import { PASSWORDS } from './cast.ts';
import { change, confirm, enrol, forgot, remove, renewCodes, reset } from './changes.ts';
import { chooseCode, codeKinds } from './code-choice.ts';
import { named, nameFor, passwordKind, passwordOf } from './sign-in-steps.ts';
import type { Account } from './state.ts';
import {
  accountAt,
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
import { bearer, RECOVERY } from './wire.ts';

const factor = fc.constantFrom('totp' as const, 'totp' as const, 'email' as const);
const ENROLMENTS = ['enrol-totp', 'enrol-email'] as const;

const enrolments = steps('enrol', fc.record({ token: whichToken, factor }), async (model, world, drawn) => {
  const token = sessionToken(model, world, ['access'], drawn.token);
  const what = `enrol ${drawn.factor} with ${tokenInWords(model, token)}`;
  const verdict = enrol(model, token, drawn.factor);
  const answer = await world.ask([`/v1/factors/${drawn.factor}`, {}, bearer(token)]);
  if (verdict.is === 'step' && drawn.factor === 'totp') verdict.ticket.seed = String(answer.body.secret);
  await world.settle(model, 'enrol', { what, verdict, answer, ticketIn: (body) => body.challenge_token });
});

const confirmations = steps(
  'confirm factor',
  fc.record({
    token: whichToken,
    ticket: whichToken,
    code: codeKinds,
    own: seldom(8),
    factor,
    far: fc.nat(3),
  }),
  async (model, world, drawn) => {
    const ticketText = ticketToken(model, world, ENROLMENTS, drawn.ticket);
    const ticket = model.tickets.find(({ token }) => token === ticketText);
    // In the session that began it, most of the time.
    const token =
      (drawn.own ? undefined : ownToken(model, ticket)) ??
      sessionToken(model, world, ['access'], drawn.token);
    const kind = ticket?.purpose === 'enrol-totp' ? 'totp' : ticket ? 'email' : drawn.factor;
    const code = chooseCode(model, ticket, drawn.code, drawn.far);
    const what = `confirm ${kind} of ${tokenInWords(model, ticketText)} by ${drawn.code} code with ${tokenInWords(model, token)}`;
    const { verdict, account } = confirm(model, { token, ticket: ticketText, factor: kind, code });
    const answer = await world.ask([
      `/v1/factors/${kind}/confirm`,
      { challenge_token: ticketText, code },
      bearer(token),
    ]);
    takeCodes(account, answer);
    await world.settle(model, 'confirm factor', { what, verdict, answer });
  },
);

/** The recovery codes of an answer, written down by their owner. */
function takeCodes(account: Account | null, { body }: Answer): void {
  for (const code of account === null ? [] : (body?.recoveryCodes ?? [])) {
    account?.recoveryCodes.add(code);
    account?.everyRecoveryCode.push(code);
  }
}

const removals = steps(
  'remove factor',
  fc.record({ token: whichToken, factor: fc.constantFrom('totp', 'email', 'recovery-codes') }),
  async (model, world, drawn) => {
    const token = sessionToken(model, world, ['access'], drawn.token);
    const what = `remove ${drawn.factor} with ${tokenInWords(model, token)}`;
    const verdict = remove(model, token, drawn.factor);
    const answer = await world.call('DELETE', `/v1/factors/${drawn.factor}`, token);
    await world.settle(model, 'remove factor', { what, verdict, answer });
  },
);

const renewals = steps('renew recovery codes', whichToken, async (model, world, drawn) => {
  const token = sessionToken(model, world, ['access'], drawn);
  const what = `renew recovery codes with ${tokenInWords(model, token)}`;
  const { verdict, account } = renewCodes(model, token);
  const answer = await world.ask(['/v1/factors/recovery-codes', {}, bearer(token)]);
  takeCodes(account, answer);
  await world.settle(model, 'renew recovery codes', { what, verdict, answer });
});

const DOORS = ['role-picker', 'login', 'native'] as const;
const recoveryDoor = fc.constantFrom(...DOORS);

const forgettings = steps(
  'forgot password',
  fc.record({ door: recoveryDoor, who, byAddress: fc.boolean(), nobody: seldom(20) }),
  async (model, world, drawn) => {
    const account = drawn.nobody ? undefined : accountAt(model, drawn.who);
    const name = nameFor(account, drawn.byAddress || drawn.door === 'role-picker', model);
    const what = `${nameOf(account)} forgot the password at ${drawn.door}`;
    const mailed = forgot(model, drawn.door, named(model, name));
    const answer = await world.ask(RECOVERY[drawn.door].forgot(name));
    await world.settle(model, 'forgot password', { what, verdict: { is: 'done' }, answer, mailed });
  },
);

const newPassword = fc.nat(PASSWORDS.length - 1).map((at) => PASSWORDS[at] ?? '');

const resets = steps(
  'reset password',
  fc.record({ code: whichToken, elsewhere: seldom(4), door: recoveryDoor, password: newPassword }),
  async (model, world, drawn) => {
    const code = ticketToken(model, world, ['reset'], drawn.code);
    const mount = model.tickets.find(({ token }) => token === code)?.mount;
    const own = DOORS.find((each) => each === mount);
    const door = (drawn.elsewhere ? undefined : own) ?? drawn.door;
    const what = `reset the password by ${tokenInWords(model, code)} at ${door}`;
    const verdict = reset(model, door, code, drawn.password);
    const answer = await world.ask(RECOVERY[door].reset(code, drawn.password));
    await world.settle(model, 'reset password', { what, verdict, answer });
  },
);

const passwordChanges = steps(
  'change password',
  fc.record({ token: whichToken, present: passwordKind, password: newPassword }),
  async (model, world, drawn) => {
    const token = sessionToken(model, world, ['access'], drawn.token);
    const present = passwordOf(model.tokens.get(token)?.session.account, drawn.present);
    const what = `change the password with ${tokenInWords(model, token)}`;
    const verdict = change(model, token, present, drawn.password);
    const body = { currentPassword: present, password: drawn.password };
    const answer = await world.ask(['/v1/password/change', body, bearer(token)]);
    await world.settle(model, 'change password', { what, verdict, answer });
  },
);

/** What people change about what they sign in with. */
export const CHANGE_STEPS: readonly fc.WeightedArbitrary<Step>[] = [
  { weight: 6, arbitrary: enrolments },
  { weight: 7, arbitrary: confirmations },
  { weight: 3, arbitrary: removals },
  { weight: 2, arbitrary: renewals },
  { weight: 2, arbitrary: forgettings },
  { weight: 3, arbitrary: resets },
  { weight: 2, arbitrary: passwordChanges },
];
