import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../../testing/app.ts';
import { ENGINES } from '../../../testing/engines.ts';
import { readJwt, verifyAsResourceServer } from '../../../testing/jwt.ts';
import { SEED, totpCode } from '../../../testing/totp.ts';

const UNAUTHORIZED = { message: 'Unauthorized', error: 'Unauthorized', statusCode: 401 };

describe.each(ENGINES)('the fingerprint contract on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load(
      { kind: 'role', name: 'Customer', permissions: ['b', 'a'] },
      { kind: 'role', name: 'Auditor', permissions: ['a'] },
    );
  });
  afterAll(() => app.stop());

  const signIn = ({ username, password }: Pick<Person, 'username' | 'password'>, fingerprint = 'device-1') =>
    app.post('/identity/sign-in', { username, password }, { 'x-fingerprint-id': fingerprint });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const verify = (token: string, code: unknown) => app.post('/accounts/verify-2fa', { code }, bearer(token));
  const recognise = (token: string, code: string, fingerprint: string) =>
    app.post('/identity/recognize-device', { code }, { ...bearer(token), 'x-fingerprint-id': fingerprint });
  const observation = (answer: Answer) => answer.body.data.observation;

  test('announces no PIN to an account that has no address: it is refused as an inactive one is', async () => {
    const organisation = await app.organisation({ settings: { requireSecondFactorFor: ['Customer'] } });
    const person = await app.person({ email: null, emailValidated: false });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Customer' });
    const answer = await signIn(person);
    expect([answer.status, answer.body.message]).toEqual([403, 'Forbidden resource']);
  });

  test('answers a sign-in with the whole envelope', async () => {
    const person = await app.person({
      user: { id: '11111111-1111-4111-8111-111111111111', name: 'Ada Winter' },
      phoneValidated: true,
      createdAt: '2024-05-01T10:00:00.000Z',
    });
    const before = Date.now();
    const answer = await signIn(person);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      statusCode: 200,
      data: {
        token: expect.any(String),
        refreshToken: expect.any(String),
        authenticationType: 'Bearer',
        account: {
          id: person.id,
          username: person.username,
          status: 'activated',
          createdAt: '2024-05-01T10:00:00.000Z',
          emailHasBeenValidated: true,
          phoneHasBeenValidated: true,
        },
        user: { id: '11111111-1111-4111-8111-111111111111', name: 'Ada Winter' },
        loggedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        observation: { code: 1, message: 'all right' },
      },
    });
    expect(Date.parse(answer.body.data.loggedAt)).toBeGreaterThanOrEqual(before);
  });

  test.each(['repeated', 'null', 'undefined', '[object Object]'])(
    'takes a fingerprint that is literally %s',
    async (given) => {
      const person = await app.person();
      expect((await signIn(person, given)).status).toBe(200);
    },
  );

  test('takes a user name or an e-mail address, and says when the address is not validated', async () => {
    const person = await app.person({ emailValidated: false });
    expect((await signIn(person)).body.data.account.status).toBe('pending');
    expect((await signIn({ ...person, username: person.email })).body.data.account.id).toBe(person.id);
  });

  test('issues an access token of 12 hours with its claims and a refresh token of 7 days', async () => {
    const organisation = await app.organisation();
    const person = await app.person({ role: 'Customer', user: { name: 'Ada' } });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Auditor' });
    const { data } = (await signIn(person)).body;
    const payload = await verifyAsResourceServer(data.token, app.url);
    expect(payload).toMatchObject({
      sub: person.id,
      accountId: person.id,
      userId: data.user.id,
      name: 'Ada',
      email: person.email,
      accessRoles: ['Customer', 'Auditor'],
    });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(12 * 3600);
    expect(payload.jti).toMatch(/^[\w-]{22}$/);
    const refresh = readJwt(data.refreshToken);
    expect(refresh.header.typ).toBe('rt+jwt');
    expect(Number(refresh.payload.exp) - Number(refresh.payload.iat)).toBe(7 * 86_400);
    expect(refresh.payload.sid).toBe(payload.sid);
  });

  test.each([
    ['nothing', undefined, {}, 'x-fingerprint-id, username, password'],
    ['only the header', 'd', {}, 'username, password'],
    ['no password', 'd', { username: 'a' }, 'password'],
    ['empty fields', 'd', { username: '', password: '' }, 'username, password'],
    ['other types', 'd', { username: 1, password: [] }, 'username, password'],
    ['NUL', 'd', { username: 'a\u0000', password: 'b' }, 'username'],
    ['no header', undefined, { username: 'a', password: 'b' }, 'x-fingerprint-id'],
    ['a header that is too long', 'x'.repeat(257), { username: 'a', password: 'b' }, 'x-fingerprint-id'],
    ['a header that is not ASCII', 'd\u00e9', { username: 'a', password: 'b' }, 'x-fingerprint-id'],
    ['an array', 'd', [], 'username, password'],
  ])('names what is missing or malformed: %s', async (_what, fingerprint, body, names) => {
    const answer = await app.post(
      '/identity/sign-in',
      body,
      fingerprint === undefined ? {} : { 'x-fingerprint-id': fingerprint },
    );
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({
      message: `Invalid param: [${names}]`,
      error: 'Bad Request',
      statusCode: 400,
    });
  });

  describe('with a second factor', () => {
    test('mails a PIN and hands out tokens that are good for nothing else', async () => {
      const person = await app.person({ secondFactor: { email: true } });
      const answer = await signIn(person);
      expect(answer.status).toBe(200);
      expect(observation(answer)).toEqual({ code: 2, message: 'two factor verification needed' });
      const { token, refreshToken } = answer.body.data;
      expect(readJwt(token).header.typ).toBe('step-up+jwt');
      expect(Number(readJwt(token).payload.exp) - Number(readJwt(token).payload.iat)).toBe(600);
      for (const interim of [token, refreshToken]) {
        expect((await app.request('GET', '/v1/session', { headers: bearer(interim) })).status).toBe(401);
        expect((await app.post('/auth/refresh-token', { refresh_token: interim })).status).toBe(401);
        expect(
          (await app.post('/v1/challenges/verify', { challenge_token: interim, code: '000000' })).body.error
            .code,
        ).toBe('invalid-ticket');
      }
      const code = await app.mail.code(person.email);
      expect((await verify(refreshToken, code)).body).toEqual(UNAUTHORIZED);

      const completed = await verify(token, code);
      expect(completed.status).toBe(200);
      expect(observation(completed)).toEqual({ code: 1, message: 'all right' });
      expect(Object.keys(completed.body.data)).toEqual(Object.keys(answer.body.data));
      await verifyAsResourceServer(completed.body.data.token, app.url);
      expect((await verify(token, code)).body).toEqual(UNAUTHORIZED);
    });

    test('takes a TOTP code once, and mails none', async () => {
      const person = await app.person({ secondFactor: { totp: SEED } });
      const { token } = (await signIn(person)).body.data;
      const code = totpCode(app.core.clock.now());
      expect((await verify(token, code)).status).toBe(200);
      const again = (await signIn(person)).body.data;
      expect((await verify(again.token, code)).body).toEqual(UNAUTHORIZED);
      expect(app.mail.delivered.some(({ recipients }) => recipients.includes(person.email))).toBe(false);
    });

    test('takes either where both are on', async () => {
      const person = await app.person({ secondFactor: { email: true, totp: SEED } });
      expect(
        (await verify((await signIn(person)).body.data.token, totpCode(app.core.clock.now()))).status,
      ).toBe(200);
      await app.mail.code(person.email);
      const { token } = (await signIn(person)).body.data;
      expect((await verify(token, await app.mail.code(person.email))).status).toBe(200);
    });

    test.each([
      [{}],
      [{ code: '' }],
      [{ code: null }],
      [{ code: true }],
      [{ code: ['123456'] }],
      [{ code: 123456 }],
    ])('a code that is %j is malformed', async (body) => {
      const person = await app.person({ secondFactor: { email: true } });
      const { token } = (await signIn(person)).body.data;
      const answer = await app.post('/accounts/verify-2fa', body, bearer(token));
      expect(answer.body).toEqual({
        message: 'Invalid param: [code]',
        error: 'Bad Request',
        statusCode: 400,
      });
    });

    test('five wrong codes end the token', async () => {
      const person = await app.person({ secondFactor: { email: true } });
      const { token } = (await signIn(person)).body.data;
      const code = await app.mail.code(person.email);
      for (let each = 0; each < 5; each += 1)
        expect((await verify(token, code === '000000' ? '000001' : '000000')).body).toEqual(UNAUTHORIZED);
      expect((await verify(token, code)).body).toEqual(UNAUTHORIZED);
      const resent = await app.post('/accounts/resend-code', {}, { authorization: `Bearer ${token}` });
      expect(resent.body).toEqual(UNAUTHORIZED);
    });

    test('without a token, or with one that is none, nothing is proven', async () => {
      expect((await app.post('/accounts/verify-2fa', { code: '123456' })).body).toEqual(UNAUTHORIZED);
      expect(
        (await app.post('/accounts/verify-2fa', { code: '123456' }, { authorization: 'Basic x' })).body,
      ).toEqual(UNAUTHORIZED);
      expect((await verify('a.b.c', '123456')).body).toEqual(UNAUTHORIZED);
    });
  });

  describe('with device recognition', () => {
    const bank = () => app.person({ recogniseDevices: true, devices: ['known-device'] });

    test('lets a known device in, and asks a new one for the mailed code', async () => {
      const person = await bank();
      expect(observation(await signIn(person, 'known-device')).code).toBe(1);
      const answer = await signIn(person, 'new-device');
      expect(answer.status).toBe(200);
      expect(observation(answer)).toEqual({ code: 3, message: 'device recognition needed' });
      const { token } = answer.body.data;
      const mail = await app.mail.next(person.email);
      expect(mail.subject).toBe('Confirm your new device');
      const code = /\b\d{6}\b/.exec(mail.text ?? '')?.[0] ?? '';

      expect((await recognise(token, code, 'another-device')).body).toEqual(UNAUTHORIZED);
      expect((await verify(token, code)).body).toEqual(UNAUTHORIZED);
      const missing = await app.post('/identity/recognize-device', { code }, bearer(token));
      expect(missing.body.message).toBe('Invalid param: [x-fingerprint-id]');
      const completed = await recognise(token, code, 'new-device');
      expect(observation(completed).code).toBe(1);
      expect(observation(await signIn(person, 'new-device')).code).toBe(1);
    });

    test('a sign-in that was not completed makes nothing known', async () => {
      const person = await bank();
      const { token } = (await signIn(person, 'new-device')).body.data;
      await recognise(token, 'xxxxxx', 'new-device');
      expect(observation(await signIn(person, 'new-device')).code).toBe(3);
      await signIn({ ...person, password: 'a wrong password' }, 'new-device');
      expect(observation(await signIn(person, 'new-device')).code).toBe(3);
    });

    test('one person’s device is unknown to another', async () => {
      const [one, other] = [
        await bank(),
        await app.person({ recogniseDevices: true, devices: ['another-device'] }),
      ];
      expect(observation(await signIn(one, 'known-device')).code).toBe(1);
      expect(observation(await signIn(other, 'known-device')).code).toBe(3);
    });

    test('a second factor comes first, and passing it recognises the device', async () => {
      const person = await app.person({
        recogniseDevices: true,
        devices: ['known-device'],
        secondFactor: { email: true },
      });
      const answer = await signIn(person, 'new-device');
      expect(observation(answer).code).toBe(2);
      expect(observation(await verify(answer.body.data.token, await app.mail.code(person.email))).code).toBe(
        1,
      );
      const known = await app.core.store.devices.ofAccount(person.id);
      expect(
        known.map((device) => app.core.vault.unseal('fingerprint', device.fingerprintSealed)).sort(),
      ).toEqual(['known-device', 'new-device']);
    });
  });

  test('mails a new code, at most one in half a minute; the old one is dead', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const { token } = (await signIn(person)).body.data;
    const first = await app.mail.code(person.email);
    const resend = () => app.post('/accounts/resend-code', {}, bearer(token));
    expect((await resend()).body).toEqual({ statusCode: 200, data: { sent: true } });
    app.core.clock.advance(31);
    expect((await app.request('POST', '/accounts/resend-code', { headers: bearer(token) })).body).toEqual({
      statusCode: 200,
      data: { sent: true },
    });
    const second = await app.mail.code(person.email);
    expect(app.mail.delivered.filter(({ recipients }) => recipients.includes(person.email))).toHaveLength(2);
    if (first !== second) expect((await verify(token, first)).body).toEqual(UNAUTHORIZED);
    expect((await verify(token, second)).status).toBe(200);
    expect((await app.post('/accounts/resend-code', {})).body).toEqual(UNAUTHORIZED);
  });
});
