import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';
import { accessTokenIn, openStep, STEP_CONTRACTS, signIn } from '../../testing/steps.ts';

const ASKING = [
  ['Student', 'mfaForStudents'],
  ['Teacher', 'mfaForTeachers'],
] as const;

// What a session may act as: no role that asks for a second factor without one, and no other than it was made for.
describe.each(ENGINES)('roles on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_MOUNTS: JSON.stringify([
        ...STEP_CONTRACTS.map((contract) => ({ contract })),
        { contract: 'credential-type', prefix: '/roles', claims: { role: 'role', roles: 'roles' } },
      ]),
    });
    await app.load(
      { kind: 'role', name: 'Student', permissions: ['course:read'] },
      { kind: 'role', name: 'Teacher', permissions: ['course:write'] },
      { kind: 'role', name: 'Payee', permissions: ['pay'] },
    );
  });
  afterAll(() => app.stop());

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const inspect = async (token: string, headers = {}) =>
    (await app.request('GET', '/v1/session', { headers: { ...bearer(token), ...headers } })).body;
  const join = (account: string, organisation: string, role: string) =>
    app.load({ kind: 'membership', account, organisation, role });
  async function member(role: string, settings: object = {}, own: string | null = 'Payee') {
    const organisation = await app.organisation({ settings });
    const person = await app.person({ role: own });
    await join(person.id, organisation, role);
    return { ...person, organisation };
  }
  const offer = async ({ email, password }: Person): Promise<Answer> =>
    app.post('/auth/sign-in-verify', { identity: email, password });
  const pick = async (person: Person, role: string, more: object = {}) => {
    const entry = (await offer(person)).body.result[0].find((each: { role: string }) => each.role === role);
    const body = { is2FAEnabled: false, loginToken: entry.loginToken, ...more };
    return (await app.post('/auth/sign-in', body)).body;
  };
  const ask = (organisation: string, setting: string) =>
    app.load({ kind: 'organisation', id: organisation, name: 'x', settings: { [setting]: true } });

  describe.each(ASKING)('MF-2: the role %s, where %s is on', (role, setting) => {
    test.each(STEP_CONTRACTS)('is not reached by the password at %s', async (contract) => {
      const person = await member(role, { [setting]: true }, null);
      const step = await openStep(app, contract, person, { 'x-fingerprint-id': 'd' });
      const wrong = await step.prove('000000');
      expect(accessTokenIn(contract, wrong)).toBeUndefined();
      const proven = await step.prove(await app.mail.code(person.email));
      expect((await inspect(accessTokenIn(contract, proven) ?? '')).amr).toContain('mfa');
    });

    test('is not reached by saying that none is due, nor with the opaque token of another role', async () => {
      const person = await member(role, { [setting]: true });
      for (const is2FAEnabled of [false, 0, 'false'])
        expect(await pick(person, role, { is2FAEnabled })).toEqual({
          is2FAEnabled: true,
          loginToken: expect.any(String),
        });
      const { token, loginToken } = await pick(person, 'Payee');
      for (const mine of [token, loginToken])
        expect(await inspect(mine)).toMatchObject({ role: 'Payee', scopes: ['pay'] });
      const body = { organisation: person.organisation, role };
      const switched = await app.post('/v1/session/switch', body, bearer(token));
      expect(switched.body.error.code).toBe('second-factor-required');
    });

    test('is left at the next refresh when that is asked for from then on', async () => {
      const person = await member(role);
      const picked = await pick(person, role);
      const { username, password } = person;
      const whole = (await app.post('/auth/login', { username, password })).body;
      const other = await pick(person, 'Payee');
      await ask(person.organisation, setting);
      const refreshes = [
        await app.post('/auth/refresh', { refreshToken: picked.refreshToken }),
        await app.post('/auth/refresh-token', { refresh_token: whole.refresh_token }),
        await app.post('/auth/refresh', { refreshToken: other.refreshToken }),
      ];
      expect(refreshes.map(({ status }) => status)).toEqual([401, 401, 200]);
    });

    test('is not reached by an installation, nor by a resource code', async () => {
      const person = await member(role, { [setting]: true });
      const data = { installationId: `of ${person.id}`.padEnd(40, '.'), password: 'p'.repeat(40) };
      await app.load({ kind: 'installation', ...data, account: person.id });
      await app.load({ kind: 'resource', context: 'roles', code: person.id });
      const resource = { resource: `voucher::roles::code::${person.id}` };
      for (const prefix of ['', '/roles'])
        for (const [type, shown] of [
          ['mobile-device', data],
          ['resource', resource],
        ] as const) {
          const { body } = await app.post(`${prefix}/api/v1/auth/sign-in`, { type, data: shown });
          if (body.code === 'invalid_credentials') continue;
          const { token } = body.authorization;
          expect(readJwt(token).payload).not.toHaveProperty('role');
          expect(readJwt(token).payload).not.toHaveProperty('roles');
          const known = await inspect(token);
          expect([known.role, known.scopes]).toEqual([undefined, []]);
          const switched = await app.post(
            '/v1/session/switch',
            { organisation: person.organisation, role },
            bearer(token),
          );
          expect(switched.status).toBe(401);
        }
    });
  });

  describe('MT-2: a picked role', () => {
    test('is one of the account’s own, active ones', async () => {
      const person = await member('Student');
      const suspended = await app.organisation({ isSuspended: true });
      await join(person.id, suspended, 'Teacher');
      const [granted, refused] = (await offer(person)).body.result;
      expect(granted.map((each: { role: string }) => each.role)).toEqual(['Payee', 'Student']);
      expect(refused).toMatchObject([{ role: 'Teacher', message: 'Organisation is suspended.' }]);
      expect(refused[0]).not.toHaveProperty('loginToken');
    });

    test('that was removed meanwhile is refused, and its login token is worth nothing', async () => {
      const person = await member('Student');
      const [granted] = (await offer(person)).body.result;
      const { loginToken } = granted.find((each: { role: string }) => each.role === 'Student');
      const params = [person.id];
      await app.core.store.commit([{ sql: 'DELETE FROM memberships WHERE account_id = $1', params }]);
      const answer = await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken });
      expect(answer).toMatchObject({ status: 401, body: { message: 'Provided login token is invalid.' } });
    });

    test('is what the token says, whatever else a request names', async () => {
      const [person, elsewhere] = [await member('Student'), await app.organisation()];
      const stranger = await member('Teacher');
      const named = { organisation: elsewhere, role: 'Teacher', identity: stranger.email };
      const { token, loginToken } = await pick(person, 'Student', named);
      expect(readJwt(token).payload).toMatchObject({
        sub: person.id,
        role: 'Student',
        organisation: person.organisation,
      });
      for (const mine of [token, loginToken])
        for (const header of ['organization_id', 'x-organization-id'])
          expect(await inspect(mine, { [header]: elsewhere, 'x-role': 'Teacher' })).toMatchObject({
            account: person.id,
            organisation: person.organisation,
            role: 'Student',
          });
    });
  });

  describe('RT-6: a refresh', () => {
    test('reads anew what the role permits, and never widens it to another', async () => {
      const person = await member('Student');
      const { refreshToken } = await pick(person, 'Student');
      await join(person.id, person.organisation, 'Teacher');
      const { body } = await app.post('/auth/refresh', { refreshToken });
      expect(readJwt(body.token).payload).toMatchObject({ role: 'Student' });
      expect(await inspect(body.token)).toMatchObject({ role: 'Student', scopes: ['course:read'] });
      await app.load({ kind: 'role', name: 'Student', permissions: [] });
      const again = await app.post('/auth/refresh', { refreshToken: body.refreshToken });
      expect((await inspect(again.body.token)).scopes).toEqual([]);
      await app.load({ kind: 'role', name: 'Student', permissions: ['course:read'] });
    });

    test('of a session for all roles has those that are there now', async () => {
      const person = await member('Student');
      const { body } = await signIn(app, 'fingerprint', person);
      const refreshed = async (refreshToken: string) => {
        const answer = await app.post('/identity/refresh-token', { refreshToken });
        return { ...answer.body.data, roles: readJwt(answer.body.data.token).payload.accessRoles };
      };
      const first = await refreshed(body.data.refreshToken);
      expect(first.roles).toEqual(['Payee', 'Student']);
      const params = [person.id];
      await app.core.store.commit([{ sql: 'DELETE FROM memberships WHERE account_id = $1', params }]);
      expect((await refreshed(first.refreshToken)).roles).toEqual(['Payee']);
    });

    test('is refused when the role is gone', async () => {
      const own = await member('Student');
      const { refreshToken } = await pick(own, 'Payee');
      const { id, username, email } = own;
      await app.load({ kind: 'account', id, username, email, emailValidated: true, role: 'Teacher' });
      expect((await app.post('/auth/refresh', { refreshToken })).status).toBe(401);
      const elsewhere = await member('Student');
      const picked = await pick(elsewhere, 'Student');
      const params = [elsewhere.id];
      await app.core.store.commit([{ sql: 'DELETE FROM memberships WHERE account_id = $1', params }]);
      expect((await app.post('/auth/refresh', { refreshToken: picked.refreshToken })).status).toBe(401);
    });
  });
});
