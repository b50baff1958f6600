import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { frozenClock } from '../../testing/ports.ts';

describe.each(ENGINES)('what an account is told about itself, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    const contracts = ['login', 'profile', 'role-picker', 'credential-type'];
    const mounts = contracts.map((contract) => ({ contract, requireValidatedEmail: contract === 'profile' }));
    app = await startApp(engine, { LATCHKEY_MOUNTS: JSON.stringify(mounts) }, frozenClock());
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'Payee' });
  });
  afterAll(() => app.stop());

  const get = (path: string, token: string) =>
    app.request('GET', path, { headers: { authorization: `Bearer ${token}` } });
  const me = (token: string) => get('/auth/me', token);
  async function member(own: string | null, settings: object = {}) {
    const organisation = await app.organisation({ settings });
    const person = await app.person({ role: own });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    return { ...person, organisation };
  }

  test('where it acts: in the role that was picked, else in its first', async () => {
    const person = await member('Payee');
    const effective = async (token: string) => (await me(token)).body.effective_organization_id;
    const { username, email: identity, password } = person;
    const whole = await app.post('/auth/login', { username, password });
    expect(await effective(whole.body.access_token)).toBeNull();
    const offered = await app.post('/auth/sign-in-verify', { identity, password });
    for (const { role, loginToken } of offered.body.result[0]) {
      const { token } = (await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken })).body;
      expect(await effective(token), role).toBe(role === 'Student' ? person.organisation : null);
    }
    const only = await member(null);
    const { body } = await app.post('/auth/login', { username: only.username, password: only.password });
    expect(await effective(body.access_token)).toBe(only.organisation);
    const { username: nobody, password: secret } = await app.person();
    const without = await app.post('/auth/login', { username: nobody, password: secret });
    expect(await me(without.body.access_token)).toMatchObject({
      status: 200,
      body: { effective_organization_id: null },
    });
  });

  test('when it signed in, however often the session was refreshed since', async () => {
    const { email, password } = await app.person();
    const { body } = await app.post('/api/v1/auths/sign-in', { email, password });
    app.core.clock.advance(60);
    const refreshed = await app.post('/api/v1/auths/refresh', { refreshToken: body.refreshToken });
    expect(refreshed.status).toBe(200);
    const told = await get('/api/v1/auths/me', refreshed.body.accessToken);
    expect(told.body.lastLogin).toBe(body.user.lastLogin);
    expect(Date.parse(told.body.lastLogin)).toBe(app.core.clock.now() - 60_000);
  });

  test('also when it has come to lack a second factor, and not when its state forbids the session', async () => {
    const person = await member(null);
    const { username, password } = person;
    const token = (await app.post('/auth/login', { username, password })).body.access_token;
    const settings = { mfaForStudents: true };
    await app.load({ kind: 'organisation', id: person.organisation, name: username, settings });
    expect((await me(token)).status).toBe(200);
    const other = await app.person();
    const signedIn = await app.post('/api/v1/auths/sign-in', {
      email: other.email,
      password: other.password,
    });
    const bearer = signedIn.body.accessToken;
    expect((await get('/api/v1/auths/me', bearer)).status).toBe(200);
    await app.load({ kind: 'account', id: other.id, username: other.username, email: other.email });
    expect((await get('/api/v1/auths/me', bearer)).status).toBe(401);
  });

  test('nothing to an installation, not even of its account, nor to who has a resource code', async () => {
    const { id } = await app.person();
    const installation = {
      installationId: `installation ${nextNumber()}`.padEnd(40, '.'),
      password: 'p'.repeat(40),
    };
    const code = String(nextNumber());
    await app.load(
      { kind: 'installation', ...installation, account: id },
      { kind: 'resource', context: 'me', code },
    );
    for (const [type, data] of [
      ['mobile-device', installation],
      ['resource', { resource: `voucher::me::code::${code}` }],
    ] as const) {
      const { body } = await app.post('/api/v1/auth/sign-in', { type, data });
      expect((await me(body.authorization.token)).status, type).toBe(401);
      expect((await get('/v1/session', body.authorization.token)).status, type).toBe(200);
    }
  });
});
