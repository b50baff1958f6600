import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { accessTokenIn, type OpenStep, openStep, STEP_CONTRACTS } from '../../testing/steps.ts';
import { readTables } from '../../testing/store-dump.ts';

const SECOND_FACTOR = { secondFactor: { email: true } };

/** What can happen between the password and the code, each of which ends the sign-in. */
const EVENTS: readonly (readonly [
  string,
  (app: TestApp, person: Person, organisation: string) => Promise<unknown>,
])[] = [
  [
    'is locked',
    async (app, { username }) => {
      for (let each = 0; each < 3; each += 1)
        await app.post('/auth/login', { username, password: 'a wrong password' });
    },
  ],
  ['is disabled', (app, person, organisation) => again(app, person, { organisation, status: 'inactive' })],
  ['is deleted', (app, person, organisation) => again(app, person, { organisation, status: 'deleted' })],
  [
    'has another password',
    (app, person, organisation) => again(app, { ...person, password: 'another password' }, { organisation }),
  ],
  [
    'has its organisation suspended',
    (app, _person, organisation) => app.load({ kind: 'organisation', id: organisation, isSuspended: true }),
  ],
];

/** Loads a person's line again, as it is but for these fields. */
function again(app: TestApp, person: Person, fields: object): Promise<unknown> {
  return app.person({ ...person, ...SECOND_FACTOR, ...fields });
}

describe.each(ENGINES)('between the password and the code, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_SIGN_IN_MAX_FAILURES: '100',
      LATCHKEY_CHALLENGE_TICKET_SECONDS: '900',
      LATCHKEY_HASHING_QUEUE_MILLISECONDS: '20000',
    });
  });
  afterAll(() => app.stop());

  const isIn = async (step: OpenStep, code: string) =>
    accessTokenIn(step.contract, await step.prove(code)) !== undefined;
  const sessionsOf = async ({ id }: Person) =>
    ((await readTables(app.core.config.store.url)).sessions ?? []).filter((row) => row.account_id === id);
  /** A code of six digits that is none of the given ones. */
  const otherThan = (...codes: string[]) =>
    ['000000', '111111', '222222', '333333'].find((code) => !codes.includes(code)) ?? '';

  describe.each(STEP_CONTRACTS)('at %s', (contract) => {
    test.each(EVENTS)('TH-3: the right code is nothing once the account %s', async (_what, happens) => {
      const organisation = await app.organisation({ settings: { maxFailedSignInAttempts: 3 } });
      const [person, witness] = [
        await app.person({ organisation, ...SECOND_FACTOR }),
        await app.person(SECOND_FACTOR),
      ];
      const [step, other] = [await openStep(app, contract, person), await openStep(app, contract, witness)];
      const [code, otherCode] = [await app.mail.code(person.email), await app.mail.code(witness.email)];
      await happens(app, person, organisation);
      expect(await isIn(step, code)).toBe(false);
      expect(await sessionsOf(person)).toEqual([]);
      expect(await isIn(other, otherCode)).toBe(true);
    });

    test('MF-3: a code is good for the sign-in that it was mailed for, and for nobody else’s', async () => {
      const [one, other] = [await app.person(SECOND_FACTOR), await app.person(SECOND_FACTOR)];
      const mine = await openStep(app, contract, one);
      const first = await app.mail.code(one.email);
      const mineToo = await openStep(app, contract, one);
      const second = await app.mail.code(one.email);
      const theirs = await openStep(app, contract, other);
      const third = await app.mail.code(other.email);
      expect(new Set([first, second, third]).size, 'six digits were drawn twice').toBe(3);
      for (const [step, codes] of [
        [mine, [second, third]],
        [mineToo, [first, third]],
        [theirs, [first, second]],
      ] as const)
        for (const code of codes) expect(await isIn(step, code)).toBe(false);
      expect(await isIn(mine, first)).toBe(true);
      expect(await isIn(mineToo, second)).toBe(true);
      expect(await isIn(theirs, third)).toBe(true);
    });

    test('MF-3: a code is six digits, and good once', async () => {
      const person = await app.person(SECOND_FACTOR);
      const step = await openStep(app, contract, person);
      const code = await app.mail.code(person.email);
      expect(code).toMatch(/^\d{6}$/);
      expect(await isIn(step, otherThan(code))).toBe(false);
      expect(await isIn(step, code)).toBe(true);
      expect(await isIn(step, code)).toBe(false);
      expect(await sessionsOf(person)).toHaveLength(1);
    });

    test('MF-3: the newest code is the only one', async () => {
      const person = await app.person(SECOND_FACTOR);
      const step = await openStep(app, contract, person);
      const old = await app.mail.code(person.email);
      app.core.clock.advance(31);
      await step.resend();
      const fresh = await app.mail.code(person.email);
      expect(fresh, 'six digits were drawn twice').not.toBe(old);
      expect(await isIn(step, old)).toBe(false);
      expect(await isIn(step, fresh)).toBe(true);
    });

    test('MF-3: a code ends after ten minutes by the clock alone, while its ticket goes on', async () => {
      const [late, justInTime] = [await app.person(SECOND_FACTOR), await app.person(SECOND_FACTOR)];
      const step = await openStep(app, contract, late);
      const code = await app.mail.code(late.email);
      const other = await openStep(app, contract, justInTime);
      const otherCode = await app.mail.code(justInTime.email);
      app.core.clock.advance(570);
      expect(await isIn(other, otherCode)).toBe(true);
      app.core.clock.advance(31);
      expect(await isIn(step, code)).toBe(false);
      await step.resend();
      expect(await isIn(step, await app.mail.code(late.email))).toBe(true);
    });
  });
});
