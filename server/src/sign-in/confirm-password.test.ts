import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { eventsDuring } from '../../testing/audit.ts';
import { attemptAt } from '../../testing/carry-out.ts';
import { ENGINES } from '../../testing/engines.ts';
import { frozenClock } from '../../testing/ports.ts';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { HashPool } from '../crypto/hash-pool.ts';
import { type Outcome, refused } from './attempt.ts';
import { type ConfirmedPassword, confirmPassword } from './confirm-password.ts';
import type { Corridor } from './corridor.ts';
import { accountKey } from './throttle.ts';

const MAX_FAILURES = 3;
const PER_ADDRESS = 5;

describe.each(ENGINES)('the password of somebody who is signed in, on %s', (engine) => {
  let app: TestApp;
  let addresses = 0;
  beforeAll(async () => {
    const settings = {
      LATCHKEY_SIGN_IN_MAX_FAILURES: String(MAX_FAILURES),
      LATCHKEY_SIGN_IN_PER_ADDRESS: JSON.stringify({ count: PER_ADDRESS, seconds: 600 }),
    };
    app = await startApp(engine, settings, frozenClock());
  });
  afterAll(() => app.stop());

  /** Somebody, at an address of their own, and what comes of a password of theirs. */
  async function somebody(fields: Record<string, unknown> = {}) {
    const person = await app.person(fields);
    const account = (await app.core.store.accounts.byId(person.id)) as AccountWithMemberships;
    addresses += 1;
    const address = `198.51.${addresses >> 8}.${addresses & 255}`;
    const { mount, caller } = attemptAt(app, 'native');
    const show = (password: string, corridor: Corridor = app.app.corridor) => {
      const arrivedAt = app.core.clock.now();
      return confirmPassword(
        corridor,
        { mount, caller: { ...caller, address, arrivedAt } },
        account,
        password,
      );
    };
    const counted = async () => {
      const state = await app.core.store.attempts.state(accountKey(person.id));
      return { failures: state?.failures ?? 0, inFlight: state?.inFlight ?? 0, streak: state?.streak ?? 0 };
    };
    const totals = async () => (await app.core.store.accounts.byId(person.id))?.failedSignIns;
    return { person, address, show, counted, totals };
  }

  const confirmed = (outcome: ConfirmedPassword | Outcome): ConfirmedPassword => {
    if ('kind' in outcome) throw new Error(`the password was not taken: ${JSON.stringify(outcome)}`);
    return outcome;
  };

  test('is counted until what it leads to is committed', async () => {
    const organisation = await app.organisation({ settings: { maxFailedSignInAttempts: 9 } });
    const { person, show, counted } = await somebody({ organisation });
    await show('wrong');
    const { hold, settles } = confirmed(await show(person.password));
    expect(hold.key).toBe(accountKey(person.id));
    expect(await counted()).toEqual({ failures: 1, inFlight: 1, streak: 1 });
    await app.core.store.commit(settles);
    // Right once ends the row of wrong ones, and forgives none.
    expect(await counted()).toEqual({ failures: 1, inFlight: 0, streak: 0 });
  });

  test.each([
    ['is wrong', {}, 'wrong-password'],
    ['was never set', { password: null }, 'no-password'],
  ] as const)('that %s is refused and counted, and the reason is written down', async (_, fields, reason) => {
    const { person, show, counted, totals } = await somebody(fields);
    const written = await eventsDuring(app.core, async () =>
      expect(await show('wrong')).toEqual(refused('bad-credentials')),
    );
    expect(written).toMatchObject([{ event: 'sign-in.refused', reason, accountId: person.id }]);
    expect(await counted()).toMatchObject({ failures: 1, inFlight: 0 });
    expect(await totals()).toBe(1);
  });

  test('waits once it was wrong too often, and takes no place while it does', async () => {
    const { person, show, counted } = await somebody();
    for (let each = 0; each < MAX_FAILURES; each += 1) await show('wrong');
    const hashes = new HashPool({ threads: 1, cost: app.core.config.hashing, queueMilliseconds: 0 });
    expect(await show(person.password, { ...app.app.corridor, hashes })).toEqual({
      kind: 'throttled',
      retryAfterSeconds: expect.any(Number),
    });
    // The only place is there for somebody else.
    expect(hashes.overload('somebody else')).toBeNull();
    await hashes.close();
    expect(await counted()).toMatchObject({ failures: MAX_FAILURES, inFlight: 0 });
  });

  test('is not looked at while an organisation has the account locked', async () => {
    const organisation = await app.organisation({ settings: { maxFailedSignInAttempts: 2 } });
    const { person, show, counted } = await somebody({ organisation });
    for (let each = 0; each < 2; each += 1) await show('wrong');
    const written = await eventsDuring(app.core, async () =>
      expect(await show(person.password)).toEqual(refused('bad-credentials')),
    );
    expect(written).toMatchObject([{ event: 'sign-in.refused', reason: 'locked', accountId: person.id }]);
    expect(await counted()).toMatchObject({ inFlight: 0 });
  });

  test('is not told to be right where its address has failed too often meanwhile, and was no failure', async () => {
    const { person, address, show, counted, totals } = await somebody();
    const { windows } = app.app.corridor;
    for (let each = 0; each < PER_ADDRESS; each += 1)
      await windows.fail([{ window: 'address', key: address }]);
    expect(await show(person.password)).toEqual({ kind: 'throttled', retryAfterSeconds: expect.any(Number) });
    expect(await counted()).toEqual({ failures: 0, inFlight: 0, streak: 0 });
    expect(await totals()).toBe(0);
  });
});
