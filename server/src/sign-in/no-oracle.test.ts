import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';

const PASSWORD = 'a wrong password';
const MAX_FAILURES = 3;
const TENANT = uuid(900_001);
const OTHER_TENANT = uuid(900_002);

/** A door, and what is typed there for what somebody is called. */
type Try = readonly [path: string, body: (name: string) => object];

const login: Try = ['/auth/login', (username) => ({ username, password: PASSWORD })];
const tenantLogin: Try = ['/tenant/auth/login', (username) => ({ username, password: PASSWORD })];
const fingerprint: Try = ['/identity/sign-in', (username) => ({ username, password: PASSWORD })];
const byEmail: Try = [
  '/api/v1/auth/sign-in',
  (email) => ({ type: 'email-password', data: { email, password: PASSWORD } }),
];
const profileEmail: Try = ['/api/v1/auths/sign-in', (email) => ({ email, password: PASSWORD })];
const profileName: Try = ['/api/v1/auths/sign-in', (username) => ({ username, password: PASSWORD })];
const profileBoth: Try = [
  '/api/v1/auths/sign-in',
  (email) => ({ email, username: `the.${email}`, password: PASSWORD }),
];

describe.each(ENGINES)('limits are no oracle, on %s', { timeout: 60_000 }, (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_SIGN_IN_MAX_FAILURES: String(MAX_FAILURES),
      LATCHKEY_MOUNTS: JSON.stringify([
        ...['fingerprint', 'profile', 'credential-type'].map((contract) => ({ contract })),
        { contract: 'login', phoneRegion: 'ES' },
        { contract: 'login', prefix: '/tenant', organisation: TENANT },
      ]),
    });
    await app.load(
      ...[TENANT, OTHER_TENANT].map((id) => ({ kind: 'organisation', id, name: id, accountName: id })),
    );
  });
  afterAll(() => app.stop());

  const ask = async ([path, body]: Try, name: string): Promise<number> =>
    (await app.post(path, body(name), { 'x-fingerprint-id': 'a-device' })).status;

  /** What attempts at one door and then one at another are answered, which is all that anybody sees. */
  async function seen(first: Try, second: Try, name: string): Promise<number[]> {
    const statuses: number[] = [];
    for (let count = 0; count <= MAX_FAILURES; count += 1) statuses.push(await ask(first, name));
    return [...statuses, await ask(second, name)];
  }

  const names: Readonly<Record<string, () => string>> = {
    username: () => `somebody${nextNumber()}`,
    email: () => `somebody${nextNumber()}@example.com`,
    phone: () => `+34600${String(100_000 + nextNumber())}`,
  };

  const cases: readonly (readonly [string, string, (name: string) => object, Try, Try])[] = [
    ['a user name where an address is asked for', 'username', (username) => ({ username }), byEmail, login],
    ['a phone number where none is taken', 'phone', (phone) => ({ phone }), fingerprint, login],
    [
      'an address of another tenant',
      'email',
      (email) => ({ email, organisation: OTHER_TENANT }),
      tenantLogin,
      login,
    ],
    ['a user name as an address', 'username', (username) => ({ username }), profileEmail, profileName],
    [
      'an address beside a name',
      'email',
      (email) => ({ email, username: `the.${email}` }),
      profileBoth,
      profileEmail,
    ],
    ['an address beside a name that nobody has', 'email', (email) => ({ email }), profileBoth, profileEmail],
    ['a national number, then its international form', 'phone', (phone) => ({ phone }), login, fingerprint],
  ];

  test.each(cases)(
    '%s: known or not, the same is answered there and then where it would do',
    async (...given) => {
      const [, kind, fields, first, second] = given;
      const name = names[kind] as () => string;
      const [known, unknown] = [name(), name()];
      await app.load({
        kind: 'account',
        id: uuid(910_000 + nextNumber()),
        emailValidated: true,
        ...fields(known),
      });
      const [ofKnown, ofUnknown] = await Promise.all([
        seen(first, second, known),
        seen(first, second, unknown),
      ]);
      expect(ofKnown).toEqual(ofUnknown);
      expect(ofKnown.at(-1)).toBe(429);
    },
  );
});
