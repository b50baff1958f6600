import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { ALL_DOORS, signInAt } from '../../testing/doors.ts';
import { ENGINES } from '../../testing/engines.ts';

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
