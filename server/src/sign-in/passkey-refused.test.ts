import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { setAttempts } from '../../testing/attempts.ts';
import { eventsDuring } from '../../testing/audit.ts';
import { attemptAt, carryOut, expectKind, overtakenBy } from '../../testing/carry-out.ts';
import { ENGINES } from '../../testing/engines.ts';
import { newPasskey, PUBLIC_URL, personWithPasskey } from '../../testing/passkeys.ts';
import { frozenClock } from '../../testing/ports.ts';
import type { CeremonyOptions, Forgery, SoftwarePasskey } from '../../testing/software-passkey.ts';
import { readAssertion } from '../contracts/native/passkeys.ts';
import { execute } from '../execute.ts';
import type { PasskeyAssertion } from '../factors/passkey-response.ts';
import { consumePasskeyCounter } from '../store/consume.ts';
import { type Outcome, refused } from './attempt.ts';
import { accountKey, factorKey } from './throttle.ts';

const PER_ADDRESS = 4;
const WRONG = refused('code-invalid');
const INVALID_TICKET = refused('ticket-invalid');

describe.each(ENGINES)('what comes of a passkey that signs in by itself, on %s', (engine) => {
  let app: TestApp;
  let strict: TestApp;
  beforeAll(async () => {
    const settings = { LATCHKEY_PUBLIC_URL: PUBLIC_URL };
    app = await startApp(engine, settings, frozenClock());
    await app.load({ kind: 'role', name: 'Student' });
    const limit = JSON.stringify({ count: PER_ADDRESS, seconds: 600 });
    strict = await startApp(engine, { ...settings, LATCHKEY_SIGN_IN_PER_ADDRESS: limit });
  });
  afterAll(() => Promise.all([app, strict].map((each) => each.stop())));

  const begin = async (at: TestApp = app) => {
    const { ticket, options } = expectKind(
      await carryOut(at, 'native', { kind: 'passkey-sign-in-options' }),
      'passkey-options',
    );
    return { ticket: ticket ?? '', options: options as CeremonyOptions };
  };
  const signed = (
    passkey: SoftwarePasskey,
    options: CeremonyOptions,
    forgery: Forgery = {},
  ): PasskeyAssertion => {
    const read = readAssertion({ passkey: passkey.sign(options, forgery) });
    if (read === null) throw new Error('nobody could read what was signed');
    return read;
  };
  const send = (ticket: string, response: PasskeyAssertion, at: TestApp = app): Promise<Outcome> =>
    carryOut(at, 'native', { kind: 'passkey-sign-in', ticket, response });
  const signIn = async (passkey: SoftwarePasskey, forgery: Forgery = {}, at: TestApp = app) => {
    const { ticket, options } = await begin(at);
    return send(ticket, signed(passkey, options, forgery), at);
  };
  const failedSignIns = async (id: string) => (await app.core.store.accounts.byId(id))?.failedSignIns;
  const failures = async (key: string) => (await app.core.store.attempts.state(key))?.failures ?? 0;
  test('a session of the account as a whole, that no step led to', async () => {
    const { person, passkey } = await personWithPasskey(app);
    let outcome: Outcome | undefined;
    const events = await eventsDuring(app.core, async () => {
      outcome = await signIn(passkey);
    });
    expect(outcome).toMatchObject({
      kind: 'signed-in',
      steppedUp: false,
      principal: { kind: 'account', view: { account: { id: person.id } }, picked: null },
    });
    expect(events).toMatchObject([{ event: 'sign-in.completed', device: null, accountId: person.id }]);
    const kept = await app.core.store.passkeys.byId(passkey.id);
    expect(kept).toMatchObject({ counter: passkey.counter, lastUsedAt: app.core.clock.now() });
  });

  test('a challenge is good for five minutes to the moment', async () => {
    const { passkey } = await personWithPasskey(app);
    for (const [seconds, kind] of [
      [299.999, 'signed-in'],
      [300, 'refused'],
    ] as const) {
      const { ticket, options } = await begin();
      app.core.clock.advance(seconds);
      expect((await send(ticket, signed(passkey, options))).kind, `${seconds}`).toBe(kind);
    }
  });

  test('an answer to no challenge of ours is refused without a word about anybody', async () => {
    const { person, passkey } = await personWithPasskey(app);
    const { ticket, options } = await begin();
    const other = await begin();
    const right = signed(passkey, options);
    const events = await eventsDuring(app.core, async () => {
      expect(await send(ticket, { ...right, clientDataJSON: 'e30' })).toEqual(INVALID_TICKET);
      expect(await send(ticket, { ...right, clientDataJSON: 'AAAA' })).toEqual(INVALID_TICKET);
      expect(await send(other.ticket, right)).toEqual(INVALID_TICKET);
    });
    expect(events).toEqual([]);
    expect(await failedSignIns(person.id)).toBe(0);
    expectKind(await send(ticket, right), 'signed-in');
  });

  test('what is wrong is written down with its page, counts for its account, and has answered the challenge', async () => {
    const { person, passkey } = await personWithPasskey(app);
    await signIn(passkey, { counter: 7 });
    const stranger = newPasskey();
    for (const [key, forgery, reason, accountId] of [
      [stranger, { userHandle: 'bm9ib2R5' }, 'unknown-passkey', null],
      [passkey, { userHandle: 'bm9ib2R5' }, 'passkey-refused', person.id],
      [passkey, { rpId: 'evil.example' }, 'passkey-refused', person.id],
      [passkey, { counter: 7 }, 'passkey-cloned', person.id],
    ] as const) {
      const { ticket, options } = await begin();
      const before = (await failedSignIns(person.id)) ?? 0;
      const events = await eventsDuring(app.core, async () =>
        expect(await send(ticket, signed(key, options, forgery))).toEqual(WRONG),
      );
      const detail = { origin: PUBLIC_URL };
      expect(events).toMatchObject([
        { event: 'sign-in.refused', reason, accountId, factor: 'passkey', detail },
      ]);
      expect(await failedSignIns(person.id)).toBe(before + (accountId === null ? 0 : 1));
      expect(await send(ticket, signed(passkey, options, { counter: 100 }))).toEqual(INVALID_TICKET);
    }
  });

  test('what is overtaken by another answer of the same passkey is a wrong one', async () => {
    const { person, passkey } = await personWithPasskey(app);
    const { ticket, options } = await begin();
    const response = signed(passkey, options, { counter: 5 });
    const rival = {
      credentialId: passkey.id,
      accountId: person.id,
      isBackedUp: false,
      at: app.core.clock.now(),
    };
    const overtaken = overtakenBy(app, () => consumePasskeyCounter({ ...rival, counter: 5 }));
    const events = await eventsDuring(app.core, async () => {
      const command = { kind: 'passkey-sign-in', ticket, response } as const;
      expect(await carryOut(app, 'native', command, overtaken)).toEqual(WRONG);
    });
    expect(events).toMatchObject([
      { event: 'sign-in.refused', reason: 'passkey-refused', accountId: person.id },
    ]);
    expect(await failedSignIns(person.id)).toBe(1);
  });

  test('of the page that it was asked on, so much is written down and no more', async () => {
    const { passkey } = await personWithPasskey(app);
    const origin = `https://${'x'.repeat(500)}.example`;
    const [event] = await eventsDuring(app.core, () => signIn(passkey, { origin }));
    expect(event?.detail).toEqual({ origin: origin.slice(0, 256) });
  });

  test('what stands in the way of an account is told once, to its passkey', async () => {
    const { person, passkey } = await personWithPasskey(app);
    await app.person({ ...person, status: 'inactive' });
    const { ticket, options } = await begin();
    const answers = [signed(passkey, options), signed(passkey, options), signed(passkey, options)];
    const outcomes: Outcome[] = [];
    const events = await eventsDuring(app.core, async () => {
      outcomes.push(...(await Promise.all(answers.map((each) => send(ticket, each)))));
    });
    const told = refused('account-inactive');
    expect(outcomes.filter((each) => JSON.stringify(each) === JSON.stringify(told))).toHaveLength(1);
    expect(outcomes.filter((each) => JSON.stringify(each) === JSON.stringify(INVALID_TICKET))).toHaveLength(
      2,
    );
    expect(events).toMatchObject([
      { event: 'sign-in.refused', reason: 'account-inactive', accountId: person.id, device: null },
    ]);
  });

  test('a session ends the waits of passwords and codes; of a locked account those of codes only', async () => {
    const { person, passkey } = await personWithPasskey(app);
    const organisation = await app.organisation({ settings: { mfaForStudents: true } });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const [password, code] = [accountKey(person.id), factorKey(person.id)];
    const lockedUntil = app.core.clock.now() + 60_000;
    await setAttempts(app.core, code, { failures: 4 });
    await setAttempts(app.core, password, { failures: 3, lockedUntil });
    expectKind(await signIn(passkey), 'signed-in');
    expect([await failures(password), await failures(code)]).toEqual([3, 0]);
    expect((await app.core.store.attempts.state(password))?.lockedUntil).toBe(lockedUntil);
    await setAttempts(app.core, code, { failures: 4 });
    app.core.clock.advance(60);
    expectKind(await signIn(passkey), 'signed-in');
    expect([await failures(password), await failures(code)]).toEqual([0, 0]);
  });

  test('of wrong answers at once, no more are answered than an address may give', async () => {
    const stranger = newPasskey();
    const caller = { ...attemptAt(strict, 'native').caller, address: `203.0.113.${nextNumber()}` };
    const begun = await Promise.all(Array.from({ length: PER_ADDRESS + 3 }, () => begin(strict)));
    const outcomes = await Promise.all(
      begun.map(({ ticket, options }) => {
        const response = signed(stranger, options, { userHandle: 'bm9ib2R5' });
        return execute(strict.app.corridor, { kind: 'passkey-sign-in', ticket, response }, caller);
      }),
    );
    expect(outcomes.filter(({ kind }) => kind === 'refused')).toEqual(new Array(PER_ADDRESS).fill(WRONG));
    expect(outcomes.filter(({ kind }) => kind === 'throttled')).toHaveLength(3);
  });
});
