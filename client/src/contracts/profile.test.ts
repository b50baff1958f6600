import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../../server/testing/app.ts';
import { expectKind } from '../../testing/narrow.ts';
import { watchTraffic } from '../../testing/traffic.ts';
import { createClient, memoryStore } from '../index.ts';

const ACCESS_SECONDS = 86_400;

describe('a client of profile', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite', {
      LATCHKEY_SIGN_IN_MAX_FAILURES: '3',
      LATCHKEY_MOUNTS: JSON.stringify([
        { contract: 'profile' },
        { contract: 'profile', prefix: '/strict', requireValidatedEmail: true },
      ]),
    });
  });
  afterAll(() => app.stop());

  function open(prefix = '') {
    const traffic = watchTraffic();
    const store = memoryStore();
    const client = createClient({ url: app.url, contract: 'profile', prefix, store, fetch: traffic.fetch });
    return { client, store, traffic };
  }
  async function signedIn({ email, password }: Person) {
    const opened = open();
    expectKind(await opened.client.signIn({ email, password }), 'signed-in');
    return opened;
  }

  test('signs in by e-mail address or user name, with the profile', async () => {
    const { client, store } = open();
    const { email, username, password } = await app.person();
    const byEmail = expectKind(await client.signIn({ email, password }), 'signed-in');
    expect(byEmail.body.user).toMatchObject({ id: expect.any(Number), username, email, status: 'active' });
    const byName = expectKind(await client.signIn({ username, password }), 'signed-in');
    expect(byName.body.user.id).toBe(byEmail.body.user.id);
    expect((await store.get())?.accessToken).toBe(byName.body.accessToken);
  });

  test('says why it was refused', async () => {
    const { client } = open();
    const { email } = await app.person();
    const inactive = await app.person({ status: 'inactive' });
    const unvalidated = await app.person({ emailValidated: false });
    expect(expectKind(await client.signIn({ email, password: 'a wrong one' }), 'refused')).toMatchObject({
      reason: 'bad-credentials',
      status: 401,
      message: 'Invalid email or password',
    });
    expect(expectKind(await client.signIn(inactive), 'refused')).toMatchObject({
      reason: 'account-refused',
      status: 403,
    });
    expect(expectKind(await open('/strict').client.signIn(unvalidated), 'refused')).toMatchObject({
      reason: 'account-not-validated',
      message: 'Account is not validated.',
    });
    expect(expectKind(await client.signIn({ password: 'short' }), 'refused')).toMatchObject({
      reason: 'invalid-input',
      body: {
        errors: ['email or username must be provided', 'password must be at least 6 characters'],
      },
    });
  });

  test('says when to come back', async () => {
    const { client } = open();
    const { email, password } = await app.person();
    for (let each = 0; each < 3; each += 1) await client.signIn({ email, password: 'a wrong password' });
    expect(await client.signIn({ email, password })).toEqual({
      kind: 'throttled',
      retryAfterSeconds: 30,
      message: 'Too many attempts. Try again later.',
    });
  });

  test('goes through a second factor, at a mount with a prefix too', async () => {
    for (const prefix of ['', '/strict']) {
      const { client } = open(prefix);
      const { username, password, email } = await app.person({ secondFactor: { email: true } });
      const step = expectKind(await client.signIn({ username, password }), 'second-factor');
      const { body } = expectKind(await step.prove(await app.mail.code(email)), 'signed-in');
      expect(body.user.username).toBe(username);
      expect((await client.me()).username).toBe(username);
    }
  });

  test('goes through the recognition of a device', async () => {
    const { client } = open();
    const { email, password } = await app.person({ recogniseDevices: true });
    const step = expectKind(await client.signIn({ email, password }), 'device');
    await app.mail.code(email);
    app.core.clock.advance(31);
    expect(await step.resend()).toEqual({ kind: 'sent' });
    expectKind(await step.prove(await app.mail.code(email)), 'signed-in');
  });

  test('refreshes, and knows who is signed in', async () => {
    const person = await app.person();
    const { client, traffic } = await signedIn(person);
    app.core.clock.advance(ACCESS_SECONDS + 1);
    expect(await client.me()).toMatchObject({ username: person.username, email: person.email, rol: '' });
    expect(traffic.count('POST /api/v1/auths/refresh')).toBe(1);
  });

  test('signs out, here and at the server', async () => {
    const { client, store, traffic } = await signedIn(await app.person());
    const tokens = await store.get();
    await client.signOut();
    expect(await store.get()).toBeNull();
    expect(traffic.count('POST /api/v1/auths/sign-out')).toBe(1);
    const refreshed = await app.post('/api/v1/auths/refresh', { refreshToken: tokens?.refreshToken });
    expect(refreshed.status).toBe(401);
  });
});
