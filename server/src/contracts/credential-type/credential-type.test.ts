import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../../testing/app.ts';
import { ENGINES } from '../../../testing/engines.ts';
import { verifyAsResourceServer } from '../../../testing/jwt.ts';

const INVALID_CREDENTIALS = { code: 'invalid_credentials', message: 'The provided credentials are invalid' };
const INVALID_TYPE = { code: 'invalid_type', message: 'The type is missing or not supported' };

describe.each(ENGINES)('the credential-type contract on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load({ kind: 'role', name: 'Payee', permissions: ['receive'] });
  });
  afterAll(() => app.stop());

  const signIn = (type: unknown, data: unknown) => app.post('/api/v1/auth/sign-in', { type, data });
  const tokenOf = async (type: string, data: object) => {
    const answer = await signIn(type, data);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body).toEqual({ authorization: { token: expect.any(String) } });
    return verifyAsResourceServer(answer.body.authorization.token, app.url);
  };
  async function installation(fields: object = {}) {
    const data = {
      installationId: `installation-${nextNumber()}`.padEnd(32, '0'),
      password: 'password of an installation '.padEnd(40, '.'),
    };
    await app.load({ kind: 'installation', ...data, ...fields });
    return data;
  }
  async function resource({
    code = `Code${nextNumber()}`,
    ...fields
  }: {
    code?: string;
    [key: string]: unknown;
  } = {}) {
    await app.load({ kind: 'resource', context: 'context', code, ...fields });
    return { resource: `voucher::context::code::${code}` };
  }

  describe('email-password', () => {
    test('signs the account in', async () => {
      const person = await app.person({
        role: 'Payee',
        user: { id: '22222222-2222-4222-8222-222222222222' },
      });
      const payload = await tokenOf('email-password', { email: person.email, password: person.password });
      expect(payload).toMatchObject({
        sub: person.id,
        userId: '22222222-2222-4222-8222-222222222222',
        role: 'Payee',
      });
      expect(Number(payload.exp) - Number(payload.iat)).toBe(3600);
    });

    test('takes no user name', async () => {
      const person = await app.person();
      expect(
        (await signIn('email-password', { email: person.username, password: person.password })).body,
      ).toEqual(INVALID_CREDENTIALS);
    });

    test.each([
      ['a second factor', { secondFactor: { email: true } }, 'two_factor_required'],
      ['a new device', { recogniseDevices: true, devices: ['x'] }, 'device_recognition_required'],
    ])('refuses while %s is due, with a challenge that /v1 completes', async (_what, fields, code) => {
      const person = await app.person(fields);
      const answer = await signIn('email-password', { email: person.email, password: person.password });
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual({
        code,
        message: expect.any(String),
        challengeToken: expect.stringMatching(/^[\w-]{43}$/),
      });
      const completed = await app.post('/v1/challenges/verify', {
        challenge_token: answer.body.challengeToken,
        code: await app.mail.code(person.email),
      });
      expect(completed.body).toEqual({ authorization: { token: expect.any(String) } });
    });
  });

  describe('mobile-device', () => {
    test('signs the installation in, with its user where it is bound to an account', async () => {
      const alone = await installation();
      const payload = await tokenOf('mobile-device', alone);
      expect(payload).toMatchObject({
        sub: `installation:${alone.installationId}`,
        deviceId: alone.installationId,
      });
      expect(payload).not.toHaveProperty('userId');
      const person = await app.person({ user: { id: '33333333-3333-4333-8333-333333333333' } });
      const bound = await installation({ account: person.id });
      expect(await tokenOf('mobile-device', bound)).toMatchObject({
        deviceId: bound.installationId,
        userId: '33333333-3333-4333-8333-333333333333',
      });
    });

    test('refuses alike what is unknown, wrong, switched off, or bound to an account that is', async () => {
      const known = await installation();
      const off = await installation({ status: 'inactive' });
      const boundOff = await installation({ account: (await app.person({ status: 'inactive' })).id });
      const without = await installation({ password: null });
      const organisation = await app.organisation({ isSuspended: true });
      const boundSuspended = await installation({ account: (await app.person({ organisation })).id });
      for (const data of [
        { ...known, installationId: 'x'.repeat(32) },
        { ...known, password: `${known.password}!` },
        { ...known, password: known.password.slice(0, -1) },
        off,
        boundOff,
        boundSuspended,
        without,
      ]) {
        const answer = await signIn('mobile-device', data);
        expect(answer.status).toBe(400);
        expect(answer.body).toEqual(INVALID_CREDENTIALS);
      }
    });

    test('tells the audit log which installation was refused, and why', async () => {
      const since = app.core.clock.now();
      const off = await installation({ status: 'inactive' });
      const without = await installation({ password: null });
      await signIn('mobile-device', off);
      await signIn('mobile-device', without);
      const events = await app.core.store.audit.events({
        afterSequence: 0,
        since,
        accountId: null,
        limit: 100,
      });
      expect(events.filter(({ event }) => event === 'sign-in.refused')).toMatchObject([
        { reason: 'installation-not-active', detail: { installationId: off.installationId } },
        { reason: 'no-password', detail: { installationId: without.installationId } },
      ]);
    });

    test('makes an installation wait after too many failures', async () => {
      const data = await installation();
      for (let each = 0; each < 10; each += 1)
        await signIn('mobile-device', { ...data, password: 'wrong'.padEnd(32, '.') });
      const answer = await signIn('mobile-device', data);
      expect(answer.status).toBe(429);
      expect(answer.body.code).toBe('rate_limit');
      app.core.clock.advance(31);
      expect((await signIn('mobile-device', data)).status).toBe(200);
    });
  });

  describe('resource', () => {
    test('signs in whoever has the code, as nobody', async () => {
      const data = await resource({ maxUses: 0 });
      const payload = await tokenOf('resource', data);
      expect(payload).toMatchObject({ sub: `resource:${data.resource}`, resource: data.resource });
      expect(payload).not.toHaveProperty('userId');
      expect((await signIn('resource', data)).status).toBe(200);
    });

    test('tells whoever asks about the token whom it is for, and keeps no code', async () => {
      const data = await resource({ code: 'CANARYCODE', maxUses: 0 });
      const { body } = await signIn('resource', data);
      const inspected = await app.request('GET', '/v1/session', {
        headers: { authorization: `Bearer ${body.authorization.token}` },
      });
      expect(inspected.body).toMatchObject({
        active: true,
        principal: { kind: 'resource', id: data.resource },
      });
      expect(inspected.body).not.toHaveProperty('account');
      const events = await app.core.store.audit.events({
        afterSequence: 0,
        since: 0,
        accountId: null,
        limit: 1000,
      });
      expect(JSON.stringify(events)).toContain('sign-in.completed');
      expect(JSON.stringify(events)).not.toContain('CANARYCODE');
    });

    test('spends a use with each sign-in', async () => {
      const data = await resource({ maxUses: 2 });
      const statuses = [
        await signIn('resource', data),
        await signIn('resource', data),
        await signIn('resource', data),
      ].map(({ status }) => status);
      expect(statuses).toEqual([200, 200, 400]);
    });

    test('RC-2: of a hundred at once with a code for one, one signs in', async () => {
      const data = await resource();
      const answers = await Promise.all(Array.from({ length: 100 }, () => signIn('resource', data)));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      for (const answer of answers.filter(({ status }) => status !== 200))
        expect(answer.body).toEqual(INVALID_CREDENTIALS);
    });

    test('gives no token that outlives the code', async () => {
      const expiresAt = new Date(Date.now() + 100_000).toISOString();
      const payload = await tokenOf('resource', await resource({ expiresAt }));
      expect(Number(payload.exp)).toBeLessThanOrEqual(Date.parse(expiresAt) / 1000);
    });

    test('refuses alike what is unknown, expired, used up, revoked, spelled otherwise, or in another context', async () => {
      const known = await resource({ maxUses: 0 });
      for (const data of [
        { resource: 'voucher::context::code::UNKNOWN' },
        await resource({ expiresAt: '2020-01-01T00:00:00.000Z' }),
        await resource({ maxUses: 3, uses: 3 }),
        await resource({ maxUses: 0, revoked: true }),
        { resource: known.resource.replace('Code', 'CODE') },
        { resource: known.resource.replace('::context::', '::other::') },
      ]) {
        const answer = await signIn('resource', data);
        expect(answer.status).toBe(400);
        expect(answer.body).toEqual(INVALID_CREDENTIALS);
      }
    });
  });

  test.each([[undefined], [null], [1], [['resource']], ['password'], ['Resource'], ['toString']])(
    'the type %j is invalid_type',
    async (type) => {
      const answer = await signIn(type, { resource: 'voucher::context::code::X' });
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual(INVALID_TYPE);
    },
  );

  const long = (length: number) => 'x'.repeat(length);
  test.each([
    ['email-password', undefined],
    ['email-password', []],
    ['email-password', { email: 'a@example.com' }],
    ['email-password', { email: 'ab', password: long(8) }],
    ['email-password', { email: long(129), password: long(8) }],
    ['email-password', { email: 'a@example.com', password: long(7) }],
    ['email-password', { email: 'a@example.com', password: long(257) }],
    ['email-password', { email: 'a@example.com', password: 12345678 }],
    ['mobile-device', { installationId: long(31), password: long(32) }],
    ['mobile-device', { installationId: long(129), password: long(32) }],
    ['mobile-device', { installationId: long(32), password: long(31) }],
    ['mobile-device', { installationId: long(32), password: long(257) }],
    ['resource', {}],
    ['resource', { resource: 'abc' }],
    ['resource', { resource: long(129) }],
    ['resource', { resource: 'voucher::context::A1B2C3' }],
    ['resource', { resource: 'voucher::context::code::' }],
    ['resource', { resource: ['voucher::context::code::A'] }],
  ])('%s with %j is invalid_credentials, to the byte', async (type, data) => {
    const answer = await signIn(type, data);
    expect(answer.status).toBe(400);
    expect(answer.text).toBe(JSON.stringify(INVALID_CREDENTIALS));
  });
});
