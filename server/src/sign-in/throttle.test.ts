import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Answer, nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { ALL_DOORS, signInAt } from '../../testing/doors.ts';
import { ENGINES } from '../../testing/engines.ts';
import { frozenClock } from '../../testing/ports.ts';
import {
  type Admission,
  accountKey,
  type Counted,
  deviceKey,
  factorKey,
  failHolds,
  type Hold,
  installationKey,
  passHolds,
  releaseHolds,
  Throttle,
  unknownKey,
} from './throttle.ts';

const limit = { maxFailures: 1, waitSeconds: 30, lockAfter: null, forgets: true };
const one = (fields: Partial<Counted['limit']> = {}): Counted => ({
  key: `somebody ${nextNumber()}`,
  limit: { ...limit, ...fields },
});
const held = (admission: Admission): Hold => {
  if (admission.kind !== 'held') throw new Error(`it was not let in: ${admission.kind}`);
  return admission.hold;
};

describe.each(ENGINES)('a place to be evaluated, on %s', (engine) => {
  const HOUR_MILLISECONDS = 3_600_000;
  const OVERLOADED = { kind: 'overloaded', retryAfterSeconds: 1 };
  let core: TestCore;
  let throttle: Throttle;
  beforeAll(async () => {
    core = await openTestCore(engine, {}, frozenClock());
    throttle = new Throttle(core.store, core.clock, 0);
  });
  afterAll(() => core.close());

  const now = () => core.clock.now();
  const admit = (counted: Counted, using = throttle) => using.admit(counted, now());
  const fail = async (counted: Counted) => core.store.commit(failHolds([held(await admit(counted))], now()));
  const state = async ({ key }: Counted) => {
    const { inFlight = 0, failures = 0 } = (await core.store.attempts.state(key)) ?? {};
    return { inFlight, failures };
  };

  test('is refused for as long as failures make it wait, in whole seconds rounded up', async () => {
    const counted = one();
    await fail(counted);
    expect(await admit(counted)).toEqual({ kind: 'throttled', retryAfterSeconds: 30 });
    core.clock.advance(28.5);
    expect(await admit(counted)).toEqual({ kind: 'throttled', retryAfterSeconds: 2 });
    core.clock.advance(1.499);
    expect(await admit(counted)).toEqual({ kind: 'throttled', retryAfterSeconds: 1 });
    core.clock.advance(0.001);
    const hold = held(await admit(counted));
    expect(hold).toEqual({ ...counted, locked: false, failures: 1, places: [counted] });
    // The wait is just over: it is the other attempt that is in the way.
    expect(await admit(counted)).toEqual(OVERLOADED);
  });

  test('is held while an attempt may still be at it: half a minute after the longest wait', async () => {
    const patient = new Throttle(core.store, core.clock, 5000);
    const counted = one();
    await admit(counted, patient);
    core.clock.advance(34.999);
    expect(await admit(counted)).toEqual(OVERLOADED);
    core.clock.advance(0.001);
    expect((await admit(counted)).kind).toBe('held');
  });

  test('is waited for from when the request came, and no longer', async () => {
    const patient = new Throttle(core.store, core.clock, HOUR_MILLISECONDS);
    const counted = one();
    const hold = held(await admit(counted));
    expect(await patient.admit(counted, now() - HOUR_MILLISECONDS)).toEqual(OVERLOADED);
    const waits = patient.admit(counted, now() - HOUR_MILLISECONDS + 1);
    await throttle.release([hold]);
    expect((await waits).kind).toBe('held');
  });

  test('is not waited for longer when the clock is set back meanwhile', async () => {
    const counted = one();
    await admit(counted);
    const hasty = new Throttle(core.store, core.clock, 1);
    expect(await hasty.admit(counted, now() + HOUR_MILLISECONDS)).toEqual(OVERLOADED);
  });

  test('is given back by a failure, which counts, and by what passes or was not evaluated, which does not', async () => {
    const [wrong, right, beside, untried] = [one(), one(), one(), one()];
    const [failed, passed, other, released] = await Promise.all(
      [wrong, right, beside, untried].map(async (counted) => held(await admit(counted))),
    );
    if (!failed || !passed || !other || !released) throw new Error('not all were let in');
    await core.store.commit([
      ...failHolds([failed], now()),
      ...passHolds([passed, other], new Set([right.key])),
      ...releaseHolds([released]),
    ]);
    expect(await Promise.all([wrong, right, beside, untried].map(state))).toEqual([
      { inFlight: 0, failures: 1 },
      ...Array(3).fill({ inFlight: 0, failures: 0 }),
    ]);
  });

  describe('for an attempt from a recognised device', () => {
    const pair = (fields: Partial<Counted['limit']> = {}) => [one(fields), one()] as const;
    const recognised = ([account, device]: readonly [Counted, Counted]) =>
      throttle.admitRecognised(account, device, now());

    test('is the account’s and the device’s; the device’s is given back when the account has none', async () => {
      const [account, device] = pair();
      const hold = held(await admit(account));
      expect(await recognised([account, device])).toEqual(OVERLOADED);
      expect([await state(account), await state(device)]).toMatchObject([{ inFlight: 1 }, { inFlight: 0 }]);
      await throttle.release([hold]);
      expect(held(await recognised([account, device]))).toEqual({
        ...account,
        locked: false,
        failures: 0,
        places: [account, device],
      });
      expect([await state(account), await state(device)]).toMatchObject([{ inFlight: 1 }, { inFlight: 1 }]);
    });

    test('is none of the account’s when the device has none', async () => {
      const [account, device] = pair();
      await admit(device);
      expect(await recognised([account, device])).toEqual(OVERLOADED);
      expect(await core.store.attempts.state(account.key)).toBeNull();
    });

    test('is the device’s alone while strangers’ failures make the account wait', async () => {
      const [account, device] = pair();
      await fail(account);
      const hold = held(await recognised([account, device]));
      expect(hold).toEqual({ ...account, locked: false, failures: 0, places: [device] });
      await core.store.commit(failHolds([hold], now()));
      expect([await state(account), await state(device)]).toMatchObject([{ failures: 1 }, { failures: 1 }]);
    });

    test('evaluates nothing while the account is locked, whatever else makes it wait', async () => {
      const [account, device] = pair({ lockAfter: 1 });
      await fail(account);
      core.clock.advance(3590);
      // Under way before it ended, this makes the account wait beyond the lock.
      await fail(account);
      core.clock.advance(9.999);
      const locked = held(await recognised([account, device]));
      expect(locked).toEqual({ ...account, locked: true, failures: 0, places: [device] });
      await throttle.release([locked]);
      core.clock.advance(0.001);
      expect(held(await recognised([account, device]))).toMatchObject({ locked: false, places: [device] });
    });

    test('forgets by the right password what the device failed, and not what others did', async () => {
      const limits = { maxFailures: 5 };
      const [account, device] = [one(limits), one(limits)];
      await fail(account);
      await fail(device);
      const hold = held(await recognised([account, device]));
      await core.store.commit(passHolds([hold], new Set([account.key])));
      expect([await state(account), await state(device)]).toEqual([
        { inFlight: 0, failures: 1 },
        { inFlight: 0, failures: 0 },
      ]);
    });
  });

  test('tells of a lock up to its last millisecond', async () => {
    const counted = one({ maxFailures: 5, lockAfter: 1 });
    await fail(counted);
    core.clock.advance(3599.999);
    const hold = held(await admit(counted));
    expect(hold).toMatchObject({ locked: true, failures: 1 });
    await throttle.release([hold]);
    core.clock.advance(0.001);
    expect(held(await admit(counted))).toMatchObject({ locked: false });
  });
});

// Nobody here looks again by themselves: the clock by which they would stands still.
describe('whoever waits for a place', () => {
  let core: TestCore;
  let throttle: Throttle;
  beforeAll(async () => {
    core = await openTestCore('sqlite', {}, frozenClock());
    throttle = new Throttle(core.store, core.clock, 60_000);
  });
  afterAll(() => core.close());

  const admit = (counted: Counted) => throttle.admit(counted, core.clock.now());
  async function withStillTimers(work: () => Promise<void>): Promise<void> {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await work().finally(() => vi.useRealTimers());
  }
  async function until(condition: () => boolean): Promise<void> {
    const begun = performance.now();
    while (!condition() && performance.now() - begun < 10_000)
      await new Promise((resolve) => setImmediate(resolve));
  }
  /** Begins to wait, and gives what comes of it once it does wait. */
  async function waiting(counted: Counted): Promise<Promise<Hold>[]> {
    const before = vi.getTimerCount();
    const admitted = admit(counted).then(held);
    await until(() => vi.getTimerCount() > before);
    return [admitted];
  }

  test('is told as soon as it is free, and leaves no timer behind', () =>
    withStillTimers(async () => {
      const [counted, other] = [one(), one()];
      const [first, elsewhere] = [held(await admit(counted)), held(await admit(other))];
      const [waits] = await waiting(counted);
      await throttle.release([elsewhere, first]);
      expect(await waits).toMatchObject({ key: counted.key });
      expect(vi.getTimerCount()).toBe(0);
    }));

  test('is told also after others have looked again meanwhile', () =>
    withStillTimers(async () => {
      const counted = one();
      const first = held(await admit(counted));
      const [early] = await waiting(counted);
      vi.advanceTimersByTime(10);
      const [late] = await waiting(counted);
      vi.advanceTimersByTime(10);
      // The early one has asked the store in vain and waits again.
      await until(() => vi.getTimerCount() === 2);
      await throttle.release([first]);
      const second = await Promise.race([early, late]);
      if (!second) throw new Error('nobody was let in');
      await until(() => vi.getTimerCount() === 1);
      await throttle.release([second]);
      expect(await Promise.all([early, late])).toHaveLength(2);
      expect(vi.getTimerCount()).toBe(0);
    }));
});

test('no two things are counted under one key', () => {
  const names = ['one', 'other'];
  const keys = names.flatMap((name) => [
    ...[accountKey, unknownKey, installationKey, factorKey].map((keyOf) => keyOf(name)),
    ...names.map((device) => deviceKey(name, device)),
  ]);
  expect(new Set(keys).size).toBe(keys.length);
});

const MAX_FAILURES = 6;

describe.each(ENGINES)('TH-4: what failures are counted under, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'login', phoneRegion: 'ES' }]),
      LATCHKEY_SIGN_IN_MAX_FAILURES: String(MAX_FAILURES),
      LATCHKEY_HASHING_QUEUE_MILLISECONDS: '20000',
    });
  });
  afterAll(() => app.stop());

  const signIn = (username: string, password = 'a wrong password'): Promise<Answer> =>
    app.post('/auth/login', { username, password });

  /** Ways to write one name, one address and one number: six of each. */
  const spellings = (number: number) => {
    const name = `Zoë.Straße.${number}`;
    const phone = `+34600${String(100_000 + number)}`;
    const grouped = `${phone.slice(3, 6)} ${phone.slice(6, 9)} ${phone.slice(9)}`;
    return {
      name: [
        name,
        name.normalize('NFD'),
        name.toUpperCase(),
        ` ${name}\t`,
        name.replace('Straße', 'STRASSE'),
        name.replace('Zoë', 'Ｚｏë'),
      ],
      address: ['', ' '].flatMap((space) => [
        `${space}zoë.${number}@Exämple.com`,
        `${space}ZOË.${number}@xn--exmple-cua.com`,
        `${space}zoe\u0308.${number}＠EXÄMPLE.COM`,
      ]),
      phone: [
        phone,
        `+34 ${grouped}`,
        `0034 ${grouped}`,
        grouped,
        `(${phone.slice(3, 6)}) ${phone.slice(6)}`,
        `＋${phone.slice(1)}`,
      ],
    };
  };

  test.each(['name', 'address', 'phone'] as const)(
    'every spelling of a %s is counted as one, known or not',
    async (kind) => {
      const [known, unknown] = [nextNumber(), nextNumber()];
      const { name, address, phone } = spellings(known);
      const person = await app.person({ username: name[0], email: address[0], phone: phone[0] });
      for (const number of [known, unknown]) {
        const all = spellings(number)[kind];
        expect(new Set(all).size).toBe(MAX_FAILURES);
        for (const spelling of all) expect((await signIn(spelling)).status, spelling).toBe(401);
        for (const spelling of all) expect((await signIn(spelling)).status, spelling).toBe(429);
      }
      expect((await signIn(person.email, person.password)).status).toBe(429);
    },
  );

  test('the name, the address and the number of an account are counted as one', async () => {
    const { name, address, phone } = spellings(nextNumber());
    const person = await app.person({ username: name[0], email: address[0], phone: phone[0] });
    for (let each = 0; each < MAX_FAILURES; each += 1)
      expect((await signIn([name, address, phone][each % 3]?.[each] ?? '')).status).toBe(401);
    for (const spelling of [...name, ...address, ...phone])
      expect((await signIn(spelling, person.password)).status, spelling).toBe(429);
  });

  test('somebody else is somebody else', async () => {
    const [one, other] = [await app.person(), await app.person()];
    for (let each = 0; each < MAX_FAILURES; each += 1) await signIn(one.email);
    expect((await signIn(one.email, one.password)).status).toBe(429);
    expect((await signIn(other.email, other.password)).status).toBe(200);
  });
});

describe('EN-2: how long a refusal takes', () => {
  const REFUSAL_MILLISECONDS = 400;
  // A timer may fire within the millisecond before.
  const AT_LEAST = REFUSAL_MILLISECONDS - 2;
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite', {
      LATCHKEY_SIGN_IN_REFUSAL_MILLISECONDS: String(REFUSAL_MILLISECONDS),
      LATCHKEY_SIGN_IN_MAX_FAILURES: '100',
    });
  });
  afterAll(() => app.stop());

  const timed = async (ask: () => Promise<Answer>) => {
    const begun = performance.now();
    return { answer: await ask(), milliseconds: performance.now() - begun };
  };

  test.each(ALL_DOORS)('is no less than what is set, whatever the reason: $contract', async (door) => {
    const people = [
      { email: `nobody${nextNumber()}@example.com`, password: 'whatever it is' },
      { ...(await app.person()), password: 'a wrong password' },
      { ...(await app.person({ password: null })), password: 'a wrong password' },
      { ...(await app.person({ status: 'inactive' })), password: 'a wrong password' },
      await app.person({ status: 'inactive' }),
    ];
    const all = await Promise.all(people.map((who) => timed(() => signInAt(app, door, who))));
    for (const { answer, milliseconds } of all) {
      expect(door.isSignedIn(answer)).toBe(false);
      expect(milliseconds).toBeGreaterThanOrEqual(AT_LEAST);
    }
  });

  test('is no less for a code, a resource code and an installation', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const { username, password } = person;
    const due = await app.post('/auth/login', { username, password });
    const { challenge_token } = due.body.extra_attributes;
    const code = (await app.mail.code(person.email)) === '000000' ? '111111' : '000000';
    const data = { installationId: 'x'.repeat(32), password: 'x'.repeat(32) };
    const resource = 'voucher::context::code::UNKNOWN';
    for (const ask of [
      () => app.post('/v1/challenges/verify', { challenge_token, code }),
      () => app.post('/api/v1/auth/sign-in', { type: 'mobile-device', data }),
      () => app.post('/api/v1/auth/sign-in', { type: 'resource', data: { resource } }),
    ]) {
      const { answer, milliseconds } = await timed(ask);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(milliseconds).toBeGreaterThanOrEqual(AT_LEAST);
    }
  });
});
