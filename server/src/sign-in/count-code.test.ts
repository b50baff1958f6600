import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { ENGINES } from '../../testing/engines.ts';
import {
  allMailSent,
  asOwner,
  mailedCode,
  newestCode,
  type SignedInOwner,
  signInAsOwner,
} from '../../testing/owner.ts';
import { accessTokenIn, type OpenStep, openStep, STEP_CONTRACTS, signIn } from '../../testing/steps.ts';
import { SEED, totpCode } from '../../testing/totp.ts';
import { forgiveAttempts } from '../store/count-attempt.ts';
import { MOST_WRONG_CODES } from './count-code.ts';
import { accountKey, factorKey } from './throttle.ts';

const MAX_FAILURES = 4;
const HOUR_SECONDS = 3600;
/** A code that is none: not even six digits. */
const WRONG = 'nothing';

describe.each(ENGINES)('TH-5: wrong codes have one counter for each account, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: String(MAX_FAILURES) });
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'Clerk' });
  });
  afterAll(() => app.stop());

  const failuresOf = async ({ id }: Person) =>
    (await app.core.store.attempts.state(factorKey(id)))?.failures ?? 0;
  const isIn = (step: OpenStep, answer: Answer) => accessTokenIn(step.contract, answer) !== undefined;
  const totp = () => totpCode(app.core.clock.now());
  const refusalOf = ({ status, body }: Answer) => [status, body.error?.code];

  /** Somebody with TOTP, mailed PINs and recovery codes, who is signed in. */
  async function withEverything(): Promise<{ person: Person; owner: SignedInOwner; recovery: string[] }> {
    const person = await app.person({ secondFactor: { totp: SEED, email: true } });
    const owner = await signInAsOwner(app, person, totp);
    const { recoveryCodes } = (await owner.call('POST', '/v1/factors/recovery-codes')).body;
    return { person, owner, recovery: recoveryCodes };
  }

  /** Tries wrong codes, a few at each contract, until that many have been looked at. */
  async function failTimes(person: Person, times: number): Promise<void> {
    let turn = 0;
    while ((await failuresOf(person)) < times) {
      const contract = STEP_CONTRACTS[turn % STEP_CONTRACTS.length] ?? '';
      turn += 1;
      const step = await openStep(app, contract, person);
      const before = await failuresOf(person);
      const answer = await step.prove(WRONG);
      if (answer.status === 429) app.core.clock.advance(HOUR_SECONDS);
      else expect(await failuresOf(person)).toBe(before + 1);
    }
  }

  /** As if that many had failed, long ago. */
  async function failedBefore(person: Person, times: number): Promise<void> {
    await (await openStep(app, 'login', person)).prove(WRONG);
    await app.core.store.commit([
      { sql: 'UPDATE attempts SET failures = $2 WHERE key = $1', params: [factorKey(person.id), times] },
    ]);
  }

  test('over resends, new tickets, new password steps, contracts and enrolments', async () => {
    const { person, owner } = await withEverything();
    for (const [index, contract] of STEP_CONTRACTS.entries()) {
      const step = await openStep(app, contract, person);
      app.core.clock.advance(HOUR_SECONDS / 60);
      await step.resend();
      expect(isIn(step, await step.prove(WRONG))).toBe(false);
      expect(await failuresOf(person)).toBe(index + 1);
      if (index + 1 === MAX_FAILURES) break;
    }
    for (const contract of STEP_CONTRACTS)
      expect((await (await openStep(app, contract, person)).prove(totp())).status, contract).toBe(429);
    // Those who are signed in wait too, and what they try counts.
    const { refreshToken } = owner;
    const { accessToken } = (await app.post('/v1/refresh', { refreshToken })).body;
    const fresh = asOwner(app, { accessToken, refreshToken });
    const { challenge_token } = (await fresh.call('POST', '/v1/factors/totp')).body;
    const confirm = () => fresh.call('POST', '/v1/factors/totp/confirm', { challenge_token, code: WRONG });
    expect((await confirm()).status).toBe(429);
    app.core.clock.advance(31);
    expect(refusalOf(await confirm())).toEqual([401, 'invalid-code']);
    expect(await failuresOf(person)).toBe(MAX_FAILURES + 1);
  });

  test('an enrolment that is confirmed does not reset it', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const owner = await signInAsOwner(app, person, () => mailedCode(app, person));
    const step = await openStep(app, 'login', person);
    await step.prove(WRONG);
    const { challenge_token, secret } = (await owner.call('POST', '/v1/factors/totp')).body;
    const code = totpCode(app.core.clock.now(), secret);
    const answer = await owner.call('POST', '/v1/factors/totp/confirm', { challenge_token, code });
    expect(answer.status).toBe(200);
    expect(await failuresOf(person)).toBe(1);
  });

  test('a sign-in that was asked for nothing does not reset it, where something is asked for elsewhere', async () => {
    const organisation = await app.organisation({ settings: { requireSecondFactorFor: ['Clerk'] } });
    const person = await app.person();
    for (const role of ['Student', 'Clerk'])
      await app.load({ kind: 'membership', account: person.id, organisation, role });
    const pick = async (role: string) => {
      const { email: identity, password } = person;
      const offered = await app.post('/auth/sign-in-verify', { identity, password });
      const { loginToken } = offered.body.result[0].find((each: { role: string }) => each.role === role);
      return (await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken })).body;
    };
    const { loginToken } = await pick('Clerk');
    await app.post('/auth/sign-in-with-2fa', { loginToken, pin: WRONG });
    expect((await pick('Student')).token).toBeDefined();
    expect(await failuresOf(person)).toBe(1);
    const pin = await mailedCode(app, person);
    expect((await app.post('/auth/sign-in-with-2fa', { loginToken, pin })).status).toBe(200);
    expect(await failuresOf(person)).toBe(0);
  });

  test('nor does a device’s code; but both do where a code guards nothing else', async () => {
    const organisation = await app.organisation({ settings: { requireSecondFactorFor: ['Clerk'] } });
    const roles = (person: Person) =>
      app.load(
        ...['Student', 'Clerk'].map((role) => ({
          kind: 'membership',
          account: person.id,
          organisation,
          role,
        })),
      );
    const guarded = await app.person({ recogniseDevices: true, devices: ['known'] });
    await roles(guarded);
    const { email: identity, password } = guarded;
    const offered = await app.post('/auth/sign-in-verify', { identity, password });
    const student = offered.body.result[0].find((each: { role: string }) => each.role === 'Student');
    const due = await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken: student.loginToken });
    const { loginToken } = due.body;
    await app.post('/auth/sign-in-with-2fa', { loginToken, pin: WRONG });
    const pin = await mailedCode(app, guarded);
    expect((await app.post('/auth/sign-in-with-2fa', { loginToken, pin })).status).toBe(200);
    expect(await failuresOf(guarded)).toBe(1);

    const plain = await app.person({ recogniseDevices: true, devices: ['known'] });
    const step = await openStep(app, 'login', plain);
    await step.prove(WRONG);
    expect((await step.prove(await mailedCode(app, plain))).status).toBe(200);
    expect(await failuresOf(plain)).toBe(0);
  });

  test.each(['totp', 'email', 'recovery'] as const)('a sign-in completed by %s resets it', async (factor) => {
    const { person, recovery } = await withEverything();
    app.core.clock.advance(60);
    await (await openStep(app, 'login', person)).prove(WRONG);
    expect(await failuresOf(person)).toBe(1);
    await allMailSent(app);
    const step = await openStep(app, 'login', person);
    const code = { totp, email: () => newestCode(app, person), recovery: () => recovery[0] }[factor];
    expect((await step.prove(await code())).status).toBe(200);
    expect(await failuresOf(person)).toBe(0);
  });

  test('after a hundred no code that can be guessed is looked at, however long one waits', {
    timeout: 120_000,
  }, async () => {
    const { person, recovery } = await withEverything();
    await failTimes(person, MOST_WRONG_CODES);
    for (const hours of [1, 24, 24 * 365]) {
      app.core.clock.advance(hours * HOUR_SECONDS);
      for (const contract of STEP_CONTRACTS) {
        await allMailSent(app);
        const step = await openStep(app, contract, person);
        for (const code of [totp(), await newestCode(app, person)]) {
          const answer = await step.prove(code);
          expect(isIn(step, answer), `${contract} after ${hours} h`).toBe(false);
          expect(answer.status).toBe(401);
        }
      }
      expect(await failuresOf(person)).toBe(MOST_WRONG_CODES);
    }
    const closed = (await eventsOf(app.core, person.id)).filter(({ detail }) => detail?.closed === true);
    expect(closed.length).toBe(3 * 2 * STEP_CONTRACTS.length);
    // What cannot be guessed is taken, and opens the way again.
    const step = await openStep(app, 'login', person);
    expect((await step.prove(recovery[0])).status).toBe(200);
    expect(await failuresOf(person)).toBe(0);
    app.core.clock.advance(30);
    const again = await openStep(app, 'login', person);
    expect((await again.prove(totp())).status).toBe(200);
  });

  test('an operator who unlocks the account opens the way too; a hundred wrong passwords close nothing', async () => {
    const { person } = await withEverything();
    await failedBefore(person, MOST_WRONG_CODES);
    app.core.clock.advance(60);
    const closed = await openStep(app, 'login', person);
    expect((await closed.prove(totp())).status).toBe(401);
    await app.core.store.commit([forgiveAttempts(accountKey(person.id), factorKey(person.id))]);
    const step = await openStep(app, 'login', person);
    expect((await step.prove(totp())).status).toBe(200);

    const stranger = await app.person({ secondFactor: { totp: SEED } });
    for (let each = 0; each < 10; each += 1) {
      await signIn(app, 'login', { ...stranger, password: 'a wrong password' });
      app.core.clock.advance(HOUR_SECONDS);
    }
    expect(await failuresOf(stranger)).toBe(0);
    const own = await openStep(app, 'login', stranger);
    expect((await own.prove(totp())).status).toBe(200);
  });

  test('of many at once at the ninety-ninth, one is looked at', async () => {
    const { person } = await withEverything();
    await failedBefore(person, MOST_WRONG_CODES - 1);
    const steps = await Promise.all(STEP_CONTRACTS.map((contract) => openStep(app, contract, person)));
    const answers = await Promise.all(steps.flatMap((step) => [1, 2, 3].map(() => step.prove(WRONG))));
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(1);
    expect(await failuresOf(person)).toBe(MOST_WRONG_CODES);
  });
});
