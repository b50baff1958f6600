import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, type Person, startApp, type TestApp } from '../../../testing/app.ts';
import { uuid } from '../../../testing/core.ts';
import { ENGINES } from '../../../testing/engines.ts';
import { verifyAsResourceServer } from '../../../testing/jwt.ts';
import { SEED, totpCode } from '../../../testing/totp.ts';

const LOGIN_TOKEN = /^[A-Za-z0-9]{80}$/;
const INVALID_TOKEN = { status_code: 401, message: 'Provided login token is invalid.' };
const INVALID_PIN = { status_code: 401, message: 'Provided pin is invalid.' };

describe.each(ENGINES)('the role-picker contract on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load(
      { kind: 'role', name: 'Student', permissions: ['learn'] },
      { kind: 'role', name: 'Teacher', permissions: ['teach'] },
      { kind: 'role', name: 'Account Admin', permissions: ['manage'] },
    );
  });
  afterAll(() => app.stop());

  const verify = (identity: unknown, password: unknown) =>
    app.post('/auth/sign-in-verify', { identity, password });
  const pick = (loginToken: string, is2FAEnabled: unknown = false) =>
    app.post('/auth/sign-in', { is2FAEnabled, loginToken });
  const prove = (loginToken: string, pin: unknown) => app.post('/auth/sign-in-with-2fa', { loginToken, pin });
  const session = (token: string) =>
    app.request('GET', '/v1/session', { headers: { authorization: `Bearer ${token}` } });

  /** An account of somebody in an organisation of their own making, with a role there. */
  async function member(
    role: string,
    organisation: Record<string, unknown> = {},
    account: Record<string, unknown> = {},
  ): Promise<Person & { organisation: string }> {
    const id = await app.organisation(organisation);
    const person = await app.person({ organisation: id, ...account });
    await app.load({ kind: 'membership', account: person.id, organisation: id, role });
    return { ...person, organisation: id };
  }
  test('announces no PIN to an account that has no address: it is refused as an inactive one is', async () => {
    const asking = { settings: { mfaForStudents: true } };
    const { username, password } = await member('Student', asking, { email: null, emailValidated: false });
    expect((await verify(username, password)).body.message).toBe('Account is inactive.');
  });

  const firstToken = async ({ username, password }: Person): Promise<string> =>
    (await verify(username, password)).body.result[0][0].loginToken;

  test('offers every role of an identity: granted where the password matches, refused elsewhere', async () => {
    const email = `finn${nextNumber()}@example.com`;
    const settings = {
      enableLti: false,
      mfaForStudents: false,
      list: [5, 3, 1, 0],
      maxFailedSignInAttempts: 3,
    };
    const student = await member(
      'Student',
      { name: 'B University', settings, accountName: 'b-uni', isPaid: true },
      { email },
    );
    await member(
      'Account Admin',
      { name: 'A College', isActive: true },
      { email, password: 'the password of the college' },
    );
    const answer = await verify(email, student.password);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      status_code: 200,
      message: 'OK',
      result: [
        [
          {
            role: 'Student',
            loginToken: expect.stringMatching(LOGIN_TOKEN),
            is2FAEnabled: false,
            organisation: {
              uuid: student.organisation,
              accountName: 'b-uni',
              organisationName: 'B University',
              isActive: 0,
              isSuspended: 0,
              settings,
              isPaid: 1,
            },
          },
        ],
        [
          {
            role: 'Account Admin',
            organisation: expect.objectContaining({
              accountName: null,
              organisationName: 'A College',
              isActive: 1,
              settings: null,
              isPaid: 0,
            }),
            message: 'Identity or Password is invalid.',
          },
        ],
      ],
    });
  });

  test('orders entries by organisation and role, those outside any organisation first', async () => {
    const person = await app.person({ role: 'Teacher' });
    for (const [name, role] of [
      ['b', 'Student'],
      ['B', 'Teacher'],
      ['B', 'Account Admin'],
      ['a', 'Student'],
    ] as const) {
      const organisation = name === 'B' ? uuid(900_000 + nextNumberOf(person)) : uuid(900_100 + nextNumber());
      await app.load(
        { kind: 'organisation', id: organisation, name },
        { kind: 'membership', account: person.id, organisation, role },
      );
    }
    const [granted] = (await verify(person.username, person.password)).body.result;
    expect(
      granted.map((entry: { role: string; organisation: { organisationName: string } | null }) => [
        entry.organisation?.organisationName ?? null,
        entry.role,
      ]),
    ).toEqual([
      [null, 'Teacher'],
      ['B', 'Account Admin'],
      ['B', 'Teacher'],
      ['a', 'Student'],
      ['b', 'Student'],
    ]);
  });

  test('gives an account without any role one entry', async () => {
    const person = await app.person();
    const { result } = (await verify(person.username, person.password)).body;
    expect(result).toEqual([
      [{ role: '', organisation: null, is2FAEnabled: false, loginToken: expect.stringMatching(LOGIN_TOKEN) }],
      [],
    ]);
    const answer = await pick(result[0][0].loginToken);
    expect(answer.body).toMatchObject({ role: '', organisation: null });
  });

  test('says why the right password does not open a role', async () => {
    const email = `states${nextNumber()}@example.com`;
    const password = 'one password for all of them';
    await member('Student', { name: '1 active' }, { email, password });
    await member('Student', { name: '2 inactive account' }, { email, password, status: 'inactive' });
    await member('Student', { name: '3 suspended', isSuspended: true }, { email, password });
    const [granted, refused] = (await verify(email, password)).body.result;
    expect(granted).toHaveLength(1);
    expect(refused.map(({ message }: { message: string }) => message)).toEqual([
      'Account is inactive.',
      'Organisation is suspended.',
    ]);
    const [none, wrong] = [await verify(email, 'a wrong password'), await verify(email, password)];
    expect(none.body).toEqual({ status_code: 401, message: 'Password is invalid.' });
    expect(wrong.status).toBe(200);
  });

  test('gives the first state message in order when nothing else stood in the way', async () => {
    const email = `onlystate${nextNumber()}@example.com`;
    const password = 'one password for both of them';
    await member('Student', { name: '2', isSuspended: true }, { email, password });
    await member('Student', { name: '1' }, { email, password, status: 'inactive' });
    await member('Student', { name: '0' }, { email, password: 'another password' });
    expect((await verify(email, password)).body).toEqual({
      status_code: 401,
      message: 'Account is inactive.',
    });
  });

  test('tells an unknown identity, as its documents do', async () => {
    expect((await verify(`nobody${nextNumber()}`, 'whatever it is')).body).toEqual({
      status_code: 401,
      message: 'No user(s) found.',
    });
  });

  test('a refused role beside a granted one is no failed attempt', async () => {
    const email = `twopasswords${nextNumber()}@example.com`;
    const one = await member('Student', { settings: { maxFailedSignInAttempts: 3 } }, { email });
    await member(
      'Teacher',
      { settings: { maxFailedSignInAttempts: 3 } },
      { email, password: 'the other password' },
    );
    for (let each = 0; each < 6; each += 1) expect((await verify(email, one.password)).status).toBe(200);
    expect((await verify(email, 'the other password')).body.result[0]).toHaveLength(1);
  });

  test('an account that is locked is refused as a wrong password beside one that is not', async () => {
    const email = `locked${nextNumber()}@example.com`;
    const password = 'one password for both of them';
    const locked = await member('Student', { settings: { maxFailedSignInAttempts: 1 } }, { email, password });
    await app.post('/auth/sign-in-verify', { identity: locked.username, password: 'a wrong password' });
    await member('Teacher', {}, { email, password });
    const [granted, refused] = (await verify(email, password)).body.result;
    expect(granted.map(({ role }: { role: string }) => role)).toEqual(['Teacher']);
    expect(refused.map(({ message }: { message: string }) => message)).toEqual([
      'Identity or Password is invalid.',
    ]);
  });

  test('says which roles ask for a second factor', async () => {
    const asks = async (person: Person) =>
      (await verify(person.username, person.password)).body.result[0][0].is2FAEnabled;
    expect(await asks(await member('Student', { settings: { mfaForStudents: true } }))).toBe(true);
    expect(await asks(await member('Teacher', { settings: { mfaForStudents: true } }))).toBe(false);
    expect(await asks(await member('Teacher', { settings: { mfaForTeachers: true } }))).toBe(true);
    expect(await asks(await member('Student', { settings: { mfaForStudents: 'true' } }))).toBe(false);
    expect(await asks(await member('Account Admin', {}, { secondFactor: { totp: SEED } }))).toBe(true);
  });

  test('signs the picked role in', async () => {
    const person = await member(
      'Teacher',
      { name: 'Uni' },
      { user: { id: '44444444-4444-4444-8444-444444444444', name: 'Ada Winter', firstName: 'Ada' } },
    );
    const loginToken = await firstToken(person);
    const answer = await pick(loginToken, true);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      is2FAEnabled: false,
      loginToken: expect.stringMatching(LOGIN_TOKEN),
      token: expect.any(String),
      refreshToken: expect.any(String),
      user: {
        uuid: '44444444-4444-4444-8444-444444444444',
        name: 'Ada Winter',
        firstName: 'Ada',
        lastName: '',
        email: person.email,
        username: person.username,
      },
      organisation: expect.objectContaining({ uuid: person.organisation, organisationName: 'Uni' }),
      role: 'Teacher',
    });
    expect(answer.body.loginToken).not.toBe(loginToken);
    const payload = await verifyAsResourceServer(answer.body.token, app.url);
    expect(payload).toMatchObject({ sub: person.id, role: 'Teacher', organisation: person.organisation });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(3600);
  });

  test('the token of the answer is for introspection and nothing else', async () => {
    const person = await member('Teacher');
    const { loginToken, token } = (await pick(await firstToken(person))).body;
    const answer = await session(loginToken);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      active: true,
      account: person.id,
      organisation: person.organisation,
      role: 'Teacher',
      scopes: ['teach'],
    });
    expect((await session(token)).body).toMatchObject({ principal: { id: person.id }, role: 'Teacher' });
    expect((await pick(loginToken)).body).toEqual(INVALID_TOKEN);
    expect((await prove(loginToken, '123456')).body).toEqual(INVALID_TOKEN);
    expect((await app.post('/auth/refresh-token', { refresh_token: loginToken })).status).toBe(401);
  });

  test('a login token is used once, also by fifty at once, and dies with its time', async () => {
    const person = await member('Teacher');
    const loginToken = await firstToken(person);
    const answers = await Promise.all(Array.from({ length: 50 }, () => pick(loginToken)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.find(({ status }) => status !== 200)?.body).toEqual(INVALID_TOKEN);
    const late = await firstToken(person);
    app.core.clock.advance(601);
    expect((await pick(late)).body).toEqual(INVALID_TOKEN);
    expect((await pick('x'.repeat(80))).body).toEqual(INVALID_TOKEN);
  });

  test('a login token is nothing before it is picked', async () => {
    const loginToken = await firstToken(await member('Student', { settings: { mfaForStudents: true } }));
    expect((await session(loginToken)).status).toBe(401);
    expect((await prove(loginToken, '000000')).body).toEqual(INVALID_TOKEN);
    expect((await app.post('/auth/resend-2fa', { loginToken })).body).toEqual(INVALID_TOKEN);
    expect(
      (await app.post('/v1/challenges/verify', { challenge_token: loginToken, code: '000000' })).body.error
        .code,
    ).toBe('invalid-ticket');
  });

  test('what changes between verify and pick counts', async () => {
    const disabled = await member('Teacher');
    const token = await firstToken(disabled);
    await app.person({ ...disabled, status: 'inactive' });
    expect((await pick(token)).body).toEqual(INVALID_TOKEN);

    const suspended = await member('Teacher');
    const other = await firstToken(suspended);
    await app.load({ kind: 'organisation', id: suspended.organisation, name: 'x', isSuspended: true });
    expect((await pick(other)).body).toEqual({ status_code: 401, message: 'Organisation is suspended.' });

    const changed = await member('Teacher');
    const old = await firstToken(changed);
    await app.person({ ...changed, password: 'a new password' });
    expect((await pick(old)).body).toEqual(INVALID_TOKEN);
  });

  test.each([[true], [false], ['true'], ['false'], [1], [0], ['1'], ['0']])(
    'takes is2FAEnabled: %j, and does not trust it',
    async (value) => {
      expect((await pick(await firstToken(await member('Teacher')), value)).body.is2FAEnabled).toBe(false);
      const due = await member('Teacher', { settings: { mfaForTeachers: true } });
      expect(Object.keys((await pick(await firstToken(due), value)).body)).toEqual([
        'is2FAEnabled',
        'loginToken',
      ]);
    },
  );

  describe('with a second factor', () => {
    test('mails a PIN and signs in with it, once', async () => {
      const person = await member('Student', { settings: { mfaForStudents: true } });
      const loginToken = await firstToken(person);
      const due = await pick(loginToken);
      expect(due.body).toEqual({ is2FAEnabled: true, loginToken: expect.stringMatching(LOGIN_TOKEN) });
      expect(due.body.loginToken).not.toBe(loginToken);
      const pin = await app.mail.code(person.email);
      expect((await prove(loginToken, pin)).body).toEqual(INVALID_TOKEN);
      const answer = await prove(due.body.loginToken, pin);
      expect(answer.status).toBe(200);
      expect(Object.keys(answer.body)).toEqual([
        'is2FAEnabled',
        'loginToken',
        'pin',
        'token',
        'refreshToken',
        'user',
        'organisation',
        'role',
      ]);
      expect(answer.body).toMatchObject({ is2FAEnabled: true, pin, role: 'Student' });
      expect((await session(answer.body.loginToken)).body.amr).toEqual(['pwd', 'email', 'mfa']);
      expect((await prove(due.body.loginToken, pin)).body).toEqual(INVALID_TOKEN);
    });

    test('the fifth wrong PIN ends the login token', async () => {
      const person = await member('Student', { settings: { mfaForStudents: true } });
      const { loginToken } = (await pick(await firstToken(person))).body;
      const pin = await app.mail.code(person.email);
      for (let each = 0; each < 5; each += 1)
        expect((await prove(loginToken, pin === '000000' ? '000001' : '000000')).body).toEqual(INVALID_PIN);
      expect((await prove(loginToken, pin)).body).toEqual(INVALID_TOKEN);
      app.core.clock.advance(31);
      const resent = await app.post('/auth/resend-2fa', { loginToken });
      expect({ status: resent.status, body: resent.body }).toEqual({ status: 401, body: INVALID_TOKEN });
    });

    test('takes a TOTP code in the place of the PIN', async () => {
      const person = await member('Student', {}, { secondFactor: { totp: SEED } });
      const { loginToken } = (await pick(await firstToken(person))).body;
      expect((await prove(loginToken, totpCode(app.core.clock.now()))).status).toBe(200);
    });

    test('a role that asks for one is not reached without it on any contract', async () => {
      const person = await member('Student', { settings: { mfaForStudents: true } });
      const { email, username, password } = person;
      expect((await app.post('/api/v1/auths/sign-in', { email, password })).body.message).toBe(
        'Two-factor verification required.',
      );
      expect((await app.post('/auth/login', { username, password })).body.error_code).toBe(
        'two-factor-required',
      );
      expect(
        (await app.post('/api/v1/auth/sign-in', { type: 'email-password', data: { email, password } })).body
          .code,
      ).toBe('two_factor_required');
      const envelope = await app.post(
        '/identity/sign-in',
        { username, password },
        { 'x-fingerprint-id': 'd' },
      );
      expect(envelope.body.data.observation.code).toBe(2);
    });

    test('a new device is proven by a PIN as well', async () => {
      const person = await member('Teacher', {}, { recogniseDevices: true, devices: ['x'] });
      const due = await pick(await firstToken(person));
      expect(due.body.is2FAEnabled).toBe(true);
      expect((await prove(due.body.loginToken, await app.mail.code(person.email))).status).toBe(200);
    });

    test('mails a new PIN, at most one in half a minute', async () => {
      const person = await member('Student', { settings: { mfaForStudents: true } });
      const { loginToken } = (await pick(await firstToken(person))).body;
      await app.mail.code(person.email);
      const resend = () => app.post('/auth/resend-2fa', { loginToken });
      for (let each = 0; each < 3; each += 1) expect((await resend()).body).toEqual({ success: true });
      app.core.clock.advance(31);
      expect((await resend()).body).toEqual({ success: true });
      expect((await prove(loginToken, await app.mail.code(person.email))).status).toBe(200);
      expect(app.mail.delivered.filter(({ recipients }) => recipients.includes(person.email))).toHaveLength(
        2,
      );
    });
  });

  const errors = (fields: object) => ({
    message: '422 Unprocessable Entity',
    errors: fields,
    status_code: 422,
  });
  test.each([
    [
      '/auth/sign-in-verify',
      {},
      { identity: ['The identity is required.'], password: ['The password is required.'] },
    ],
    [
      '/auth/sign-in-verify',
      { identity: 5, password: null },
      { identity: ['The identity must be a string.'], password: ['The password is required.'] },
    ],
    [
      '/auth/sign-in-verify',
      { identity: 'a\u0000', password: 'b' },
      { identity: ['The identity is invalid.'] },
    ],
    [
      '/auth/sign-in',
      {},
      { is2FAEnabled: ['The is2FAEnabled is required.'], loginToken: ['The loginToken is required.'] },
    ],
    [
      '/auth/sign-in',
      { is2FAEnabled: 'maybe', loginToken: 1 },
      {
        is2FAEnabled: ['The is2FAEnabled must be a boolean.'],
        loginToken: ['The loginToken must be a string.'],
      },
    ],
    ['/auth/sign-in-with-2fa', { loginToken: 'x' }, { pin: ['The pin is required.'] }],
    ['/auth/sign-in-with-2fa', { loginToken: 'x', pin: 123456 }, { pin: ['The pin must be a string.'] }],
    ['/auth/resend-2fa', {}, { loginToken: ['The loginToken is required.'] }],
  ])('%s with %j is unprocessable', async (path, body, fields) => {
    const answer = await app.post(path, body);
    expect(answer.status).toBe(422);
    expect(answer.body).toEqual(errors(fields));
  });

  describe('with form bodies', () => {
    const form = (path: string, body: string) =>
      app.request('POST', path, { body, headers: { 'content-type': 'application/x-www-form-urlencoded' } });

    test('does all of it', async () => {
      const person = await member(
        'Student',
        { settings: { mfaForStudents: true } },
        { password: 'päss & wörd = 100 %' },
      );
      const encoded = new URLSearchParams({ identity: person.email, password: person.password }).toString();
      const loginToken = (await form('/auth/sign-in-verify', encoded)).body.result[0][0].loginToken;
      const due = await form('/auth/sign-in', `is2FAEnabled=0&loginToken=${loginToken}`);
      const answer = await form(
        '/auth/sign-in-with-2fa',
        `loginToken=${due.body.loginToken}&pin=${await app.mail.code(person.email)}`,
      );
      expect(answer.body).toMatchObject({ is2FAEnabled: true, role: 'Student' });
    });

    test('names what is missing', async () => {
      expect((await form('/auth/sign-in', '')).body).toEqual(
        errors({
          is2FAEnabled: ['The is2FAEnabled is required.'],
          loginToken: ['The loginToken is required.'],
        }),
      );
    });

    test.each([
      ['identity=a&identity=b&password=c'],
      ['identity=%ff&password=c'],
      ['identity=%zz&password=c'],
      ['identity=a%00b&password=c'],
    ])('refuses %s', async (body) => {
      expect([400, 422]).toContain((await form('/auth/sign-in-verify', body)).status);
    });

    test('takes no other contract’s', async () => {
      expect((await form('/auth/login', 'username=a&password=b')).status).toBe(415);
    });
  });
});

/** The same number for the same person: for things that one person shares. */
function nextNumberOf(person: Person): number {
  return Number(person.id.slice(-5));
}
