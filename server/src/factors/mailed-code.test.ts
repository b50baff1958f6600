import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { mailedCode, signInAsOwner } from '../../testing/owner.ts';
import { accessTokenIn, type OpenStep, openStep, STEP_CONTRACTS } from '../../testing/steps.ts';
import { createVault } from '../crypto/vault.ts';
import type { Proof, Shown } from './factor.ts';
import { drawCode, isMailedCode, isResetByMailRecent, mailedPin } from './mailed-code.ts';

const PIN_SECONDS = 600;

describe('a mailed PIN', () => {
  const NOW = 1_800_000_000_000;
  const DAY = 24 * 3_600_000;
  const random = { bytes: (count: number) => randomBytes(count) };
  const vault = createVault(random.bytes(32), random);
  const mailed = () => drawCode('ticket', { now: NOW, lifeSeconds: PIN_SECONDS }, vault, random);

  test('MF-3: is good until the millisecond at which it ends, and nothing where none was mailed', () => {
    const { digits, code } = mailed();
    const isGood = (now: number) => isMailedCode('ticket', code, digits, now, vault);
    const end = NOW + PIN_SECONDS * 1000;
    expect([NOW, end - 1, end, end + 1].map(isGood)).toEqual([true, true, false, false]);
    expect(isMailedCode('ticket', null, digits, NOW, vault)).toBe(false);
  });

  test('is taken by the next version too, beside which this one may still serve', () => {
    const code = { hash: 'nZ251jQ2D_aNLX0A_f9JjrOYTPnIIOarkmwk0JC9Eqo', sentAt: NOW, expiresAt: NOW + 1 };
    const known = createVault(Buffer.alloc(32, 1), random);
    expect(isMailedCode('ticket', code, '123456', NOW, known)).toBe(true);
    expect(isMailedCode('another', code, '123456', NOW, known)).toBe(false);
  });

  test('can be found by trying', () => {
    expect(mailed().digits).toMatch(/^\d{6}$/);
    expect(mailedPin.isGuessable).toBe(true);
  });

  test.each<readonly [string, number | null, number, boolean]>([
    ['never', null, NOW, false],
    ['never, by a clock that has just begun', null, 0, false],
    ['now', NOW, NOW, true],
    ['a millisecond less than a day ago', NOW - DAY + 1, NOW, true],
    ['a day ago', NOW - DAY, NOW, false],
  ])(
    'a reset by mail %s: so lately that it shows nothing more is %4$s',
    (_when, resetByMailAt, now, isRecent) => {
      expect(isResetByMailRecent({ resetByMailAt }, now)).toBe(isRecent);
    },
  );

  test('is a second factor, unless one mailbox showed both; and whatever is no PIN shows nothing', async () => {
    const { digits, code } = mailed();
    const check = (proof: Proof, resetByMailAt: number | null = null) =>
      mailedPin.check({
        ...({ ticket: { secretHash: 'ticket', code }, account: { resetByMailAt } } as unknown as Shown),
        ...{ proof, now: NOW, vault },
      });
    const pin = { kind: 'code', code: digits } as const;
    expect(await check(pin)).toEqual({ methods: ['email', 'mfa'], spends: [] });
    expect(await check(pin, NOW - 1)).toEqual({ methods: ['email', 'single-channel'], spends: [] });
    expect(await check({ kind: 'code', code: digits === '000000' ? '000001' : '000000' })).toBeNull();
    expect(await check({ kind: 'passkey' } as Proof)).toBeNull();
  });
});

describe.each(ENGINES)('a second factor by mailed PIN, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    // Tickets outlive their codes here, so that it is the code which is dead.
    app = await startApp(engine, {
      LATCHKEY_SIGN_IN_MAX_FAILURES: '100',
      LATCHKEY_CHALLENGE_TICKET_SECONDS: String(3 * PIN_SECONDS),
    });
  });
  afterAll(() => app.stop());

  const isIn = (step: OpenStep, answer: Answer) => accessTokenIn(step.contract, answer) !== undefined;
  const withMail = () => app.person({ secondFactor: { email: true } });
  const other = (code: string) => (code === '000000' ? '000001' : '000000');

  /** Begins a sign-in, and waits for its code. */
  async function begun(contract: string, person: Person): Promise<{ step: OpenStep; code: string }> {
    const step = await openStep(app, contract, person);
    return { step, code: await mailedCode(app, person) };
  }

  test('MF-3: is six digits, each of them any', async () => {
    const person = await withMail();
    const codes: string[] = [];
    for (let each = 0; each < 20; each += 1) codes.push((await begun('login', person)).code);
    for (const code of codes) expect(code).toMatch(/^\d{6}$/);
    expect(new Set(codes).size).toBeGreaterThan(17);
    for (let at = 0; at < 6; at += 1) expect(new Set(codes.map((code) => code[at])).size).toBeGreaterThan(3);
  });

  describe.each(STEP_CONTRACTS)('at %s', (contract) => {
    test('MF-3: lives ten minutes by the clock alone, and is used once', async () => {
      const person = await withMail();
      const late = await begun(contract, person);
      const early = await begun(contract, await withMail());
      app.core.clock.advance(PIN_SECONDS - 30);
      expect(isIn(early.step, await early.step.prove(early.code))).toBe(true);
      expect(isIn(early.step, await early.step.prove(early.code))).toBe(false);
      app.core.clock.advance(31);
      expect(isIn(late.step, await late.step.prove(late.code))).toBe(false);
      // The ticket is good still: a new code completes it.
      await late.step.resend();
      expect(isIn(late.step, await late.step.prove(await mailedCode(app, person)))).toBe(true);
    });

    test('MF-3: the newest is the only one', async () => {
      const person = await withMail();
      const { step, code } = await begun(contract, person);
      app.core.clock.advance(31);
      await step.resend();
      const newest = await mailedCode(app, person);
      if (newest !== code) expect(isIn(step, await step.prove(code))).toBe(false);
      expect(isIn(step, await step.prove(newest))).toBe(true);
    });

    test('MF-3: is of one sign-in of one person, for one purpose', async () => {
      const person = await withMail();
      const one = await begun(contract, person);
      const two = await begun(contract, person);
      const stranger = await begun(contract, await withMail());
      const device = await app.person({ recogniseDevices: true, devices: ['known'] });
      const ofDevice = await begun(contract, device);
      const owner = await signInAsOwner(app, person, () => mailedCode(app, person));
      const enrolled = await owner.call('POST', '/v1/factors/email', {});
      expect(enrolled.status).toBe(202);
      const ofEnrolment = await mailedCode(app, person);
      for (const code of [two.code, stranger.code, ofDevice.code, ofEnrolment])
        if (code !== one.code) expect(isIn(one.step, await one.step.prove(code))).toBe(false);
      expect(isIn(one.step, await one.step.prove(one.code))).toBe(true);
    });

    test('MF-4: of twenty right ones at once one signs in; of twenty wrong ones five are looked at', async () => {
      const { step, code } = await begun(contract, await withMail());
      const right = await Promise.all(Array.from({ length: 20 }, () => step.prove(code)));
      expect(right.filter((answer) => isIn(step, answer))).toHaveLength(1);
      const person = await withMail();
      const guessed = await begun(contract, person);
      const guesses = Array.from({ length: 20 }, () => guessed.step.prove(other(guessed.code)));
      for (const answer of await Promise.all(guesses)) expect(isIn(step, answer)).toBe(false);
      expect(isIn(guessed.step, await guessed.step.prove(guessed.code))).toBe(false);
      const state = await app.core.store.attempts.state(`factor:account:${person.id}`);
      expect(state?.failures).toBe(5);
    });
  });
});
