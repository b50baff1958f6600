import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../../server/testing/app.ts';
import { expectKind } from '../../testing/narrow.ts';
import { watchTraffic } from '../../testing/traffic.ts';
import { createClient, memoryStore } from '../index.ts';

const ACCESS_SECONDS = 12 * 3600;

describe('a client of fingerprint', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite', { LATCHKEY_SIGN_IN_MAX_FAILURES: '3' });
  });
  afterAll(() => app.stop());

  function open(fingerprint = 'the device of the test') {
    const traffic = watchTraffic();
    const store = memoryStore();
    const options = { url: app.url, contract: 'fingerprint', fingerprint, store } as const;
    return { client: createClient({ ...options, fetch: traffic.fetch }), store, traffic };
  }
  async function signedIn({ username, password }: Person) {
    const opened = open();
    expectKind(await opened.client.signIn({ username, password }), 'signed-in');
    return opened;
  }

  test('signs in with the envelope', async () => {
    const { client, store } = open();
    const { username, password } = await app.person();
    const { body } = expectKind(await client.signIn({ username, password }), 'signed-in');
    expect(body.data).toMatchObject({ observation: { code: 1 }, account: { username, status: 'activated' } });
    expect(await store.get()).toMatchObject({
      accessToken: body.data.token,
      refreshToken: body.data.refreshToken,
    });
  });

  test('needs a fingerprint that can be sent', () => {
    for (const fingerprint of ['', 'é', 'x'.repeat(257), 'a\nb'])
      expect(() => open(fingerprint)).toThrow(TypeError);
    // @ts-expect-error: the types ask for it too
    expect(() => createClient({ url: app.url, contract: 'fingerprint' })).toThrow(TypeError);
  });

  test('says why it was refused', async () => {
    const { client, store } = open();
    const { username } = await app.person();
    const inactive = await app.person({ status: 'inactive' });
    expect(expectKind(await client.signIn({ username, password: 'wrong' }), 'refused')).toMatchObject({
      reason: 'bad-credentials',
      status: 401,
      message: 'Unauthorized',
    });
    expect(expectKind(await client.signIn(inactive), 'refused').reason).toBe('account-refused');
    expect(expectKind(await client.signIn({ username, password: '' }), 'refused')).toMatchObject({
      reason: 'invalid-input',
      message: 'Invalid param: [password]',
    });
    expect(await store.get()).toBeNull();
  });

  test('says when to come back', async () => {
    const { client } = open();
    const { username, password } = await app.person();
    for (let each = 0; each < 3; each += 1) await client.signIn({ username, password: 'a wrong password' });
    expect(expectKind(await client.signIn({ username, password }), 'throttled').retryAfterSeconds).toBe(30);
  });

  test('goes through a second factor, and keeps no step-up token', async () => {
    const { client, store } = open();
    const { username, password, email } = await app.person({ secondFactor: { email: true } });
    const step = expectKind(await client.signIn({ username, password }), 'second-factor');
    expect(await store.get()).toBeNull();
    expect(expectKind(await step.prove('000000'), 'refused').reason).toBe('invalid-code');
    expect(expectKind(await step.prove(''), 'refused').reason).toBe('invalid-input');
    await app.mail.code(email);
    app.core.clock.advance(31);
    expect(await step.resend()).toEqual({ kind: 'sent' });
    const { body } = expectKind(await step.prove(await app.mail.code(email)), 'signed-in');
    expect(body.data.observation.code).toBe(1);
    expect((await client.me()).amr).toEqual(['pwd', 'email', 'mfa']);
    expect(expectKind(await step.resend(), 'refused').reason).toBe('invalid-code');
  });

  test('goes through the recognition of a device, once for each device', async () => {
    const person = await app.person({ recogniseDevices: true, devices: ['laptop'] });
    const { username, password, email } = person;
    const step = expectKind(await open('new tablet').client.signIn({ username, password }), 'device');
    expectKind(await step.prove(await app.mail.code(email)), 'signed-in');
    expectKind(await open('new tablet').client.signIn({ username, password }), 'signed-in');
    expectKind(await open('another one').client.signIn({ username, password }), 'device');
  });

  test('refreshes, and knows who is signed in', async () => {
    const person = await app.person();
    const { client, traffic } = await signedIn(person);
    app.core.clock.advance(ACCESS_SECONDS + 1);
    expect(await client.me()).toMatchObject({
      active: true,
      principal: { kind: 'account', id: person.id },
    });
    expect(traffic.count('POST /identity/refresh-token')).toBe(1);
  });

  test('signs out, here and at the server', async () => {
    const { client, store, traffic } = await signedIn(await app.person());
    const refreshToken = (await store.get())?.refreshToken;
    await client.signOut();
    expect(await store.get()).toBeNull();
    expect(traffic.count('POST /identity/sign-out')).toBe(1);
    expect((await app.post('/identity/refresh-token', { refreshToken })).status).toBe(401);
  });
});
