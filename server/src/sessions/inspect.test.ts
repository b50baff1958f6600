import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';
import { frozenClock } from '../../testing/ports.ts';
import { buildApp } from '../app.ts';

const REFRESH_SECONDS = 600;

interface Tokens {
  readonly jwt: string;
  readonly opaque: string;
  readonly refresh: string;
}

describe.each(ENGINES)('what introspection tells, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    const mounts = [
      { contract: 'login', requireValidatedEmail: false },
      { contract: 'role-picker', refreshTokenSeconds: REFRESH_SECONDS },
      { contract: 'role-picker', prefix: '/validated', requireValidatedEmail: true },
    ];
    app = await startApp(engine, { LATCHKEY_MOUNTS: JSON.stringify(mounts) }, frozenClock());
    await app.load(
      { kind: 'role', name: 'Student', permissions: ['course:read', 'a'] },
      { kind: 'role', name: 'Teacher', permissions: ['course:write', 'a'] },
      { kind: 'role', name: 'Payee', permissions: ['pay'] },
    );
  });
  afterAll(() => app.stop());

  const inspect = (token: string, server: Pick<TestApp, 'request'> = app): Promise<Answer> =>
    server.request('GET', '/v1/session', { headers: { authorization: `Bearer ${token}` } });
  const isActive = async ({ jwt, opaque }: Tokens) => [
    (await inspect(jwt)).body.active,
    (await inspect(opaque)).body.active,
  ];
  const join = (account: string, organisation: string, role: string) =>
    app.load({ kind: 'membership', account, organisation, role });
  const line = ({ id, username, email }: Person, more: object) =>
    app.load({ kind: 'account', id, username, email, emailValidated: true, ...more });
  const logIn = async ({ username, password }: Person): Promise<string> =>
    (await app.post('/auth/login', { username, password })).body.access_token;
  /** Signs in at the role picker, as the role of that name; with none, as what is offered first. */
  async function pick({ email, password }: Person, role?: string, organisation?: string): Promise<Tokens> {
    const { body } = await app.post('/auth/sign-in-verify', { identity: email, password });
    const offered = body.result[0].find(
      (each: { role: string; organisation: { uuid: string } | null }) =>
        (role === undefined || each.role === role) &&
        (organisation === undefined || each.organisation?.uuid === organisation),
    );
    const signedIn = await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken: offered.loginToken });
    const { token, loginToken, refreshToken } = signedIn.body;
    return { jwt: token, opaque: loginToken, refresh: refreshToken };
  }

  test('of an opaque token: the life of its session, to the second', async () => {
    const { opaque, refresh } = await pick(await app.person());
    const now = app.core.clock.now();
    const iso = (seconds: number) => new Date(now + seconds * 1000).toISOString();
    expect((await inspect(opaque)).body).toMatchObject({ issuedAt: iso(0), expiresAt: iso(REFRESH_SECONDS) });
    app.core.clock.advance(REFRESH_SECONDS - 1);
    const refreshed = await app.post('/auth/refresh', { refreshToken: refresh });
    expect(refreshed.status).toBe(200);
    const expiresAt = iso(2 * REFRESH_SECONDS - 1);
    expect((await inspect(opaque)).body).toMatchObject({ issuedAt: iso(0), expiresAt });
    app.core.clock.advance(REFRESH_SECONDS - 1);
    expect((await inspect(opaque)).body.active).toBe(true);
    app.core.clock.advance(1);
    expect((await inspect(opaque)).body).toEqual({ active: false });
  });

  test('nothing of a text that is no token, and of an opaque token that is not all there', async () => {
    const { jwt, opaque } = await pick(await app.person());
    expect(opaque).toMatch(/^[A-Za-z0-9]{80}$/);
    for (const text of ['x'.repeat(80), `${opaque}x`, `x${opaque}`, opaque.slice(1), opaque.toLowerCase()])
      expect((await inspect(text)).body, text).toEqual({ active: false });
    for (const text of [`${jwt}${opaque}`, `${opaque}.${jwt}`, `${jwt}x`])
      expect((await inspect(text)).body, text).toEqual({ active: false });
  });

  test('of somebody in all their roles: the one that they act in, and what all of them permit', async () => {
    const [one, another] = [await app.organisation(), await app.organisation()];
    const person = await app.person({ role: 'Payee' });
    await join(person.id, one, 'Teacher');
    await join(person.id, another, 'Student');
    const own = (await inspect(await logIn(person))).body;
    expect(own).toMatchObject({ role: 'Payee', scopes: ['a', 'course:read', 'course:write', 'pay'] });
    expect(own).not.toHaveProperty('organisation');
    const member = await app.person({ organisation: another });
    await join(member.id, one, 'Teacher');
    await join(member.id, another, 'Student');
    expect((await inspect(await logIn(member))).body).toMatchObject({
      role: 'Student',
      organisation: another,
    });
    const nobody = (await inspect(await logIn(await app.person()))).body;
    expect(nobody).toMatchObject({ active: true, scopes: [] });
    expect(nobody).not.toHaveProperty('role');
    expect(nobody).not.toHaveProperty('organisation');
  });

  test('of a picked role: that one, where it was picked, and what it permits', async () => {
    const [one, another] = [await app.organisation(), await app.organisation()];
    const person = await app.person({ role: 'Student' });
    for (const place of [one, another]) await join(person.id, place, 'Student');
    await join(person.id, another, 'Teacher');
    for (const [role, organisation, scopes] of [
      ['Student', one, ['a', 'course:read']],
      ['Student', another, ['a', 'course:read']],
      ['Teacher', another, ['a', 'course:write']],
    ] as const) {
      const { jwt, opaque } = await pick(person, role, organisation);
      for (const token of [jwt, opaque])
        expect((await inspect(token)).body).toMatchObject({ role, organisation, scopes });
    }
    const own = (await inspect((await pick(person, 'Student')).jwt)).body;
    expect(own).toMatchObject({ role: 'Student', scopes: ['a', 'course:read'] });
    expect(own).not.toHaveProperty('organisation');
    const none = (await inspect((await pick(await app.person())).jwt)).body;
    expect(none).toMatchObject({ active: true, role: '', scopes: [] });
  });

  test('nothing, once the role that was picked is another', async () => {
    const person = await app.person({ role: 'Student' });
    const tokens = await pick(person, 'Student');
    await join(person.id, await app.organisation(), 'Student');
    expect(await isActive(tokens)).toEqual([true, true]);
    await line(person, { role: 'Teacher' });
    expect(await isActive(tokens)).toEqual([false, false]);
    const nobody = await app.person();
    const without = await pick(nobody);
    await line(nobody, { role: 'Teacher' });
    expect(await isActive(without)).toEqual([false, false]);
  });

  test('nothing, while the address is not validated and the mount asks for that', async () => {
    const person = await app.person();
    const { email: identity, password } = person;
    const offered = await app.post('/validated/auth/sign-in-verify', { identity, password });
    const { loginToken } = offered.body.result[0][0];
    const asking = (await app.post('/validated/auth/sign-in', { is2FAEnabled: false, loginToken })).body;
    const lax = await logIn(person);
    const states = async () => [
      ...(await isActive({ jwt: asking.token, opaque: asking.loginToken, refresh: '' })),
      (await inspect(lax)).body.active,
    ];
    expect(await states()).toEqual([true, true, true]);
    await line(person, { emailValidated: false });
    expect(await states()).toEqual([false, false, true]);
  });

  test.each(['jwt', 'opaque'] as const)(
    'nothing by %s, when policy has come to ask for more: the session ends',
    async (form) => {
      const settings = { mfaForStudents: true };
      const organisation = await app.organisation();
      const person = await app.person();
      await join(person.id, organisation, 'Student');
      const tokens = await pick(person, 'Student');
      await app.load({ kind: 'organisation', id: organisation, name: organisation, settings });
      expect((await inspect(tokens[form])).body).toEqual({ active: false });
      await app.load({ kind: 'organisation', id: organisation, name: organisation, settings: {} });
      expect(await isActive(tokens)).toEqual([false, false]);
      const unproven = (await eventsOf(app.core, person.id)).filter(
        ({ event }) => event === 'session.unproven',
      );
      expect(unproven).toMatchObject([
        { sessionId: readJwt(tokens.jwt).payload.sid, organisationId: organisation },
      ]);
    },
  );

  test('nothing of a mount that is served no longer', async () => {
    const tokens = await pick(await app.person());
    const mounts = app.core.config.mounts.filter(({ name }) => name !== 'role-picker');
    const other = await buildApp({ ...app.core.config, mounts }, { ...app.core, publicUrl: () => app.url });
    try {
      const address = await other.server.listen({ host: '127.0.0.1', port: 0 });
      const statusOf = async (token: string) =>
        (await fetch(`${address}/v1/session`, { headers: { authorization: `Bearer ${token}` } })).status;
      expect(await statusOf(await logIn(await app.person()))).toBe(200);
      expect([await statusOf(tokens.jwt), await statusOf(tokens.opaque)]).toEqual([401, 401]);
      expect(await isActive(tokens)).toEqual([true, true]);
    } finally {
      await other.close();
    }
  });
});
