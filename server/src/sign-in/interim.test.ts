import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { DOORS, signInAt } from '../../testing/doors.ts';
import { ENGINES } from '../../testing/engines.ts';
import { headersOf, ROUTES, type Route, withMember } from '../../testing/routes.ts';
import { accessTokenIn, type OpenStep, openStep, STEP_CONTRACTS } from '../../testing/steps.ts';
import { readTables } from '../../testing/store-dump.ts';
import { SEED, totpCode } from '../../testing/totp.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const DEVICE = { 'x-fingerprint-id': 'the device of these sign-ins' };

/** What a careless comparison would take for a code. */
const NO_CODES: readonly (readonly [string, (code: string) => unknown])[] = [
  ['nothing', () => undefined],
  ['null', () => null],
  ['true', () => true],
  ['false', () => false],
  ['0', () => 0],
  ['the empty text', () => ''],
  ['the number of it', (code) => Number(code)],
  ['a list of it', (code) => [code]],
  ['a list of many', (code) => Array.from({ length: 1000 }, (_, index) => (index === 500 ? code : '000000'))],
  ['the empty list', () => []],
  ['an object', (code) => ({ code, $ne: '' })],
  ['a text that turns into it', (code) => ({ toString: code, valueOf: code, length: 6 })],
];

const WRONG_CODES: readonly (readonly [string, (code: string) => string])[] = [
  ['its beginning', (code) => code.slice(0, 5)],
  ['it with a digit more', (code) => `${code}0`],
  ['it with a zero before it', (code) => `0${code}`],
  ['it twice', (code) => `${code}${code}`],
  ['it among others', (code) => `000000,${code}`],
  ['a pattern', () => '______'],
  ['another pattern', () => '.*'],
  ['true in a text', () => 'true'],
  ['null in a text', () => 'null'],
  ['NaN', () => 'NaN'],
  ['spaces', () => '      '],
  ['dashes', () => '------'],
  ['it with a sign', (code) => `+${code}`],
  ['it as a fraction', (code) => `${code}.0`],
  ['it in hex', (code) => `0x${Number(code).toString(16)}`],
];

/** How many codes a ticket takes, one of which is left for the right one. */
const TRIES = 4;

/** Factors that a second step can be passed with, and where the right code comes from. */
const FACTORS: readonly (readonly [string, object, (app: TestApp, person: Person) => Promise<string>])[] = [
  ['a mailed code', { secondFactor: { email: true } }, (app, { email }) => app.mail.code(email)],
  ['TOTP', { secondFactor: { totp: SEED } }, async (app) => totpCode(app.core.clock.now())],
];

// After the password, and before the code: nobody is anybody yet.
describe.each(ENGINES)('MF-1: after the password only, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
    await app.load({ kind: 'role', name: 'Student' });
  });
  afterAll(() => app.stop());

  const sessionsOf = async ({ id }: Person) =>
    ((await readTables(app.core.config.store.url)).sessions ?? []).filter((row) => row.account_id === id);
  const isIn = (step: OpenStep, answer: Answer) => accessTokenIn(step.contract, answer) !== undefined;
  const proveRoutes = ROUTES.filter(({ shapes }) =>
    shapes.some(({ texts }) => texts.some((text) => ['code', 'pin'].includes(text.join()))),
  );

  test('there is no route for a code that is not tried here', () => {
    expect(proveRoutes.map(({ name }) => name)).toEqual([
      'POST /accounts/verify-2fa',
      'POST /identity/recognize-device',
      'POST /auth/sign-in-with-2fa',
      'POST /api/public/account/validate',
      'POST /v1/sign-up/confirm',
      'POST /v1/challenges/verify',
      'POST /v1/factors/totp/confirm',
      'POST /v1/factors/email/confirm',
      'POST /v1/email/confirm',
      'POST /v1/phone/confirm',
    ]);
  });

  describe.each(FACTORS)('with %s', (_factor, fields, codeOf) => {
    test.each(STEP_CONTRACTS)(
      'there is no session before the code, and one after it: %s',
      async (contract) => {
        const person = await app.person({ ...fields });
        const step = await openStep(app, contract, person);
        const code = await codeOf(app, person);
        expect(await sessionsOf(person)).toEqual([]);
        expect(isIn(step, await step.prove(code))).toBe(true);
        expect(await sessionsOf(person)).toHaveLength(1);
      },
    );

    test.each(STEP_CONTRACTS)('what is no code does not pass, and spends no try: %s', async (contract) => {
      const person = await app.person({ ...fields });
      const step = await openStep(app, contract, person);
      const code = await codeOf(app, person);
      for (const [what, valueFrom] of NO_CODES) {
        const answer = await step.prove(valueFrom(code));
        expect([400, 422], `${what}: ${answer.text}`).toContain(answer.status);
      }
      expect(await sessionsOf(person)).toEqual([]);
      expect(isIn(step, await step.prove(code))).toBe(true);
    });

    test.each(STEP_CONTRACTS)('a wrong code does not pass: %s', async (contract) => {
      const person = await app.person({ ...fields });
      for (let at = 0; at < WRONG_CODES.length; at += TRIES) {
        const step = await openStep(app, contract, person);
        const code = await codeOf(app, person);
        for (const [what, textFrom] of WRONG_CODES.slice(at, at + TRIES)) {
          const answer = await step.prove(textFrom(code));
          expect(answer.status, `${what}: ${answer.text}`).toBeGreaterThanOrEqual(400);
          expect(answer.status, `${what}: ${answer.text}`).toBeLessThan(429);
        }
      }
      expect(await sessionsOf(person)).toEqual([]);
    });

    test.each(STEP_CONTRACTS)('an empty request does not pass: %s', async (contract) => {
      const person = await app.person({ ...fields });
      const step = await openStep(app, contract, person);
      await codeOf(app, person);
      const forms = { 'content-type': 'application/x-www-form-urlencoded' };
      for (const route of proveRoutes) {
        const bearer = { ...DEVICE, authorization: `Bearer ${step.ticket}` };
        const place = route.shapes[0]?.texts.find((text) => /token/i.test(text.join()));
        const holder = place === undefined ? {} : withMember({}, place, step.ticket);
        for (const [body, type] of [
          [undefined, {}],
          [undefined, JSON_TYPE],
          ['', JSON_TYPE],
          ['{}', JSON_TYPE],
          ['null', JSON_TYPE],
          ['[]', JSON_TYPE],
          ['true', JSON_TYPE],
          [JSON.stringify(holder), JSON_TYPE],
          ['', forms],
          [new URLSearchParams(holder as Record<string, string>).toString(), forms],
          [`${new URLSearchParams(holder as Record<string, string>)}&pin&code`, forms],
        ] as const) {
          const headers = { ...bearer, ...type };
          const answer = await app.request(
            'POST',
            route.path,
            body === undefined ? { headers } : { body, headers },
          );
          expect(answer.status, `${route.name} with ${body}: ${answer.text}`).toBeGreaterThanOrEqual(400);
          expect(answer.status).toBeLessThan(429);
        }
      }
      expect(await sessionsOf(person)).toEqual([]);
    });
  });

  test('whatever is done with what was handed out, in whatever order, without a code nobody is in', async () => {
    const organisation = await app.organisation({ settings: { mfaForStudents: true } });
    const slots = ROUTES.flatMap((route) => [
      { route, member: null },
      ...route.shapes.flatMap(({ texts }) => texts.map((member) => ({ route, member }))),
    ]);
    const forTokens = slots.filter(({ member }) => member === null || /token/i.test(member.join()));
    const move = fc.record({
      slot: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...forTokens) }, fc.constantFrom(...slots)),
      token: fc.nat(),
      code: fc.constantFrom('', '000000', '      ', null, true, [], ['000000'], 0),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(move, { minLength: 30, maxLength: 60 }), async (moves) => {
        const person = await app.person({ organisation });
        await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
        const bag: string[] = [];
        const keep = (answer: Answer) => {
          expect(answer.headers.get('set-cookie')).toBeNull();
          bag.push(...textsIn(answer));
        };
        for (const door of DOORS) keep(await signInAt(app, door, person));
        for (const each of moves) {
          const token = bag[each.token % bag.length];
          if (token !== undefined) keep(await make(app, each.slot, token, each.code));
        }
        expect(await sessionsOf(person)).toEqual([]);
        for (const token of bag) {
          const headers = { authorization: `Bearer ${token}` };
          expect((await app.request('GET', '/v1/session', { headers })).status).toBe(401);
        }
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });
});

/** A request with a token in one place of it. */
function make(
  app: TestApp,
  slot: { route: Route; member: readonly string[] | null },
  token: string,
  code: unknown,
): Promise<Answer> {
  const { route, member } = slot;
  const [shape] = route.shapes;
  const bearer = { authorization: `Bearer ${token}` };
  const headers = { ...headersOf(route), ...DEVICE, ...(member === null ? bearer : {}) };
  if (shape === undefined) return app.request(route.method, route.path, { headers });
  const filled = shape.texts.reduce(
    (body: object, text) => (['code', 'pin'].includes(text.join()) ? withMember(body, text, code) : body),
    shape.body,
  );
  return app.request(route.method, route.path, {
    headers: { ...headers, ...JSON_TYPE },
    body: JSON.stringify(member === null ? filled : withMember(filled, member, token)),
  });
}

/** Every text in an answer that could be a token. */
function textsIn({ body }: Answer): string[] {
  if (typeof body === 'string') return /^[\w.-]{30,}$/.test(body) ? [body] : [];
  return typeof body === 'object' && body !== null
    ? Object.values(body).flatMap((member) => textsIn({ body: member } as Answer))
    : [];
}
