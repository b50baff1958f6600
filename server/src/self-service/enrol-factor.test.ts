import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { ENGINES } from '../../testing/engines.ts';
import { oathtoolCode } from '../../testing/oathtool.ts';
import { asOwner, mailedCode, type SignedInOwner, signInAsOwner } from '../../testing/owner.ts';
import { findSecrets } from '../../testing/secrets.ts';
import { accessTokenIn, openStep, STEP_CONTRACTS, signIn } from '../../testing/steps.ts';
import { dumpStore } from '../../testing/store-dump.ts';
import { SEED, totpCode } from '../../testing/totp.ts';

const STEP_SECONDS = 30;
const RECOVERY_CODE = /^(?:[A-Z2-7]{4}-){5}[A-Z2-7]{4}$/;

describe.each(ENGINES)('giving an account a second factor, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_SIGN_IN_MAX_FAILURES: '20',
      LATCHKEY_PUBLIC_URL: 'https://id.example.com:8443',
    });
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'Admin', admin: 'global' });
  });
  afterAll(() => app.stop());
  // Each test has most of a time step before it.
  beforeEach(() => {
    const step = STEP_SECONDS * 1000;
    app.core.clock.advance(Math.ceil((step - (app.core.clock.now() % step)) / 1000));
  });

  const now = () => app.core.clock.now();
  const refusalOf = ({ status, body }: Answer) => [status, body.error?.code];
  const begin = (owner: SignedInOwner, factor: string) => owner.call('POST', `/v1/factors/${factor}`, {});
  const confirm = (owner: SignedInOwner, factor: string, challenge_token: string, code: string) =>
    owner.call('POST', `/v1/factors/${factor}/confirm`, { challenge_token, code });

  async function enrolTotp(owner: SignedInOwner): Promise<{ secret: string; answer: Answer }> {
    const { challenge_token, secret } = (await begin(owner, 'totp')).body;
    return { secret, answer: await confirm(owner, 'totp', challenge_token, oathtoolCode(secret, now())) };
  }

  async function enrolMail(owner: SignedInOwner, person: Person): Promise<Answer> {
    const { challenge_token } = (await begin(owner, 'email')).body;
    return confirm(owner, 'email', challenge_token, await mailedCode(app, person));
  }

  describe('an authenticator app', () => {
    test('is told a seed of 160 bits, as text, as a URI and as a picture of it', async () => {
      const person = await app.person();
      const answer = await begin(await signInAsOwner(app, person), 'totp');
      expect(answer.status).toBe(201);
      const { challenge_token, secret, uri, qr } = answer.body;
      expect(Object.keys(answer.body)).toEqual(['challenge_token', 'secret', 'uri', 'qr']);
      expect(challenge_token).toMatch(/^[\w-]{43}$/);
      expect(secret).toMatch(/^[A-Z2-7]{32}$/);
      const parsed = new URL(uri);
      expect(decodeURIComponent(parsed.pathname)).toMatch(new RegExp(`id.example.com:${person.email}$`));
      expect(Object.fromEntries(parsed.searchParams)).toEqual({
        issuer: 'id.example.com',
        secret,
        algorithm: 'SHA1',
        digits: '6',
        period: '30',
      });
      expect(qr).toMatch(/^<svg [^>]*viewBox="0 0 \d+ \d+">.*<\/svg>$/);
      expect(qr).not.toContain('script');
    });

    test('MF-5: counts once it is confirmed, by codes that oathtool makes, at every contract', async () => {
      const person = await app.person();
      const owner = await signInAsOwner(app, person);
      const { secret, answer } = await enrolTotp(owner);
      expect(answer.status).toBe(200);
      for (const contract of STEP_CONTRACTS) {
        app.core.clock.advance(STEP_SECONDS);
        const step = await openStep(app, contract, person);
        const proven = await step.prove(oathtoolCode(secret, now()));
        expect(accessTokenIn(contract, proven), contract).toBeDefined();
      }
    });

    test('MF-5: the code that confirmed it is spent, and so is all before it', async () => {
      const person = await app.person();
      const owner = await signInAsOwner(app, person);
      const { challenge_token, secret } = (await begin(owner, 'totp')).body;
      const codes = [-1, 0].map((steps) => oathtoolCode(secret, now() + steps * STEP_SECONDS * 1000));
      expect((await confirm(owner, 'totp', challenge_token, String(codes[1]))).status).toBe(200);
      for (const code of codes) {
        const step = await openStep(app, 'login', person);
        expect(refusalOf(await step.prove(code))).toEqual([401, 'invalid-code']);
      }
    });

    test('MF-8: does not count and does not gate before that', async () => {
      const person = await app.person();
      const owner = await signInAsOwner(app, person);
      const { secret } = (await begin(owner, 'totp')).body;
      expect((await owner.call('GET', '/v1/factors')).body.totp).toEqual({ on: false });
      expect(accessTokenIn('login', await signIn(app, 'login', person))).toBeDefined();
      // What waits does not even help where a factor is asked for.
      const other = await app.person({ secondFactor: { email: true } });
      const waiting = await signInAsOwner(app, other, () => mailedCode(app, other));
      const pending = (await begin(waiting, 'totp')).body.secret;
      const step = await openStep(app, 'login', other);
      expect(refusalOf(await step.prove(oathtoolCode(pending, now())))).toEqual([401, 'invalid-code']);
      expect(
        findSecrets(await dumpStore(app.core.config.store.url), [
          { what: 'a seed that waits', text: secret },
        ]),
      ).toEqual([]);
    });

    test('MF-8: can be replaced, and the old one counts until the new one is confirmed', async () => {
      const person = await app.person({ secondFactor: { totp: SEED } });
      const owner = await signInAsOwner(app, person, () => totpCode(now()));
      const { challenge_token, secret } = (await begin(owner, 'totp')).body;
      app.core.clock.advance(STEP_SECONDS);
      await signInAsOwner(app, person, () => totpCode(now()));
      // In the very time step in which the old one was used.
      const answer = await confirm(owner, 'totp', challenge_token, oathtoolCode(secret, now()));
      expect(answer.status).toBe(200);
      app.core.clock.advance(STEP_SECONDS);
      const step = await openStep(app, 'login', person);
      expect(refusalOf(await step.prove(totpCode(now())))).toEqual([401, 'invalid-code']);
      expect((await step.prove(oathtoolCode(secret, now()))).status).toBe(200);
    });

    test('is confirmed once, with the newest challenge, and with that only', async () => {
      const person = await app.person();
      const owner = await signInAsOwner(app, person);
      const first = (await begin(owner, 'totp')).body;
      const second = (await begin(owner, 'totp')).body;
      const codeOf = ({ secret }: { secret: string }) => oathtoolCode(secret, now());
      expect(refusalOf(await confirm(owner, 'totp', first.challenge_token, codeOf(first)))).toEqual([
        401,
        'invalid-ticket',
      ]);
      expect(refusalOf(await confirm(owner, 'totp', second.challenge_token, codeOf(first)))).toEqual([
        401,
        'invalid-code',
      ]);
      expect((await confirm(owner, 'totp', second.challenge_token, codeOf(second))).status).toBe(200);
      expect(refusalOf(await confirm(owner, 'totp', second.challenge_token, codeOf(second)))).toEqual([
        401,
        'invalid-ticket',
      ]);
    });
  });

  test('an authenticator app shows the name that the operator gave', async () => {
    const named = await startApp(engine, { LATCHKEY_TOTP_ISSUER: 'Meadow: the University' });
    try {
      const owner = await signInAsOwner(named, await named.person());
      const { uri } = (await begin(owner, 'totp')).body;
      expect(new URL(uri).searchParams.get('issuer')).toBe('Meadow: the University');
    } finally {
      await named.stop();
    }
  });

  describe('codes by mail', () => {
    test('are turned on by the code that was mailed, which was for that', async () => {
      const person = await app.person();
      const owner = await signInAsOwner(app, person);
      const answer = await begin(owner, 'email');
      expect(answer.status).toBe(202);
      expect(answer.body).toEqual({ challenge_token: expect.stringMatching(/^[\w-]{43}$/) });
      const { challenge_token } = answer.body;
      const code = await mailedCode(app, person);
      expect(accessTokenIn('login', await signIn(app, 'login', person))).toBeDefined();
      expect(refusalOf(await app.post('/v1/challenges/verify', { challenge_token, code }))).toEqual([
        401,
        'invalid-ticket',
      ]);
      const listed = async () => (await owner.call('GET', '/v1/factors')).body.email;
      expect(await listed()).toEqual({ on: false, address: 'p***@example.com' });
      expect((await confirm(owner, 'email', challenge_token, code)).status).toBe(200);
      expect(await listed()).toEqual({ on: true, address: 'p***@example.com' });
      const step = await openStep(app, 'login', person);
      expect((await step.prove(await mailedCode(app, person))).status).toBe(200);
    });

    test('MF-3: the code lives ten minutes by the clock, and the newest is the only one', async () => {
      const person = await app.person();
      const owner = await signInAsOwner(app, person);
      const first = (await begin(owner, 'email')).body.challenge_token;
      const firstCode = await mailedCode(app, person);
      const second = (await begin(owner, 'email')).body.challenge_token;
      const secondCode = await mailedCode(app, person);
      expect(refusalOf(await confirm(owner, 'email', first, firstCode))).toEqual([401, 'invalid-ticket']);
      app.core.clock.advance(601);
      expect(refusalOf(await confirm(owner, 'email', second, secondCode))).toEqual([401, 'invalid-ticket']);
      expect((await owner.call('GET', '/v1/factors')).body.email.on).toBe(false);
    });

    test('are not for an account that has no address, nor where they would not be enough', async () => {
      const { username, password } = await app.person({ email: null });
      const owner = await signInAsOwner(app, { email: username, password });
      expect(refusalOf(await begin(owner, 'email'))).toEqual([409, 'no-address']);
      expect((await owner.call('GET', '/v1/factors')).body.email).toEqual({ on: false, address: null });
      const administrator = await signInAsOwner(app, await app.person({ role: 'Admin' }));
      expect(refusalOf(await begin(administrator, 'email'))).toEqual([403, 'factor-not-allowed']);
      const organisation = await app.organisation({ settings: { allowEmailPin: false } });
      const member = await app.person();
      await app.load({ kind: 'membership', account: member.id, organisation, role: 'Student' });
      expect(refusalOf(await begin(await signInAsOwner(app, member), 'email'))).toEqual([
        403,
        'factor-not-allowed',
      ]);
    });
  });

  const FACTORS = [
    ['totp', async (owner: SignedInOwner) => (await enrolTotp(owner)).answer],
    ['email', enrolMail],
  ] as const;

  describe.each(FACTORS)('%s', (factor, enrol) => {
    test('MF-8: wants a proof that is fresh, with the factor that is there', async () => {
      const person = await app.person({ secondFactor: { totp: SEED } });
      const owner = await signInAsOwner(app, person, () => totpCode(now()));
      const { challenge_token } = (await begin(owner, factor)).body;
      app.core.clock.advance(20 * 60 + 1);
      const { refreshToken } = owner;
      const old = asOwner(app, (await app.post('/v1/refresh', { refreshToken })).body);
      expect(refusalOf(await begin(old, factor))).toEqual([403, 'proof-required']);
      expect(refusalOf(await confirm(old, factor, challenge_token, '000000'))).toEqual([
        403,
        'proof-required',
      ]);
      const due = await old.call('POST', '/v1/session/prove', { password: person.password });
      const proven = await app.post('/v1/challenges/verify', {
        challenge_token: due.body.challenge_token,
        code: totpCode(now()),
      });
      const { accessToken } = proven.body;
      const headers = { authorization: `Bearer ${accessToken}` };
      expect((await app.request('POST', `/v1/factors/${factor}`, { headers })).status).toBeLessThan(300);
    });

    test('the session goes on as one that has shown it; it is fresh for more', async () => {
      const person = await app.person();
      const owner = await signInAsOwner(app, person);
      expect(await owner.methods()).toEqual(['pwd']);
      expect((await enrol(owner, person)).status).toBe(200);
      const shown = factor === 'totp' ? 'otp' : 'email';
      expect(await owner.methods()).toEqual(['pwd', shown, 'mfa']);
      const refreshed = await app.post('/v1/refresh', { refreshToken: owner.refreshToken });
      expect(refreshed.status).toBe(200);
      expect((await owner.call('POST', '/v1/factors/recovery-codes')).status).toBe(201);
    });

    test('comes with recovery codes when it is the first, and not when there are some or another factor', async () => {
      const person = await app.person();
      const owner = await signInAsOwner(app, person);
      const first = await enrol(owner, person);
      expect(first.status).toBe(200);
      expect(first.body.recoveryCodes).toHaveLength(10);
      expect(new Set(first.body.recoveryCodes).size).toBe(10);
      for (const code of first.body.recoveryCodes) expect(code).toMatch(RECOVERY_CODE);
      const other = factor === 'totp' ? enrolMail : FACTORS[0][1];
      const second = await other(owner, person);
      expect([second.status, second.body]).toEqual([200, { recoveryCodes: [] }]);
      expect((await owner.call('GET', '/v1/factors')).body).toMatchObject({
        email: { on: true },
        totp: { on: true },
        recoveryCodes: { left: 10 },
      });
    });

    test('SE-3: ends the other sessions, what is outstanding and known devices, and tells the owner', async () => {
      const person = await app.person({ recogniseDevices: true, devices: ['a-device'] });
      const owner = await deviceOwner(person);
      const other = await deviceOwner(person);
      const waiting = await app.post('/v1/sign-in', { identifier: person.email, password: person.password });
      const code = await mailedCode(app, person);
      expect((await enrol(owner, person)).status).toBe(200);
      expect(await owner.isIn()).toBe(true);
      expect(await other.isIn()).toBe(false);
      expect((await app.post('/v1/refresh', { refreshToken: other.refreshToken })).status).toBe(401);
      const { challenge_token } = waiting.body;
      expect(refusalOf(await app.post('/v1/challenges/verify', { challenge_token, code }))).toEqual([
        401,
        'invalid-ticket',
      ]);
      expect(await app.core.store.devices.ofAccount(person.id)).toEqual([]);
      expect((await app.mail.next(person.email)).subject).toBe('Your second factors have changed');
      const events = (await eventsOf(app.core, person.id)).filter(({ event }) => event === 'factor.added');
      expect(events).toMatchObject([{ factor, detail: { recoveryCodes: 10 } }]);
    });

    /** Signs somebody in whose device is asked for. */
    async function deviceOwner(person: Person): Promise<SignedInOwner> {
      return signInAsOwner(app, person, () => mailedCode(app, person));
    }

    test('MF-4: of twenty confirmations at once, one is carried out', async () => {
      const person = await app.person();
      const owner = await signInAsOwner(app, person);
      const { challenge_token, secret } = (await begin(owner, factor)).body;
      const code = secret ? oathtoolCode(secret, now()) : await mailedCode(app, person);
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => confirm(owner, factor, challenge_token, code)),
      );
      const done = answers.filter(({ status }) => status === 200);
      expect(done).toHaveLength(1);
      expect((await app.core.store.recoveryCodes.leftOf(person.id)).size).toBe(10);
      expect(done[0]?.body.recoveryCodes).toHaveLength(10);
      const mailed = (await eventsOf(app.core, person.id)).filter(({ event }) => event === 'factor.added');
      expect(mailed).toHaveLength(1);
    });

    test('five wrong codes end the challenge; one is a wrong code and nothing else', async () => {
      const person = await app.person();
      const owner = await signInAsOwner(app, person);
      const { challenge_token, secret } = (await begin(owner, factor)).body;
      const code = secret ? oathtoolCode(secret, now()) : await mailedCode(app, person);
      const wrong = code === '000000' ? '000001' : '000000';
      for (let each = 0; each < 5; each += 1)
        expect(refusalOf(await confirm(owner, factor, challenge_token, wrong))).toEqual([
          401,
          'invalid-code',
        ]);
      expect(refusalOf(await confirm(owner, factor, challenge_token, code))).toEqual([401, 'invalid-ticket']);
      expect(await owner.methods()).toEqual(['pwd']);
      const events = await eventsOf(app.core, person.id);
      expect(events.filter(({ reason }) => reason === 'enrolment')).toHaveLength(5);
    });

    test('a challenge is good in the session that began it, for its own factor, and nowhere else', async () => {
      const person = await app.person();
      const owner = await signInAsOwner(app, person);
      const other = await signInAsOwner(app, person);
      const stranger = await signInAsOwner(app, await app.person());
      const { challenge_token, secret } = (await begin(owner, factor)).body;
      const code = secret ? oathtoolCode(secret, now()) : await mailedCode(app, person);
      const elsewhere = factor === 'totp' ? 'email' : 'totp';
      for (const answer of [
        await confirm(other, factor, challenge_token, code),
        await confirm(stranger, factor, challenge_token, code),
        await confirm(owner, elsewhere, challenge_token, code),
        await app.post('/v1/challenges/verify', { challenge_token, code }),
        await app.post('/v1/challenges/resend', { challenge_token }),
      ])
        expect(refusalOf(answer)).toEqual([401, 'invalid-ticket']);
      expect((await confirm(owner, factor, challenge_token, code)).status).toBe(200);
    });

    test('is nothing for those who are not signed in, nor for things', async () => {
      const headers = { authorization: 'Bearer nothing' };
      for (const [method, path] of [
        ['GET', '/v1/factors'],
        ['POST', `/v1/factors/${factor}`],
        ['DELETE', `/v1/factors/${factor}`],
        ['POST', '/v1/factors/recovery-codes'],
      ] as const)
        expect(refusalOf(await app.request(method, path, { headers }))).toEqual([401, 'unauthorised']);
      const data = { installationId: `enrolling at ${factor}`.padEnd(32, '.'), password: 'x'.repeat(32) };
      const { id } = await app.person();
      await app.load({ kind: 'installation', ...data, account: id });
      const { token } = (await app.post('/api/v1/auth/sign-in', { type: 'mobile-device', data })).body
        .authorization;
      const thing = { authorization: `Bearer ${token}` };
      const answer = await app.request('POST', `/v1/factors/${factor}`, { headers: thing });
      expect(refusalOf(answer)).toEqual([401, 'unauthorised']);
    });
  });
});
