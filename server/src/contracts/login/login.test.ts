import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../../testing/app.ts';
import { ENGINES } from '../../../testing/engines.ts';
import { readJwt, verifyAsResourceServer } from '../../../testing/jwt.ts';

describe.each(ENGINES)('the login contract on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'login', phoneRegion: 'ES' }]),
    });
  });
  afterAll(() => app.stop());

  const login = (username: unknown, password: unknown) => app.post('/auth/login', { username, password });

  test('answers a sign-in with the token twice and a refresh token', async () => {
    const person = await app.person();
    const answer = await login(person.username, person.password);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      jwt_token: answer.body.access_token,
      refresh_token: expect.any(String),
    });
    const payload = await verifyAsResourceServer(answer.body.access_token, app.url);
    expect(payload.sub).toBe(person.id);
    expect(Number(payload.exp) - Number(payload.iat)).toBe(3600);
    const refresh = readJwt(answer.body.refresh_token).payload;
    expect(Number(refresh.exp) - Number(refresh.iat)).toBe(30 * 86_400);
  });

  test('takes a user name, an e-mail address, or a phone in any usual notation', async () => {
    const digits = String(600_000_000 + nextNumber());
    const person = await app.person({ phone: `+34${digits}` });
    const spaced = `${digits.slice(0, 3)} ${digits.slice(3, 6)} ${digits.slice(6)}`;
    for (const name of [
      person.username,
      person.email,
      `+34${digits}`,
      `+34 ${spaced}`,
      `0034${digits}`,
      `(+34) ${spaced}`,
      digits,
      spaced,
      spaced.replaceAll(' ', '-'),
    ]) {
      expect((await login(name, person.password)).status, name).toBe(200);
    }
    expect((await login(`+44${digits}`, person.password)).status).toBe(401);
  });

  test.each([
    ['no body', undefined],
    ['no members', {}],
    ['no password', { username: 'a' }],
    ['an empty password', { username: 'a', password: '' }],
    ['another type', { username: ['a'], password: 'b' }],
    ['NUL', { username: 'a', password: 'b\u0000' }],
    ['a name that is too long', { username: 'x'.repeat(255), password: 'b' }],
    ['a password that is too long', { username: 'a', password: 'x'.repeat(1025) }],
  ])('answers %s with bad-request', async (_what, body) => {
    const answer =
      body === undefined ? await app.request('POST', '/auth/login') : await app.post('/auth/login', body);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({
      error_code: 'bad-request',
      message: 'Missing or invalid request body',
      trace_id: answer.headers.get('x-request-id'),
    });
  });

  test('offers an account that is not validated a new code to ask for one with, every time', async () => {
    const person = await app.person({ emailValidated: false });
    const answers = [
      await login(person.username, person.password),
      await login(person.username, person.password),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(401);
      expect(answer.body).toEqual({
        error_code: 'account-not-validated',
        message: 'Account not validated',
        trace_id: expect.stringMatching(/^[0-9a-f]{16}$/),
        extra_attributes: {
          resend_code: expect.stringMatching(
            /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
          ),
        },
      });
    }
    expect(answers[0]?.body.extra_attributes.resend_code).not.toBe(
      answers[1]?.body.extra_attributes.resend_code,
    );
  });

  test.each([
    ['a second factor', { secondFactor: { email: true } }, 'two-factor-required'],
    ['a new device', { recogniseDevices: true, devices: ['x'] }, 'device-recognition-required'],
  ])('refuses while %s is due, with a challenge that /v1 completes', async (_what, fields, code) => {
    const person = await app.person(fields);
    const answer = await login(person.username, person.password);
    expect(answer.status).toBe(401);
    expect(answer.body).toMatchObject({
      error_code: code,
      extra_attributes: { challenge_token: expect.stringMatching(/^[\w-]{43}$/) },
    });
    const challenge_token = answer.body.extra_attributes.challenge_token;
    const completed = await app.post('/v1/challenges/verify', {
      challenge_token,
      code: await app.mail.code(person.email),
    });
    expect(completed.status).toBe(200);
    expect(Object.keys(completed.body)).toEqual(['access_token', 'jwt_token', 'refresh_token']);
  });

  test('has a trace id that is in the log line of the same request', async () => {
    const { body } = await login(`nobody${nextNumber()}`, 'whatever');
    expect(
      app.core.log.lines.some(
        ({ message, fields }) =>
          message === 'request' && (fields as { requestId?: string }).requestId === body.trace_id,
      ),
    ).toBe(true);
  });
});
