import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';
import { setSessionMethods } from '../store/sessions.ts';

describe.each(ENGINES)('proving again who is there, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_SIGN_IN_MAX_FAILURES: '3',
      LATCHKEY_SIGN_IN_REFUSAL_MILLISECONDS: '0',
    });
    await app.load({ kind: 'role', name: 'Student' });
  });
  afterAll(() => app.stop());

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const prove = (token: string, password: unknown) =>
    app.post('/v1/session/prove', { password }, bearer(token));
  const isActive = async (token: string) =>
    (await app.request('GET', '/v1/session', { headers: bearer(token) })).body.active;
  const signIn = async (person: Person): Promise<{ accessToken: string; refreshToken: string }> => {
    const answer = await app.post('/v1/sign-in', { identifier: person.email, password: person.password });
    if (answer.status === 200) return answer.body;
    const code = await app.mail.code(person.email);
    return (await app.post('/v1/challenges/verify', { challenge_token: answer.body.challenge_token, code }))
      .body;
  };

  test('puts a session in the place of the one that asked', async () => {
    const person = await app.person();
    const before = await signIn(person);
    const answer = await prove(before.accessToken, person.password);
    expect(answer.status).toBe(200);
    expect(await isActive(before.accessToken)).toBe(false);
    expect((await app.post('/v1/refresh', { refreshToken: before.refreshToken })).status).toBe(401);
    const { body } = await app.request('GET', '/v1/session', { headers: bearer(answer.body.accessToken) });
    expect(body).toMatchObject({ active: true, amr: ['pwd'] });
    expect((await app.post('/v1/refresh', { refreshToken: answer.body.refreshToken })).status).toBe(200);
  });

  test('asks for the factor of an account that has one, and for the session to be there still', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const { accessToken } = await signIn(person);
    const due = await prove(accessToken, person.password);
    expect(due.status).toBe(403);
    expect(due.body.error.code).toBe('second-factor-required');
    expect(await isActive(accessToken)).toBe(true);
    const code = await app.mail.code(person.email);
    const answer = await app.post('/v1/challenges/verify', {
      challenge_token: due.body.challenge_token,
      code,
    });
    expect(answer.status).toBe(200);
    expect(await isActive(accessToken)).toBe(false);
    const { body } = await app.request('GET', '/v1/session', { headers: bearer(answer.body.accessToken) });
    expect(body.amr).toEqual(['pwd', 'email', 'mfa']);

    const again = await prove(answer.body.accessToken, person.password);
    const second = await app.mail.code(person.email);
    await app.post('/v1/sign-out', {}, bearer(answer.body.accessToken));
    const late = { challenge_token: again.body.challenge_token, code: second };
    expect((await app.post('/v1/challenges/verify', late)).body.error.code).toBe('invalid-ticket');
  });

  test('a wrong password counts with those of signing in, and the session goes on', async () => {
    const person = await app.person();
    const { accessToken } = await signIn(person);
    for (let each = 0; each < 3; each += 1) {
      const answer = await prove(accessToken, 'a wrong password');
      expect([answer.status, answer.body.error.code]).toEqual([401, 'bad-credentials']);
    }
    expect((await prove(accessToken, person.password)).status).toBe(429);
    expect(
      (await app.post('/auth/login', { username: person.email, password: person.password })).status,
    ).toBe(429);
    expect(await isActive(accessToken)).toBe(true);
  });

  test('asks for a factor where an organisation does, though the session has shown one', async () => {
    const organisation = await app.organisation({ settings: { mfaForStudents: true } });
    const person = await app.person();
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const { accessToken } = await signIn(person);
    const due = await prove(accessToken, person.password);
    expect(due).toMatchObject({ status: 403, body: { error: { code: 'second-factor-required' } } });
    expect((await eventsOf(app.core, person.id)).at(-1)).toMatchObject({
      event: 'sign-in.step-required',
      reason: 'second-factor',
      sessionId: readJwt(accessToken).payload.sid,
    });
    const { challenge_token } = due.body;
    const code = await app.mail.code(person.email);
    expect((await app.post('/v1/challenges/verify', { challenge_token, code })).status).toBe(200);
    expect(await isActive(accessToken)).toBe(false);
  });

  test('goes on at the mount and in the role of the session that asked', async () => {
    const organisation = await app.organisation();
    const person = await app.person();
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const { email: identity, password } = person;
    const offered = await app.post('/auth/sign-in-verify', { identity, password });
    const { loginToken } = offered.body.result[0][0];
    const { token } = (await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken })).body;
    const begun = (await eventsOf(app.core, person.id)).length;
    const answer = await prove(token, password);
    const { payload } = readJwt(answer.body.accessToken);
    expect(payload).toMatchObject({ role: 'Student', organisation });
    expect(payload.sid).not.toBe(readJwt(token).payload.sid);
    expect((await eventsOf(app.core, person.id)).slice(begun)).toMatchObject([
      { event: 'sign-in.completed', mount: 'role-picker', organisationId: organisation, factor: null },
    ]);
    expect((await app.post('/auth/refresh', { refreshToken: answer.body.refreshToken })).status).toBe(200);
    const revoked = await app.core.store.revocations.after(0, 0, 10_000);
    expect(revoked.find(({ sessionId }) => sessionId === readJwt(token).payload.sid)?.reason).toBe(
      'proven-again',
    );
  });

  test('is refused where policy asks for a factor that the account has not, and that is no wrong password', async () => {
    const organisation = await app.organisation();
    const person = await app.person();
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const { accessToken } = await signIn(person);
    // As after a passkey that it was begun with has been removed.
    const id = String(readJwt(accessToken).payload.sid);
    await app.core.store.commit([setSessionMethods(id, ['hwk', 'user', 'mfa'])]);
    const settings = { mfaForStudents: true, allowEmailPin: false };
    await app.load({ kind: 'organisation', id: organisation, name: organisation, settings });
    for (let each = 0; each < 5; each += 1)
      expect(await prove(accessToken, person.password)).toMatchObject({
        status: 403,
        body: { error: { code: 'account-refused' } },
      });
    expect(await isActive(accessToken)).toBe(true);
  });

  test.each([[undefined], [''], [7], [['x']]])('%j is no password', async (password) => {
    const { accessToken } = await signIn(await app.person());
    expect((await prove(accessToken, password)).status).toBe(400);
  });

  test('is for accounts that are signed in', async () => {
    expect((await prove('nothing', 'x')).status).toBe(401);
    expect((await app.post('/v1/session/prove', { password: 'x' })).status).toBe(401);
  });

  test('of two at once with one session, one is carried out', async () => {
    const person = await app.person();
    const { accessToken } = await signIn(person);
    const answers = await Promise.all([1, 2, 3].map(() => prove(accessToken, person.password)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const { status, body } of answers)
      if (status !== 200) expect([status, body.error.code]).toEqual([401, 'unauthorised']);
  });
});
