import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../../testing/app.ts';
import { ENGINES } from '../../../testing/engines.ts';

describe.each(ENGINES)('the native API on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_MOUNTS: JSON.stringify([
        { contract: 'login', requireValidatedEmail: false },
        { contract: 'role-picker' },
        { contract: 'credential-type' },
      ]),
    });
    await app.load(
      { kind: 'role', name: 'Member', permissions: ['read', 'like'] },
      { kind: 'role', name: 'Teacher', permissions: ['write'] },
    );
  });
  afterAll(() => app.stop());

  const challenge = async (person: Person): Promise<string> =>
    (await app.post('/auth/login', { username: person.username, password: person.password })).body
      .extra_attributes.challenge_token;
  const verify = (challenge_token: unknown, code: unknown) =>
    app.post('/v1/challenges/verify', { challenge_token, code });
  const session = (token: string) =>
    app.request('GET', '/v1/session', { headers: { authorization: `Bearer ${token}` } });
  const wrong = (code: string) => (code === '000000' ? '000001' : '000000');

  test('tells a wrong code from a challenge that is none', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const token = await challenge(person);
    const code = await app.mail.code(person.email);
    const answer = await verify(token, wrong(code));
    expect(answer.status).toBe(401);
    expect(answer.body).toEqual({
      error: {
        code: 'invalid-code',
        message: expect.any(String),
        requestId: answer.headers.get('x-request-id'),
      },
    });
    for (const other of ['x'.repeat(43), `${token}x`, token.slice(0, -1), '']) {
      expect(['invalid-ticket', 'bad-request']).toContain((await verify(other, code)).body.error.code);
    }
    expect((await verify(token, code)).status).toBe(200);
    expect((await verify(token, code)).body.error.code).toBe('invalid-ticket');
  });

  test.each([
    [{}],
    [{ challenge_token: 'x' }],
    [{ code: '123456' }],
    [{ challenge_token: 'x', code: null }],
    [{ challenge_token: 'x', code: 123456 }],
    [{ challenge_token: ['x'], code: '1' }],
  ])('%j is a bad request', async (body) => {
    const answer = await app.post('/v1/challenges/verify', body);
    expect(answer.status).toBe(400);
    expect(answer.body.error.code).toBe('bad-request');
  });

  test('a code is good for its own challenge only', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const [one, other] = [await challenge(person), await challenge(person)];
    const codes = [await app.mail.code(person.email), await app.mail.code(person.email)];
    const [first, second] = codes;
    if (first === second || first === undefined || second === undefined) return;
    const results = [await verify(one, first), await verify(other, first)].map(({ status }) => status).sort();
    expect(results).toEqual([200, 401]);
  });

  test('of fifty right codes at once, one makes a session; of fifty wrong ones, five are looked at', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const token = await challenge(person);
    const code = await app.mail.code(person.email);
    const right = await Promise.all(Array.from({ length: 50 }, () => verify(token, code)));
    expect(right.filter(({ status }) => status === 200)).toHaveLength(1);
    const second = await challenge(person);
    const good = await app.mail.code(person.email);
    const guesses = await Promise.all(Array.from({ length: 50 }, () => verify(second, wrong(good))));
    expect(guesses.filter(({ body }) => body.error.code === 'invalid-code')).toHaveLength(5);
    expect((await verify(second, good)).body.error.code).toBe('invalid-ticket');
  });

  test('an expired code, and an expired challenge, are dead by the clock alone', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const token = await challenge(person);
    const code = await app.mail.code(person.email);
    app.core.clock.advance(601);
    expect((await verify(token, code)).body.error.code).toBe('invalid-ticket');
  });

  test('wrong codes count over challenges and resends; only a completed sign-in forgets them', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    for (let round = 0; round < 2; round += 1) {
      const token = await challenge(person);
      const code = await app.mail.code(person.email);
      for (let each = 0; each < 5; each += 1) expect((await verify(token, wrong(code))).status).toBe(401);
    }
    const token = await challenge(person);
    const code = await app.mail.code(person.email);
    const waiting = await verify(token, code);
    expect(waiting.status).toBe(429);
    expect(Number(waiting.headers.get('retry-after'))).toBeGreaterThan(0);
    app.core.clock.advance(31);
    expect((await verify(token, code)).status).toBe(200);
    const next = await challenge(person);
    expect((await verify(next, wrong(await app.mail.code(person.email)))).body.error.code).toBe(
      'invalid-code',
    );
  });

  test('a challenge dies when the account is disabled or its password changes', async () => {
    const disabled = await app.person({ secondFactor: { email: true } });
    const changed = await app.person({ secondFactor: { email: true } });
    const [one, other] = [await challenge(disabled), await challenge(changed)];
    const [codeOne, codeOther] = [await app.mail.code(disabled.email), await app.mail.code(changed.email)];
    await app.person({
      ...disabled,
      password: disabled.password,
      secondFactor: { email: true },
      status: 'inactive',
    });
    await app.person({ ...changed, password: 'another password', secondFactor: { email: true } });
    expect((await verify(one, codeOne)).body.error.code).toBe('invalid-ticket');
    expect((await verify(other, codeOther)).body.error.code).toBe('invalid-ticket');
  });

  test('an organisation that is suspended between the steps counts', async () => {
    const organisation = await app.organisation();
    const person = await app.person({ organisation, secondFactor: { email: true } });
    const token = await challenge(person);
    const code = await app.mail.code(person.email);
    await app.load({ kind: 'organisation', id: organisation, name: 'Suspended', isSuspended: true });
    const answer = await verify(token, code);
    expect(answer.status).toBe(401);
    expect(answer.body.error.code).toBe('invalid-ticket');
    // It was not spent by that.
    await app.load({ kind: 'organisation', id: organisation, name: 'Resumed', isSuspended: false });
    expect((await verify(token, code)).status).toBe(200);
  });

  test('five wrong codes end a challenge, for new codes as well', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const token = await challenge(person);
    const code = await app.mail.code(person.email);
    for (let each = 0; each < 5; each += 1) await verify(token, wrong(code));
    app.core.clock.advance(31);
    const resent = await app.post('/v1/challenges/resend', { challenge_token: token });
    expect({ status: resent.status, code: resent.body.error?.code }).toEqual({
      status: 401,
      code: 'invalid-ticket',
    });
  });

  test('a lock between the steps counts', async () => {
    const organisation = await app.organisation({ settings: { maxFailedSignInAttempts: 2 } });
    const person = await app.person({ organisation, secondFactor: { email: true } });
    const token = await challenge(person);
    const code = await app.mail.code(person.email);
    for (let each = 0; each < 2; each += 1)
      await app.post('/auth/login', { username: person.username, password: 'a wrong password' });
    expect((await verify(token, code)).body.error.code).toBe('invalid-code');
  });

  test('mails a new code with 202, whatever was sent before', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const token = await challenge(person);
    await app.mail.code(person.email);
    const resend = () => app.post('/v1/challenges/resend', { challenge_token: token });
    expect((await resend()).status).toBe(202);
    app.core.clock.advance(31);
    const together = await Promise.all(Array.from({ length: 10 }, resend));
    expect(together.map(({ status }) => status)).toEqual(new Array(10).fill(202));
    expect((await verify(token, await app.mail.code(person.email))).status).toBe(200);
    expect(app.mail.delivered.filter(({ recipients }) => recipients.includes(person.email))).toHaveLength(2);
    expect((await app.post('/v1/challenges/resend', { challenge_token: 'nothing' })).body.error.code).toBe(
      'invalid-ticket',
    );
    expect((await app.post('/v1/challenges/resend', {})).status).toBe(400);
  });

  describe('GET /v1/session', () => {
    test('tells what stands behind an account’s token', async () => {
      const organisation = await app.organisation();
      const person = await app.person();
      await app.load({ kind: 'membership', account: person.id, organisation, role: 'Member' });
      const { access_token } = (
        await app.post('/auth/login', { username: person.username, password: person.password })
      ).body;
      const answer = await session(access_token);
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({
        active: true,
        principal: { kind: 'account', id: person.id },
        account: person.id,
        organisation,
        role: 'Member',
        scopes: ['like', 'read'],
        amr: ['pwd'],
        issuedAt: expect.stringMatching(/Z$/),
        expiresAt: expect.stringMatching(/Z$/),
      });
      expect(Date.parse(answer.body.expiresAt) - Date.parse(answer.body.issuedAt)).toBe(3_600_000);
    });

    test('names the factors that were used', async () => {
      const person = await app.person({ secondFactor: { email: true } });
      const token = await challenge(person);
      const { access_token } = (await verify(token, await app.mail.code(person.email))).body;
      expect((await session(access_token)).body.amr).toEqual(['pwd', 'email', 'mfa']);
    });

    test('tells installations and resources from accounts', async () => {
      const data = {
        installationId: 'installation-of-the-session-test',
        password: 'password of the installation test',
      };
      const person = await app.person();
      await app.load(
        { kind: 'installation', ...data, account: person.id },
        { kind: 'resource', context: 'c', code: 'SESSION' },
      );
      const tokenOf = async (type: string, given: object) =>
        (await app.post('/api/v1/auth/sign-in', { type, data: given })).body.authorization.token;
      expect((await session(await tokenOf('mobile-device', data))).body).toMatchObject({
        principal: { kind: 'installation', id: data.installationId },
        account: person.id,
        scopes: [],
      });
      const resource = 'voucher::c::code::SESSION';
      const answer = (await session(await tokenOf('resource', { resource }))).body;
      expect(answer).toMatchObject({ principal: { kind: 'resource', id: resource }, scopes: [] });
      expect(answer).not.toHaveProperty('account');
    });

    test.each([
      ['nothing', {}],
      ['another scheme', { authorization: 'Basic eDp5' }],
      ['no token', { authorization: 'Bearer' }],
      ['nonsense', { authorization: 'Bearer ....' }],
      ['two tokens', { authorization: 'Bearer a b' }],
    ])('answers %s with 401 and nothing else', async (_what, headers) => {
      const answer = await app.request('GET', '/v1/session', { headers });
      expect(answer.status).toBe(401);
      expect(answer.body).toEqual({ active: false });
    });

    test('stops at once when the account, the organisation or the session does', async () => {
      const organisation = await app.organisation();
      const person = await app.person({ organisation });
      const signIn = async () =>
        (await app.post('/auth/login', { username: person.username, password: person.password })).body
          .access_token;
      const token = await signIn();
      expect((await session(token)).status).toBe(200);
      await app.load({ kind: 'organisation', id: organisation, name: 'x', isSuspended: true });
      expect((await session(token)).body).toEqual({ active: false });
      await app.load({ kind: 'organisation', id: organisation, name: 'x' });
      expect((await session(token)).status).toBe(200);
      await app.person({ ...person, organisation, status: 'inactive' });
      expect((await session(token)).body).toEqual({ active: false });
      await app.person({ ...person, organisation, status: 'active' });
      expect((await session(token)).body).toEqual({ active: false });
      expect((await session(await signIn())).status).toBe(200);
    });
  });
});
