import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { hashPassword } from '../crypto/password-hash.ts';
import { setPasswordHash } from '../store/account-records.ts';
import { rotateInstallationPassword, setInstallationStatus } from '../store/installations.ts';

const SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const FLEET_KEY = 'the key of the fleet';
const PASSWORD = 'the password that this installation was given';
const REFUSED = { code: 'invalid_credentials', message: 'The provided credentials are invalid' };
const VERIFIER = fileURLToPath(
  new URL('../../../examples/attestation-verifier/verifier.mjs', import.meta.url),
);

/** Starts the example's verifier as a program of its own. */
async function startVerifier(): Promise<{ url: string; process: ChildProcess }> {
  const child = spawn(process.execPath, [VERIFIER], {
    env: { ...process.env, ATTESTATION_SECRET: SECRET, FLEET_KEY, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stdout?.on('data', (piece: Buffer) => {
      said += piece.toString();
      const found = /listening on (\S+)/.exec(said)?.[1];
      if (found) resolve(found);
    });
    child.once('exit', () => reject(new Error(`the verifier ended: ${said}`)));
  });
  return { url, process: child };
}

describe.each(ENGINES)('devices that sign up on %s', (engine) => {
  let verifier: Awaited<ReturnType<typeof startVerifier>>;
  let app: TestApp;
  beforeAll(async () => {
    verifier = await startVerifier();
    app = await startApp(engine, {
      LATCHKEY_ATTESTATION_URL: verifier.url,
      LATCHKEY_ATTESTATION_SECRET: SECRET,
      LATCHKEY_MOUNTS: JSON.stringify([
        { contract: 'credential-type', allowSignUp: true },
        { contract: 'credential-type', prefix: '/other', allowSignUp: true },
      ]),
    });
  });
  afterAll(async () => {
    await app.stop();
    verifier.process.kill();
  });

  const idOf = () => `installation-${String(nextNumber()).padStart(24, '0')}`;
  const challengeOf = async (prefix = ''): Promise<string> =>
    (await app.request('GET', `${prefix}/api/v1/auth/get-challenge`)).body.challenge;
  const assertion = (challenge: string, installationId: string, platform = 'ios', key = FLEET_KEY) =>
    createHmac('sha256', key).update(`${platform}.${challenge}.${installationId}`).digest('base64url');
  const signUp = (data: object) => app.post('/api/v1/auth/sign-up', { type: 'mobile-device', data });
  const attested = (challenge: string, installationId = idOf()) => ({
    installationId,
    password: PASSWORD,
    platform: 'ios',
    challenge,
    assertionToken: assertion(challenge, installationId),
  });

  const signedUp = async () => {
    const data = attested(await challengeOf());
    expect((await signUp(data)).status).toBe(201);
    return data;
  };

  test('a device that the verifier vouches for can sign in from then on', async () => {
    const data = attested(await challengeOf());
    const answer = await signUp(data);
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      id: data.installationId,
      role: '',
      createdAt: expect.any(String),
      updatedAt: answer.body.createdAt,
    });
    const { installationId, password } = data;
    const signIn = { type: 'mobile-device', data: { installationId, password } };
    expect((await app.post('/api/v1/auth/sign-in', signIn)).status).toBe(200);
  });

  test('challenges are 48 characters, and differ', async () => {
    const challenges = await Promise.all(Array.from({ length: 50 }, () => challengeOf()));
    for (const challenge of challenges) expect(challenge).toMatch(/^[A-Za-z0-9_-]{48}$/);
    expect(new Set(challenges).size).toBe(50);
  });

  test.each([
    [
      'signed by somebody else',
      (challenge: string, id: string) => assertion(challenge, id, 'ios', 'another key'),
    ],
    ['for another installation', (challenge: string) => assertion(challenge, idOf())],
    ['for another platform', (challenge: string, id: string) => assertion(challenge, id, 'android')],
    ['for another challenge', (_: string, id: string) => assertion('c'.repeat(48), id)],
    ['that is none', () => 'nonsense'],
  ])('an assertion %s makes nothing, and the challenge is spent', async (_, assertionOf) => {
    const challenge = await challengeOf();
    const data = attested(challenge);
    const answer = await signUp({ ...data, assertionToken: assertionOf(challenge, data.installationId) });
    expect([answer.status, answer.body]).toEqual([400, REFUSED]);
    expect((await signUp(data)).body).toEqual(REFUSED);
    expect(await app.core.store.installations.byId(data.installationId)).toBeNull();
  });

  test('a challenge is good once, of any number at once; at its mount; for five minutes', async () => {
    const challenge = await challengeOf();
    const answers = await Promise.all(Array.from({ length: 20 }, () => signUp(attested(challenge))));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect((await signUp(attested(await challengeOf('/other')))).status).toBe(400);
    for (const forged of ['A'.repeat(48), `${challenge.slice(0, -1)}_`, `${challenge}=`])
      expect((await signUp(attested(forged))).status).toBe(400);
    const late = await challengeOf();
    app.core.clock.advance(301);
    // The verifier's clock is not ours: the challenge is looked at before it is asked.
    expect((await signUp(attested(late))).status).toBe(400);
    app.core.clock.advance(-301);
  });

  test('DR-4: its password is kept as a hash, and guesses at it wait, whatever is known of it', async () => {
    const { installationId, password } = await signedUp();
    const stored = await app.core.store.installations.record(installationId);
    expect(stored?.passwordHash).toMatch(/^\$argon2id\$/);
    const signIn = (shown: string, id = installationId) =>
      app.post('/api/v1/auth/sign-in', {
        type: 'mobile-device',
        data: { installationId: id, password: shown },
      });
    const unknown = idOf();
    for (let guess = 0; guess < 10; guess += 1) {
      const [known, other] = [await signIn(`${password} or so`), await signIn(password, unknown)];
      expect([known.status, known.body]).toEqual([400, REFUSED]);
      expect([known.status, known.text]).toEqual([other.status, other.text]);
    }
    expect((await signIn(password)).body.code).toBe('rate_limit');
    expect((await signIn(password, unknown)).body.code).toBe('rate_limit');
    app.core.clock.advance(31);
    expect((await signIn(password)).status).toBe(200);
  });

  test('DR-4: one that is disabled is out at once, and is refused as a wrong password is', async () => {
    const { installationId, password } = await signedUp();
    const signIn = () =>
      app.post('/api/v1/auth/sign-in', { type: 'mobile-device', data: { installationId, password } });
    const { token } = (await signIn()).body.authorization;
    const isIn = async () =>
      (await app.request('GET', '/v1/session', { headers: { authorization: `Bearer ${token}` } })).body
        .active;
    expect(await isIn()).toBe(true);
    const { store, clock } = app.core;
    await store.commit(setInstallationStatus(installationId, 'inactive', clock.now()));
    const refused = await signIn();
    expect([await isIn(), refused.status, refused.body]).toEqual([false, 400, REFUSED]);
    await store.commit(setInstallationStatus(installationId, 'active', clock.now()));
    expect([await isIn(), (await signIn()).status]).toEqual([false, 200]);
    const again = await store.commit(setInstallationStatus(installationId, 'active', clock.now()));
    expect(again).toMatchObject({ ok: false, guard: 'installation' });
  });

  test('DR-4: another password is good at once, and the one before for a time, unless it is disabled', async () => {
    const { installationId, password } = await signedUp();
    const { store, clock, config } = app.core;
    const another = 'another password that this installation was given';
    const rotate = (to: string, overlapSeconds: number) =>
      store.commit([
        rotateInstallationPassword(
          installationId,
          hashPassword(to, config.hashing),
          clock.now() + overlapSeconds * 1000,
        ),
      ]);
    const statusOf = async (shown: string) =>
      (
        await app.post('/api/v1/auth/sign-in', {
          type: 'mobile-device',
          data: { installationId, password: shown },
        })
      ).status;
    const session = await app.post('/api/v1/auth/sign-in', {
      type: 'mobile-device',
      data: { installationId, password },
    });
    await rotate(another, 60);
    const bearer = { headers: { authorization: `Bearer ${session.body.authorization.token}` } };
    expect((await app.request('GET', '/v1/session', bearer)).body.active).toBe(true);
    expect([await statusOf(another), await statusOf(password)]).toEqual([200, 200]);
    clock.advance(60);
    expect([await statusOf(another), await statusOf(password)]).toEqual([200, 400]);

    await rotate(password, 60);
    expect([await statusOf(another), await statusOf(password)]).toEqual([200, 200]);
    for (const status of ['inactive', 'active'] as const)
      await store.commit(setInstallationStatus(installationId, status, clock.now()));
    expect([await statusOf(another), await statusOf(password)]).toEqual([400, 200]);

    await rotate(another, 60);
    await store.commit(
      setPasswordHash('installations', installationId, hashPassword(PASSWORD, config.hashing), clock.now()),
    );
    expect([await statusOf(another), await statusOf(PASSWORD)]).toEqual([400, 200]);
  });

  test('an installation that is there already is taken', async () => {
    const id = idOf();
    expect((await signUp(attested(await challengeOf(), id))).status).toBe(201);
    const again = await signUp(attested(await challengeOf(), id));
    expect([again.status, again.body.code]).toEqual([409, 'taken']);
  });
});

describe('without a verifier that answers', () => {
  const data = (challenge: string) => ({
    installationId: `installation-${String(nextNumber()).padStart(24, '0')}`,
    password: PASSWORD,
    platform: 'android',
    challenge,
    assertionToken: 'x',
  });
  const signUpAt = async (app: TestApp) => {
    const { challenge } = (await app.request('GET', '/api/v1/auth/get-challenge')).body;
    return app.post('/api/v1/auth/sign-up', { type: 'mobile-device', data: data(challenge) });
  };
  const mounts = (more: object) =>
    JSON.stringify([{ contract: 'credential-type', allowSignUp: true, ...more }]);

  test('nobody vouches: refused, unless the mount takes devices without', async () => {
    const strict = await startApp('sqlite', { LATCHKEY_MOUNTS: mounts({}) });
    const answer = await signUpAt(strict);
    expect([answer.status, answer.body.code]).toEqual([400, 'attestation_unavailable']);
    await strict.stop();
    const lax = await startApp('sqlite', { LATCHKEY_MOUNTS: mounts({ allowUnattestedDevices: true }) });
    expect((await signUpAt(lax)).status).toBe(201);
    await lax.stop();
  });

  test('it is away: refused, also where the mount takes devices without', async () => {
    const app = await startApp('sqlite', {
      LATCHKEY_MOUNTS: mounts({ allowUnattestedDevices: true }),
      LATCHKEY_ATTESTATION_URL: 'http://127.0.0.1:9/',
      LATCHKEY_ATTESTATION_SECRET: SECRET,
    });
    const answer = await signUpAt(app);
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_credentials']);
    await app.stop();
  });
});
