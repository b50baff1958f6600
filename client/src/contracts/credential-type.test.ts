import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../../server/testing/app.ts';
import { expectKind } from '../../testing/narrow.ts';
import { watchTraffic } from '../../testing/traffic.ts';
import { createClient, memoryStore, SignedOutError } from '../index.ts';

const ACCESS_SECONDS = 3600;
const INSTALLATION = {
  installationId: 'installation-of-the-client-test-1',
  password: 'password of the installation, long enough',
};

describe('a client of credential-type', () => {
  let app: TestApp;
  let aheadMilliseconds = 0;
  beforeAll(async () => {
    app = await startApp('sqlite', { LATCHKEY_SIGN_IN_MAX_FAILURES: '3' });
    await app.load({ kind: 'installation', ...INSTALLATION });
  });
  afterAll(() => app.stop());

  function open() {
    const traffic = watchTraffic();
    const store = memoryStore();
    const client = createClient({
      url: app.url,
      contract: 'credential-type',
      store,
      fetch: traffic.fetch,
      now: () => Date.now() + aheadMilliseconds,
    });
    const ended: string[] = [];
    client.on('signed-out', (reason) => ended.push(reason));
    return { client, store, traffic, ended };
  }

  test('signs people in', async () => {
    const { client, store } = open();
    const { id, email, password } = await app.person();
    const result = await client.signIn({ type: 'email-password', data: { email, password } });
    const { body } = expectKind(result, 'signed-in');
    expect(await store.get()).toMatchObject({ accessToken: body.authorization.token, refreshToken: null });
    expect((await client.me()).principal).toEqual({ kind: 'account', id });
  });

  test('signs installations in', async () => {
    const { client } = open();
    expectKind(await client.signIn({ type: 'mobile-device', data: INSTALLATION }), 'signed-in');
    const { installationId: id } = INSTALLATION;
    expect((await client.me()).principal).toEqual({ kind: 'installation', id });
  });

  test('signs in with resource codes', async () => {
    const { client } = open();
    const code = `CODE${nextNumber()}`;
    await app.load({ kind: 'resource', context: 'course', code });
    const resource = `voucher::course::code::${code}`;
    expectKind(await client.signIn({ type: 'resource', data: { resource } }), 'signed-in');
    expect((await client.me()).principal).toEqual({ kind: 'resource', id: resource });
    const again = await client.signIn({ type: 'resource', data: { resource } });
    expect(expectKind(again, 'refused').reason).toBe('bad-credentials');
  });

  test('says that it was refused', async () => {
    const { client } = open();
    const { email } = await app.person();
    const wrong = { type: 'email-password', data: { email, password: 'a wrong password' } } as const;
    expect(expectKind(await client.signIn(wrong), 'refused')).toMatchObject({
      reason: 'bad-credentials',
      status: 400,
      message: 'The provided credentials are invalid',
    });
    const pigeon = { type: 'pigeon' } as unknown as typeof wrong;
    expect(expectKind(await client.signIn(pigeon), 'refused').reason).toBe('invalid-input');
    const vast = { ...wrong, data: { email, password: 'x'.repeat(20_000) } };
    expect(expectKind(await client.signIn(vast), 'refused')).toMatchObject({
      reason: 'invalid-input',
      status: 413,
    });
  });

  test('says when to come back', async () => {
    const { client } = open();
    const { email, password } = await app.person();
    const signIn = (word: string) =>
      client.signIn({ type: 'email-password', data: { email, password: word } });
    for (let each = 0; each < 3; each += 1) await signIn('a wrong password');
    expect(expectKind(await signIn(password), 'throttled').retryAfterSeconds).toBe(30);
  });

  test('goes through each step', async () => {
    for (const [kind, fields] of [
      ['second-factor', { secondFactor: { email: true } }],
      ['device', { recogniseDevices: true }],
    ] as const) {
      const { client } = open();
      const { id, email, password } = await app.person(fields);
      const result = await client.signIn({ type: 'email-password', data: { email, password } });
      const step = expectKind(result, kind);
      const { body } = expectKind(await step.prove(await app.mail.code(email)), 'signed-in');
      expect(await client.accessToken()).toBe(body.authorization.token);
      expect((await client.me()).account).toBe(id);
    }
  });

  test('says that the session is over when its token has ended', async () => {
    const { client, store, ended, traffic } = open();
    const { email, password } = await app.person();
    expectKind(await client.signIn({ type: 'email-password', data: { email, password } }), 'signed-in');
    try {
      aheadMilliseconds = (ACCESS_SECONDS - 10) * 1000;
      await client.accessToken();
      aheadMilliseconds = (ACCESS_SECONDS + 1) * 1000;
      expect(await client.isSignedIn()).toBe(false);
      await expect(client.me()).rejects.toThrow(new SignedOutError('expired'));
      await expect(client.me()).rejects.toThrow(new SignedOutError('expired'));
    } finally {
      aheadMilliseconds = 0;
    }
    expect(ended).toEqual(['expired']);
    expect(await store.get()).toBeNull();
    expect(traffic.count('GET /v1/session')).toBe(0);
  });

  test('says so too when it is the server that ended it', async () => {
    const { client, ended } = open();
    const { email, password } = await app.person();
    expectKind(await client.signIn({ type: 'email-password', data: { email, password } }), 'signed-in');
    app.core.clock.advance(ACCESS_SECONDS + 1);
    // Another server's 401 may mean anything; this one's means that the token is no good.
    expect((await client.fetch('/v1/session')).status).toBe(401);
    await expect(client.me()).rejects.toThrow(new SignedOutError('refused'));
    expect(ended).toEqual(['refused']);
  });

  test('signs out by forgetting the token', async () => {
    const { client, store, traffic } = open();
    const { email, password } = await app.person();
    expectKind(await client.signIn({ type: 'email-password', data: { email, password } }), 'signed-in');
    await client.signOut();
    expect(await store.get()).toBeNull();
    expect(traffic.requests).toEqual(['POST /api/v1/auth/sign-in']);
  });
});
