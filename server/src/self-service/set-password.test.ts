import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { signInAsOwner } from '../../testing/owner.ts';
import { askForCode, RECOVERY_DOORS } from '../../testing/recovery.ts';
import { ROUTES } from '../../testing/routes.ts';

/** Somebody, or a device, who is about to get a password: how, and whether it opens anything afterwards. */
interface Setting {
  readonly set: (password: string) => Promise<Answer>;
  /** A word of the owner's with a decoration. */
  readonly guessable: string;
  readonly opens: (password: string) => Promise<boolean>;
}

/** A way to set a password over HTTP, and the route that takes it. */
interface Way {
  readonly name: string;
  readonly route: string;
  /** How short and how long the contract lets one be; the rule is 8 and 1,024. */
  readonly lengths?: { readonly least: number; readonly most: number };
  begin(app: TestApp): Promise<Setting>;
}

const opensFor = (app: TestApp, identifier: string) => async (password: string) =>
  (await app.post('/v1/sign-in', { identifier, password })).status === 200;

const guessableOf = (email: string) => `${email.split('@')[0]}-2024`;

const RESET_ROUTES: Readonly<Record<string, string>> = {
  'role-picker': 'POST /password/reset',
  login: 'POST /api/public/account/validate',
  native: 'POST /v1/password/reset',
};

const WAYS: readonly Way[] = [
  {
    name: 'signing up at profile',
    route: 'POST /api/v1/auths/sign-up',
    async begin(app) {
      const email = `new${nextNumber()}@example.com`;
      const set = (password: string) =>
        app.post('/api/v1/auths/sign-up', { email, password, first_name: 'Ada', last_name: 'Byron' });
      return { set, guessable: guessableOf(email), opens: opensFor(app, email) };
    },
  },
  {
    name: 'signing up at credential-type',
    route: 'POST /api/v1/auth/sign-up',
    lengths: { least: 8, most: 256 },
    async begin(app) {
      const email = `new${nextNumber()}@example.com`;
      const set = (password: string) =>
        app.post('/api/v1/auth/sign-up', { type: 'email-password', data: { email, password } });
      return { set, guessable: guessableOf(email), opens: opensFor(app, email) };
    },
  },
  {
    name: 'signing up at the native API',
    route: 'POST /v1/sign-up',
    async begin(app) {
      const email = `new${nextNumber()}@example.com`;
      const set = async (password: string) => {
        const begun = await app.post('/v1/sign-up', { email, password });
        if (begun.status !== 202) return begun;
        const code = await app.mail.code(email);
        return app.post('/v1/sign-up/confirm', { challenge_token: begun.body.challenge_token, code });
      };
      return { set, guessable: guessableOf(email), opens: opensFor(app, email) };
    },
  },
  {
    name: 'a device that signs up',
    route: 'POST /api/v1/auth/sign-up',
    lengths: { least: 32, most: 256 },
    async begin(app) {
      const installationId = `installation-${String(nextNumber()).padStart(24, '0')}`;
      const set = async (password: string) => {
        const { challenge } = (await app.request('GET', '/api/v1/auth/get-challenge')).body;
        const data = { installationId, password, platform: 'ios', challenge, assertionToken: 'x' };
        return app.post('/api/v1/auth/sign-up', { type: 'mobile-device', data });
      };
      const opens = async (password: string) => {
        const data = { installationId, password };
        return (await app.post('/api/v1/auth/sign-in', { type: 'mobile-device', data })).status === 200;
      };
      return { set, guessable: `${installationId}-1`, opens };
    },
  },
  {
    name: 'changing it',
    route: 'POST /v1/password/change',
    async begin(app) {
      const person = await app.person();
      const owner = await signInAsOwner(app, person);
      const set = (password: string) =>
        owner.call('POST', '/v1/password/change', { currentPassword: person.password, password });
      return { set, guessable: guessableOf(person.email), opens: opensFor(app, person.email) };
    },
  },
  ...RECOVERY_DOORS.map(
    (door): Way => ({
      name: `a reset at ${door.contract}`,
      route: RESET_ROUTES[door.contract] ?? '',
      async begin(app) {
        const person = await app.person();
        const code = await askForCode(app, door, person);
        return {
          set: (password) => door.reset(app, code, password),
          guessable: guessableOf(person.email),
          opens: opensFor(app, person.email),
        };
      },
    }),
  ),
];

/** What no password can be, and why. */
const REFUSED: readonly (readonly [string, string])[] = [
  ['no characters', ''],
  ['seven', 'zq7-kw0'],
  ['seven that are fourteen in UTF-16', '🦦'.repeat(7)],
  ['seven in NFC', 'zq7-kwe\u0301'],
  ['1,025', `${'zq 7'.repeat(256)}v`],
  ['1,025 that are astral', '🦦'.repeat(1025)],
  ['one that everybody tries', 'password123'],
  ['the same in capitals', 'PASSWORD123'],
  ['a listed word with a year', 'sunshine2024'],
];

/** Routes where a password is shown, and none is set. */
const SHOWN_AT = [
  'POST /identity/sign-in',
  'POST /api/v1/auths/sign-in',
  'POST /auth/sign-in-verify',
  'POST /api/v1/auth/sign-in',
  'POST /auth/login',
  'POST /v1/sign-in',
  'POST /v1/session/prove',
];

// PW-3 and PW-5: one rule on every path that sets a password.
describe.each(ENGINES)('PW-3, PW-5: a password that is set, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_SIGN_IN_MAX_FAILURES: '100',
      LATCHKEY_SIGN_UP_ENABLED: 'true',
      LATCHKEY_MOUNTS: JSON.stringify([
        { contract: 'profile', allowSignUp: true },
        { contract: 'credential-type', allowSignUp: true, allowUnattestedDevices: true },
        { contract: 'role-picker' },
        { contract: 'login' },
      ]),
    });
  });
  afterAll(() => app.stop());

  test('there is no route for a password that is not tried here', () => {
    const takesPassword = ROUTES.filter(({ shapes }) =>
      shapes.some(({ texts }) => texts.some((path) => /password/i.test(path.at(-1) ?? ''))),
    );
    expect(takesPassword.map(({ name }) => name).sort()).toEqual(
      [...new Set([...SHOWN_AT, ...WAYS.map(({ route }) => route)])].sort(),
    );
  });

  test.each(WAYS)('keeps to the rule: $name', async (way) => {
    const { least, most } = way.lengths ?? { least: 8, most: 1024 };
    const { set, guessable, opens } = await way.begin(app);
    for (const [what, password] of [
      ...REFUSED,
      ['one too few', '🦦'.repeat(least - 1)],
      ['one too many', '🦦'.repeat(most + 1)],
      ['a word of the owner’s', guessable],
    ] as const) {
      const answer = await set(password);
      expect(answer.status, `${what}: ${answer.text}`).toBeGreaterThanOrEqual(400);
      expect(answer.status, `${what}: ${answer.text}`).toBeLessThan(429);
      expect(await opens(password), what).toBe(false);
    }
    // The shortest that there is, its spaces part of it.
    const shortest = ` ${'🦦é'.repeat(least).slice(0, ((least - 2) * 3) / 2)} `;
    expect([...shortest]).toHaveLength(least);
    const answer = await set(shortest);
    expect(answer.status, answer.text).toBeLessThan(300);
    expect(await opens(shortest)).toBe(true);
    expect(await opens(shortest.trim())).toBe(false);
  });

  test.each(WAYS)('counts to its last character: $name', async (way) => {
    const { most } = way.lengths ?? { most: 1024 };
    const { set, opens } = await way.begin(app);
    const longest = '🦦 '.repeat(most / 2);
    const answer = await set(longest);
    expect(answer.status, answer.text).toBeLessThan(300);
    expect(await opens(longest)).toBe(true);
    for (const other of [longest.slice(0, -1), `${longest.slice(0, -1)}x`, longest.trim()])
      expect(await opens(other)).toBe(false);
  });
});
