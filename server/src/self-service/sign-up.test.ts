import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { extraMembers } from '../../testing/extra-members.ts';
import { PUBLIC_URL, personWithPasskey, signInWith } from '../../testing/passkeys.ts';
import { forgetAttached } from '../store/attached.ts';
import { replaceRecoveryCodes } from '../store/recovery-codes.ts';

const PASSWORD = 'kestrel over the quarry';
const HOME = '00000000-0000-4000-8000-00000000aaaa';

describe.each(ENGINES)('signing up on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_SIGN_UP_ENABLED: 'true',
      LATCHKEY_PUBLIC_URL: PUBLIC_URL,
      LATCHKEY_MOUNTS: JSON.stringify([
        { contract: 'profile', allowSignUp: true },
        { contract: 'profile', prefix: '/closed' },
        { contract: 'profile', prefix: '/strict', allowSignUp: true, requireValidatedEmail: true },
        { contract: 'profile', prefix: '/home', allowSignUp: true, organisation: HOME },
        { contract: 'credential-type', allowSignUp: true },
        { contract: 'credential-type', prefix: '/closed' },
        { contract: 'login' },
        { contract: 'role-picker' },
      ]),
    });
    await app.load({ kind: 'organisation', id: HOME, name: 'Kestrel Works' });
  });
  afterAll(() => app.stop());

  const address = () => `new${nextNumber()}@example.com`;
  interface Newcomer {
    readonly email: string;
    readonly password: string;
    readonly username?: string;
    readonly first_name: string;
    readonly last_name: string;
  }
  const person = (fields: object = {}): Newcomer => ({
    email: address(),
    password: PASSWORD,
    first_name: 'Ada',
    last_name: 'Byron',
    ...fields,
  });
  const accountOf = async (email: string) =>
    (await app.core.store.accounts.named({ canonical: email.toLowerCase(), kinds: 2 }, null))[0];

  describe('at profile', () => {
    const signUp = (body: object, prefix = '') => app.post(`${prefix}/api/v1/auths/sign-up`, body);

    test('makes an account and signs in', async () => {
      const given = person({ username: `newcomer${nextNumber()}` });
      const answer = await signUp(given);
      expect(answer.status).toBe(201);
      expect(answer.body).toEqual({
        accessToken: expect.any(String),
        refreshToken: expect.any(String),
        user: expect.objectContaining({
          id: expect.any(Number),
          username: given.username,
          email: given.email,
          firstName: 'Ada',
          lastName: 'Byron',
          rol: '',
          permissions: [],
          status: 'active',
        }),
      });
      const { username, email, password } = given;
      expect((await app.post('/api/v1/auths/sign-in', { username, email, password })).status).toBe(200);
      expect((await accountOf(email))?.emailValidated).toBe(false);
    });

    test('is off unless the mount allows it', async () => {
      const given = person();
      const answer = await signUp(given, '/closed');
      expect([answer.status, answer.body]).toEqual([
        403,
        { statusCode: 403, message: 'Sign-up is disabled.' },
      ]);
      expect(await accountOf(given.email)).toBeUndefined();
      for (const malformed of [{}, { ...given, password: 'short' }, { ...given, email: 5 }]) {
        const { status, body } = await app.post('/closed/api/v1/auths/sign-up', malformed);
        expect([status, body.message]).toEqual([403, 'Sign-up is disabled.']);
      }
    });

    test('makes accounts at home in the mount’s organisation, and none while that is suspended', async () => {
      const given = person();
      expect((await signUp(given, '/home')).status).toBe(201);
      expect((await accountOf(given.email))?.home?.id).toBe(HOME);
      // The same address in another home is another account.
      expect((await signUp(given)).status).toBe(201);
      await app.load({ kind: 'organisation', id: HOME, name: 'Kestrel Works', isSuspended: true });
      expect((await signUp(person(), '/home')).status).toBe(403);
      await app.load({ kind: 'organisation', id: HOME, name: 'Kestrel Works' });
    });

    test('a mount that wants validated addresses makes the account and lets nobody in yet', async () => {
      const given = person();
      const answer = await signUp(given, '/strict');
      expect([answer.status, answer.body.message]).toEqual([403, 'Account is not validated.']);
      expect((await accountOf(given.email))?.status).toBe('active');
    });

    test('says that an address or a name is taken, in whatever spelling', async () => {
      const given = person({ username: `Straße${nextNumber()}` });
      await signUp(given);
      const taken = { statusCode: 409, message: 'Email or username is already taken.' };
      for (const other of [
        { email: given.email },
        { email: given.email.toUpperCase() },
        { email: given.email.replace('n', '\uff4e') },
        { username: String(given.username).toUpperCase() },
        { username: String(given.username).replace('ß', 'ss') },
      ]) {
        const answer = await signUp({ ...person(), ...other });
        expect([answer.status, answer.body], JSON.stringify(other)).toEqual([409, taken]);
      }
    });

    test('of many at once with one address in several spellings, one has it', async () => {
      const given = person();
      const spellings = Array.from({ length: 20 }, (_, each) =>
        each % 2 === 0 ? given.email : given.email.toUpperCase(),
      );
      const answers = await Promise.all(spellings.map((email) => signUp({ ...given, email })));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, ...new Array(19).fill(409)]);
    });

    test.each([
      ['a short password', { password: '1234567' }, 'password must be at least 8 characters'],
      ['a listed password', { password: 'password123' }, 'password is too easy to guess'],
      ['the own name as password', { password: 'Byron1815' }, 'password is too easy to guess'],
      ['no address', { email: 'ada' }, 'email must be an email address'],
      ['two addresses', { email: 'a@example.com,b@example.com' }, 'email must be an email address'],
      [
        'an address with a line break',
        { email: 'a@example.com\r\nBcc: b@c' },
        'email must be an email address',
      ],
    ])('%s is a failed validation', async (_, fields, message) => {
      const answer = await signUp(person(fields));
      expect([answer.status, answer.body]).toEqual([
        400,
        { statusCode: 400, message: 'Validation failed', errors: [message] },
      ]);
    });

    test('MT-3: nothing in a body gives a role, a place, a state or a validation', async () => {
      await fc.assert(
        fc.asyncProperty(extraMembers(HOME), async (extra) => {
          const given = person();
          const answer = await signUp({ ...extra, ...given });
          expect(answer.status).toBe(201);
          const account = await accountOf(given.email);
          expect(account).toMatchObject({
            home: null,
            role: null,
            memberships: [],
            status: 'active',
            emailValidated: false,
            phoneValidated: false,
            epoch: 1,
            factors: { email: false, totpSealed: null },
            stats: {},
          });
          expect(answer.body.user).toMatchObject({ rol: '', permissions: [] });
        }),
        { numRuns: 20 },
      );
    });
  });

  describe('at credential-type', () => {
    const signUp = (email: string, password = PASSWORD, prefix = '') =>
      app.post(`${prefix}/api/v1/auth/sign-up`, { type: 'email-password', data: { email, password } });

    test('makes an account, and no session', async () => {
      const email = address();
      const answer = await signUp(email);
      expect(answer.status).toBe(201);
      const account = await accountOf(email);
      const at = new Date(account?.createdAt ?? 0).toISOString();
      expect(answer.body).toEqual({
        id: account?.id,
        role: '',
        createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
        updatedAt: answer.body.createdAt,
      });
      expect(Date.parse(answer.body.createdAt) - Date.parse(at)).toBeLessThan(5000);
      const signIn = { type: 'email-password', data: { email, password: PASSWORD } };
      expect((await app.post('/api/v1/auth/sign-in', signIn)).status).toBe(200);
    });

    test('refuses in its own words', async () => {
      const email = address();
      await signUp(email);
      const errors = [
        [await signUp(email.toUpperCase()), 409, 'taken'],
        [await signUp(address(), PASSWORD, '/closed'), 403, 'forbidden'],
        [await signUp(address(), 'password123'), 400, 'invalid_credentials'],
        [await signUp('not an address'), 400, 'invalid_credentials'],
        [await signUp('', PASSWORD, '/closed'), 403, 'forbidden'],
        [await app.post('/closed/api/v1/auth/sign-up', { type: 'resource' }), 403, 'forbidden'],
        [await app.post('/api/v1/auth/sign-up', { type: 'resource', data: {} }), 400, 'invalid_type'],
      ] as const;
      for (const [answer, status, code] of errors)
        expect([answer.status, answer.body]).toEqual([status, { code, message: expect.any(String) }]);
    });
  });

  describe('at the native API', () => {
    const begin = (body: object) => app.post('/v1/sign-up', { password: PASSWORD, ...body });
    const confirm = (challenge_token: string, code: string) =>
      app.post('/v1/sign-up/confirm', { challenge_token, code });
    const wrong = (code: string) => (code === '000000' ? '000001' : '000000');

    test('makes nothing before the address is proven, then an account that is, and signs in', async () => {
      const email = address();
      const begun = await begin({ email, name: 'Ada', username: `native${nextNumber()}` });
      expect([begun.status, Object.keys(begun.body)]).toEqual([202, ['challenge_token']]);
      expect(await accountOf(email)).toBeUndefined();
      const code = await app.mail.code(email);
      const done = await confirm(begun.body.challenge_token, code);
      expect(done.status).toBe(201);
      expect(await accountOf(email)).toMatchObject({ emailValidated: true, user: { name: 'Ada' } });
      const bearer = { authorization: `Bearer ${done.body.accessToken}` };
      const session = await app.request('GET', '/v1/session', { headers: bearer });
      expect(session.body).toMatchObject({ active: true, amr: ['pwd', 'email'] });
      expect((await app.post('/v1/sign-in', { identifier: email, password: PASSWORD })).status).toBe(200);
      expect((await confirm(begun.body.challenge_token, code)).body.error.code).toBe('invalid-ticket');
    });

    test('EN-3: a known address is answered as any other; its owner is told, and no code works', async () => {
      const known = await app.person();
      const [one, other] = [await begin({ email: known.email }), await begin({ email: address() })];
      expect([one.status, Object.keys(one.body)]).toEqual([other.status, Object.keys(other.body)]);
      expect(one.headers.get('content-length')?.length).toBe(other.headers.get('content-length')?.length);
      const mail = await app.mail.next(known.email);
      expect(mail.text).not.toMatch(/\d{6}/);
      expect(mail.subject).toBe('You have an account already');
      expect((await confirm(one.body.challenge_token, '000000')).body.error.code).toBe('invalid-code');
    });

    test('a user name that is taken is told to who has proven the address, and to nobody before', async () => {
      const [email, username] = [address(), `Straße${nextNumber()}`];
      await app.person({ username });
      const begun = await begin({ email, username: username.replace('ß', 'SS') });
      expect(begun.status).toBe(202);
      const { challenge_token: token } = begun.body;
      const code = await app.mail.code(email);
      expect((await confirm(token, wrong(code))).body.error.code).toBe('invalid-code');
      const taken = await confirm(token, code);
      expect([taken.status, taken.body.error.code]).toEqual([409, 'identifier-taken']);
      expect(await accountOf(email)).toBeUndefined();
      const again = (await begin({ email, username: `${username}-too` })).body.challenge_token;
      expect((await confirm(again, await app.mail.code(email))).status).toBe(201);
    });

    test('five wrong codes end it, however the token is spelled', async () => {
      const email = address();
      const { challenge_token: token } = (await begin({ email })).body;
      const code = await app.mail.code(email);
      for (let each = 0; each < 5; each += 1)
        expect((await confirm(token, wrong(code))).body.error.code).toBe('invalid-code');
      for (const spelling of [
        token,
        `${token}=`,
        `${token} `,
        `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`,
      ])
        expect((await confirm(spelling, code)).status, spelling).toBe(401);
      expect(await accountOf(email)).toBeUndefined();
    });

    test('of fifty right codes at once, one makes the account', async () => {
      const email = address();
      const { challenge_token: token } = (await begin({ email })).body;
      const code = await app.mail.code(email);
      const answers = await Promise.all(Array.from({ length: 50 }, () => confirm(token, code)));
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      expect(answers.filter(({ status }) => status >= 500 && status !== 503)).toEqual([]);
    });

    test('a code is late after its time, and a token of another is none', async () => {
      const [one, other] = [address(), address()];
      const token = (await begin({ email: one })).body.challenge_token;
      await begin({ email: other });
      expect((await confirm(token, await app.mail.code(other))).status).toBe(401);
      const code = await app.mail.code(one);
      app.core.clock.advance(601);
      expect((await confirm(token, code)).body.error.code).toBe('invalid-ticket');
    });

    test.each([
      [{ email: 'x@example.com', password: 'short' }, 422, 'password-length'],
      [{ email: 'x@example.com', password: 'password123' }, 422, 'password-too-easy'],
      [{ email: 'nobody' }, 422, 'identifier-malformed'],
      [{ email: ['x@example.com'] }, 400, 'bad-request'],
    ])('%j is refused', async (body, status, code) => {
      const answer = await begin(body);
      expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    });
  });

  test('RV-6: who proves the address takes the account over from whoever made it', async () => {
    const victim = address();
    const made = await app.post(
      '/api/v1/auths/sign-up',
      person({ email: victim, password: 'the attacker was here' }),
    );
    const { accessToken, refreshToken } = made.body;
    await app.post('/password/send-token', { email: victim });
    const mail = await app.mail.next(victim);
    const token = /^[A-Za-z0-9_-]{22,}$/m.exec(mail.text ?? '')?.[0] ?? '';
    const reset = await app.post('/password/reset', { means: 'token', token, password: PASSWORD });
    expect(reset.status).toBe(200);
    const signIn = (password: string) => app.post('/auth/login', { username: victim, password });
    expect((await signIn('the attacker was here')).status).toBe(401);
    expect((await signIn(PASSWORD)).status).toBe(200);
    expect((await app.post('/api/v1/auths/refresh', { refreshToken })).status).toBe(401);
    const session = await app.request('GET', '/v1/session', {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    expect(session.body).toEqual({ active: false });
  });

  test('RV-6: passkeys and recovery codes go when the owner of an address proves it', async () => {
    const { person, passkey } = await personWithPasskey(app);
    const { store, clock } = app.core;
    await app.load({ kind: 'account', id: person.id, email: person.email, emailValidated: false });
    await store.commit(replaceRecoveryCodes(person.id, ['the hash of a code'], clock.now()));
    await store.commit(forgetAttached(person.id));
    expect((await signInWith(app, passkey)).status).toBe(401);
    expect((await store.recoveryCodes.leftOf(person.id)).size).toBe(0);
    // What is proven already is its owner's.
    const proven = await personWithPasskey(app);
    await store.commit(forgetAttached(proven.person.id));
    expect((await signInWith(app, proven.passkey)).status).toBe(200);
  });
});

test('where signing up is off, /v1 says so and sends nothing', async () => {
  const app = await startApp('sqlite');
  const answer = await app.post('/v1/sign-up', { email: 'a@example.com', password: PASSWORD });
  expect([answer.status, answer.body.error.code]).toEqual([403, 'sign-up-disabled']);
  expect((await app.core.store.outbox.depth()).waiting).toBe(0);
  await app.stop();
});
