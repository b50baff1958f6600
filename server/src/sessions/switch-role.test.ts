import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';

describe.each(ENGINES)('switching to another role, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load(
      { kind: 'role', name: 'Student', permissions: ['course:read'] },
      { kind: 'role', name: 'Teacher', permissions: ['course:write'] },
      { kind: 'role', name: 'Payee', permissions: [] },
    );
  });
  afterAll(() => app.stop());

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const inspect = async (token: string) =>
    (await app.request('GET', '/v1/session', { headers: bearer(token) })).body;
  const switchTo = (token: string | undefined, organisation: string | null, role: string) =>
    app.post('/v1/session/switch', { organisation, role }, bearer(token ?? ''));

  /** Somebody who studies and teaches at one place, has a role of their own, and has picked the first. */
  async function student(settings: object = {}) {
    const organisation = await app.organisation({ settings });
    const person = await app.person({ organisation, role: 'Payee' });
    for (const role of ['Student', 'Teacher'])
      await app.load({ kind: 'membership', account: person.id, organisation, role });
    return { person, organisation, ...(await pick(person, 'Student')) };
  }

  async function pick({ email, password }: Person, role: string) {
    const offered = await app.post('/auth/sign-in-verify', { identity: email, password });
    const { loginToken } = offered.body.result[0].find((each: { role: string }) => each.role === role);
    const { body } = await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken });
    return { token: body.token as string, refreshToken: body.refreshToken as string };
  }

  test('makes a new session in the place of the old one', async () => {
    const { token, refreshToken, organisation } = await student();
    const answer = await switchTo(token, organisation.toUpperCase(), 'Teacher');
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ organisation, role: 'Teacher', refreshToken: expect.any(String) });
    expect(await inspect(answer.body.accessToken)).toMatchObject({
      active: true,
      organisation,
      role: 'Teacher',
      scopes: ['course:write'],
    });
    expect(await inspect(token)).toEqual({ active: false });
    const revoked = await app.core.store.revocations.after(0, 0, 10_000);
    expect(revoked.find(({ sessionId }) => sessionId === readJwt(token).payload.sid)?.reason).toBe(
      'switched-role',
    );
    expect((await app.post('/auth/refresh', { refreshToken })).status).toBe(401);
    const on = await app.post('/auth/refresh', { refreshToken: answer.body.refreshToken });
    expect(on.status).toBe(200);
    const own = await switchTo(on.body.token, null, 'Payee');
    expect(own.body).toMatchObject({ organisation: null, role: 'Payee' });
  });

  test('MF-2: a role that asks for a second factor is not reached without', async () => {
    const { person, token, organisation } = await student({ mfaForTeachers: true });
    const asked = await switchTo(token, organisation, 'Teacher');
    expect(asked.status).toBe(403);
    expect(asked.body).toEqual({
      error: {
        code: 'second-factor-required',
        message: expect.any(String),
        requestId: expect.any(String),
      },
      challenge_token: expect.any(String),
    });
    expect(await inspect(token)).toMatchObject({ active: true, role: 'Student' });
    expect((await eventsOf(app.core, person.id)).at(-1)).toMatchObject({
      event: 'sign-in.step-required',
      reason: 'second-factor',
      organisationId: organisation,
      sessionId: readJwt(token).payload.sid,
    });
    const { challenge_token } = asked.body;
    const wrong = await app.post('/v1/challenges/verify', { challenge_token, code: '000000' });
    expect(wrong.status).toBe(401);
    const code = String(/\b\d{6}\b/.exec(String((await app.mail.next(person.email)).text)));
    const proven = await app.post('/v1/challenges/verify', { challenge_token, code });
    expect(proven.body).toMatchObject({ is2FAEnabled: true });
    expect(await inspect(proven.body.token)).toMatchObject({
      role: 'Teacher',
      amr: ['pwd', 'email', 'mfa'],
    });
    expect(await inspect(token)).toEqual({ active: false });
    const back = await switchTo(proven.body.token, organisation, 'Student');
    const again = await switchTo(back.body.accessToken, organisation, 'Teacher');
    expect(again.status).toBe(200);
  });

  test('a step that is due for another role is nothing once the session has ended', async () => {
    const { person, token, organisation } = await student({ mfaForTeachers: true });
    const { challenge_token } = (await switchTo(token, organisation, 'Teacher')).body;
    const code = String(/\b\d{6}\b/.exec(String((await app.mail.next(person.email)).text)));
    await app.request('POST', '/auth/sign-out', { headers: bearer(token) });
    const proven = await app.post('/v1/challenges/verify', { challenge_token, code });
    expect(proven).toMatchObject({ status: 401, body: { error: { code: 'invalid-ticket' } } });
  });

  test('leads to no role that is not the account’s, nor to one of a suspended organisation', async () => {
    const { person, token, organisation } = await student();
    const other = await app.organisation();
    for (const [place, role] of [
      [organisation, 'Payee'],
      [other, 'Student'],
      [uuid(12345), 'Student'],
      [null, 'Student'],
      [organisation, '__proto__'],
      [organisation, ''],
    ] as const) {
      const answer = await switchTo(token, place, role);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(404);
    }
    await app.load({ kind: 'organisation', id: other, name: 'Other', isSuspended: true });
    await app.load({ kind: 'membership', account: person.id, organisation: other, role: 'Student' });
    expect(await switchTo(token, other, 'Student')).toMatchObject({
      status: 403,
      body: { error: { code: 'account-refused' } },
    });
    expect(await inspect(token)).toMatchObject({ active: true, role: 'Student' });
  });

  test('is refused where the role asks for a factor that the account has not, and a PIN does not do', async () => {
    const { token, organisation } = await student({ mfaForTeachers: true, allowEmailPin: false });
    const answer = await switchTo(token, organisation, 'Teacher');
    expect(answer).toMatchObject({ status: 403, body: { error: { code: 'account-refused' } } });
    expect(await inspect(token)).toMatchObject({ active: true, role: 'Student' });
  });

  test('finds the organisation however its id is written', async () => {
    const { person, token } = await student();
    const organisation = `abcdef00-0000-4000-8000-${person.id.slice(-12)}`;
    await app.load({ kind: 'organisation', id: organisation, name: organisation });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Teacher' });
    const { body } = await switchTo(token, organisation.toUpperCase(), 'Teacher');
    expect(body).toMatchObject({ organisation, role: 'Teacher' });
  });

  test('does not lead to an own role that there is not', async () => {
    const organisation = await app.organisation();
    const person = await app.person();
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const { token } = await pick(person, 'Student');
    for (const role of ['Student', 'Payee', ''])
      expect((await switchTo(token, null, role)).status, role).toBeGreaterThanOrEqual(400);
    expect((await switchTo(token, null, 'Student')).body.error.code).toBe('no-such-role');
    expect((await switchTo(token, organisation, 'Student')).status).toBe(200);
  });

  test('is for a session that its account may still have', async () => {
    const { person, token, organisation } = await student();
    const { id, username, email, password } = person;
    const { body } = await app.post('/auth/login', { username, password });
    await app.load({ kind: 'account', id, username, email, role: 'Payee' });
    const refused = { status: 401, body: { error: { code: 'unauthorised' } } };
    expect(await switchTo(body.access_token, organisation, 'Teacher')).toMatchObject(refused);
    expect(await switchTo(token, organisation, 'Teacher')).toMatchObject({ status: 200 });
  });

  test('is for accounts: an installation acts in no role, nor does who has a resource code', async () => {
    const { person, organisation } = await student();
    const data = { installationId: `of ${person.id}`.padEnd(40, '.'), password: 'p'.repeat(40) };
    await app.load(
      { kind: 'installation', ...data, account: person.id },
      { kind: 'resource', context: 'switch', code: person.id },
    );
    for (const [type, shown] of [
      ['mobile-device', data],
      ['resource', { resource: `voucher::switch::code::${person.id}` }],
    ] as const) {
      const { body } = await app.post('/api/v1/auth/sign-in', { type, data: shown });
      for (const token of [body.authorization.token, 'nothing'])
        for (const role of ['Teacher', 'Payee', 'none of theirs']) {
          const answer = await switchTo(token, organisation, role);
          expect(answer, type).toMatchObject({ status: 401, body: { error: { code: 'unauthorised' } } });
        }
    }
  });

  test('of many at once one goes on, and the others are told', async () => {
    const { token, organisation } = await student();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => switchTo(token, organisation, 'Teacher')),
    );
    const [went, ...more] = answers.filter(({ status }) => status === 200);
    expect(more).toEqual([]);
    for (const { status, body } of answers)
      if (status !== 200) expect([status, body.error.code]).toEqual([401, 'unauthorised']);
    expect(await inspect(String(went?.body.accessToken))).toMatchObject({ active: true, role: 'Teacher' });
    const live = await app.request('GET', '/v1/sessions', {
      headers: bearer(String(went?.body.accessToken)),
    });
    expect(live.body.sessions).toHaveLength(1);
  });
});
