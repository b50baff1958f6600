import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../../testing/app.ts';
import { ENGINES } from '../../../testing/engines.ts';
import { verifyAsResourceServer } from '../../../testing/jwt.ts';

describe.each(ENGINES)('the profile contract on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load(
      { kind: 'role', name: 'Teacher', permissions: ['write', 'read'] },
      { kind: 'role', name: 'Member', permissions: ['read', 'like'] },
      { kind: 'role', name: 'Student', permissions: ['learn'] },
    );
  });
  afterAll(() => app.stop());

  const signIn = (body: unknown) => app.post('/api/v1/auths/sign-in', body);

  test('answers a sign-in with the tokens and the whole user', async () => {
    const organisation = await app.organisation();
    const person = await app.person({
      role: 'Member',
      user: { name: 'Ada Winter', firstName: 'Ada', lastName: 'Winter', avatar: 'https://example.com/a.png' },
      createdAt: '2024-05-01T10:00:00.000Z',
      stats: { courses: 3 },
    });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Teacher' });
    await signIn({ email: person.email, password: 'a wrong password' });
    const answer = await signIn({ email: person.email, password: person.password });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      accessToken: expect.any(String),
      refreshToken: expect.any(String),
      user: {
        id: expect.any(Number),
        username: person.username,
        email: person.email,
        firstName: 'Ada',
        lastName: 'Winter',
        rol: 'Member',
        avatar: 'https://example.com/a.png',
        status: 'active',
        lastLogin: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        createdAt: '2024-05-01T10:00:00.000Z',
        permissions: ['like', 'read', 'write'],
        stats: { courses: 3, signIns: 1, failedSignIns: 1 },
      },
    });
    const payload = await verifyAsResourceServer(answer.body.accessToken, app.url);
    expect(Number(payload.exp) - Number(payload.iat)).toBe(86_400);
  });

  test('has every field of somebody of whom little is known', async () => {
    const person = await app.person({ email: null });
    const { user } = (await signIn({ username: person.username, password: person.password })).body;
    expect(user).toMatchObject({
      email: '',
      firstName: '',
      lastName: '',
      rol: '',
      avatar: '',
      permissions: [],
      stats: { signIns: 1, failedSignIns: 0 },
    });
  });

  test('keeps the user’s number over sign-ins, each person with their own', async () => {
    const [one, other] = [await app.person(), await app.person()];
    const number = async ({ email, password }: typeof one) =>
      (await signIn({ email, password })).body.user.id;
    expect(Number.isSafeInteger(await number(one))).toBe(true);
    expect(await number(one)).toBe(await number(one));
    expect(await number(one)).not.toBe(await number(other));
  });

  test('takes the primary role from the home, else from the first organisation by name', async () => {
    const [first, second] = [
      await app.organisation({ name: 'A first' }),
      await app.organisation({ name: 'B second' }),
    ];
    const rolOf = async (person: { email: string; password: string }) => (await signIn(person)).body.user.rol;
    const away = await app.person();
    await app.load(
      { kind: 'membership', account: away.id, organisation: second, role: 'Teacher' },
      { kind: 'membership', account: away.id, organisation: first, role: 'Student' },
    );
    expect(await rolOf(away)).toBe('Student');
    const home = await app.person({ organisation: second });
    await app.load(
      { kind: 'membership', account: home.id, organisation: second, role: 'Teacher' },
      { kind: 'membership', account: home.id, organisation: first, role: 'Student' },
    );
    expect(await rolOf(home)).toBe('Teacher');
  });

  test('needs both identifiers to name the same account when both are given', async () => {
    const [one, other] = [await app.person(), await app.person()];
    const both = (username: string) => signIn({ email: one.email, username, password: one.password });
    expect((await both(one.username)).status).toBe(200);
    expect((await both(other.username)).body).toEqual({
      statusCode: 401,
      message: 'Invalid email or password',
    });
    expect((await both(`nobody${nextNumber()}`)).status).toBe(401);
  });

  test('does not take a user name for an e-mail address, nor the other way round', async () => {
    const person = await app.person();
    expect((await signIn({ email: person.username, password: person.password })).status).toBe(401);
    expect((await signIn({ username: person.email, password: person.password })).status).toBe(401);
  });

  const MISSING = 'email or username must be provided';
  const SHORT = 'password must be at least 6 characters';
  test.each([
    [{}, [MISSING, SHORT]],
    [[], [MISSING, SHORT]],
    [{ email: '', username: null, password: '' }, [MISSING, SHORT]],
    [{ email: 'a@example.com' }, [SHORT]],
    [{ email: 'a@example.com', password: '12345' }, [SHORT]],
    [{ email: 'a@example.com', password: '😀😀😀😀😀' }, [SHORT]],
    [{ password: 'long enough' }, [MISSING]],
    [{ email: 5, password: 'long enough' }, ['email must be a string']],
    [{ username: {}, password: 7 }, ['username must be a string', 'password must be a string']],
    [
      { email: 5, username: [], password: '1' },
      [SHORT, 'email must be a string', 'username must be a string'],
    ],
    [{ email: 'a\u0000@example.com', password: 'long enough' }, []],
    [{ email: `${'x'.repeat(251)}@a.b`, password: 'long enough' }, []],
    [{ email: 'a@example.com', password: 'x'.repeat(1025) }, []],
  ])('%j fails validation', async (body, errors) => {
    const answer = await signIn(body);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ statusCode: 400, message: 'Validation failed', errors });
  });

  test('counts characters, not bytes: six of any kind are enough to be looked at', async () => {
    expect((await signIn({ email: 'nobody@example.com', password: '😀😀😀😀😀😀' })).status).toBe(401);
  });

  test.each([
    ['a second factor', { secondFactor: { email: true } }, 'Two-factor verification required.'],
    ['a new device', { recogniseDevices: true, devices: ['x'] }, 'Device verification required.'],
  ])('refuses while %s is due, with a challenge that /v1 completes', async (_what, fields, message) => {
    const person = await app.person(fields);
    const answer = await signIn({ email: person.email, password: person.password });
    expect(answer.status).toBe(403);
    expect(answer.body).toEqual({
      statusCode: 403,
      message,
      challengeToken: expect.stringMatching(/^[\w-]{43}$/),
    });
    const code = await app.mail.code(person.email);
    const completed = await app.post('/v1/challenges/verify', {
      challenge_token: answer.body.challengeToken,
      code,
    });
    expect(completed.status).toBe(200);
    expect(Object.keys(completed.body)).toEqual(['accessToken', 'refreshToken', 'user']);
    expect(completed.body.user.stats.signIns).toBe(1);
  });
});
