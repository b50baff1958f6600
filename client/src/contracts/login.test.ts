import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../../server/testing/app.ts';
import { SEED, totpCode } from '../../../server/testing/totp.ts';
import { expectKind } from '../../testing/narrow.ts';
import { watchTraffic } from '../../testing/traffic.ts';
import { createClient, memoryStore, SignedOutError } from '../index.ts';

const ACCESS_SECONDS = 3600;

describe('a client of login', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite', { LATCHKEY_SIGN_IN_MAX_FAILURES: '3' });
  });
  afterAll(() => app.stop());

  function open() {
    const traffic = watchTraffic();
    const store = memoryStore();
    const client = createClient({ url: app.url, contract: 'login', store, fetch: traffic.fetch });
    return { client, store, traffic };
  }
  async function signedIn(person: Person) {
    const opened = open();
    const { username, password } = person;
    expectKind(await opened.client.signIn({ username, password }), 'signed-in');
    return opened;
  }

  test('signs in, and keeps the tokens', async () => {
    const { client, store } = open();
    expect(await client.isSignedIn()).toBe(false);
    const { username, password } = await app.person();
    const { body } = expectKind(await client.signIn({ username, password }), 'signed-in');
    expect(body.jwt_token).toBe(body.access_token);
    expect(await store.get()).toEqual({
      accessToken: body.access_token,
      refreshToken: body.refresh_token,
      receivedAt: expect.any(Number),
    });
    expect(await client.isSignedIn()).toBe(true);
    expect(await client.accessToken()).toBe(body.access_token);
  });

  test('says why it was refused', async () => {
    const { client, store } = open();
    const person = await app.person({ emailValidated: false });
    const inactive = await app.person({ status: 'inactive' });
    const signIn = async (username: string, password: string) =>
      expectKind(await client.signIn({ username, password }), 'refused');
    expect(await signIn(person.username, 'a wrong password')).toMatchObject({
      reason: 'bad-credentials',
      status: 401,
      message: 'Invalid username and/or password',
    });
    expect(await signIn('nobody at all', 'whatever it is')).toMatchObject({ reason: 'bad-credentials' });
    expect(await signIn(person.username, person.password)).toMatchObject({
      reason: 'account-not-validated',
      body: { extra_attributes: { resend_code: expect.any(String) } },
    });
    expect(await signIn(inactive.username, inactive.password)).toMatchObject({ reason: 'account-refused' });
    expect(await signIn('', '')).toMatchObject({ reason: 'invalid-input', status: 400 });
    expect(await signIn('a', 'x'.repeat(20_000))).toMatchObject({ reason: 'invalid-input', status: 413 });
    expect(await store.get()).toBeNull();
  });

  test('says when to come back', async () => {
    const { client } = open();
    const { username, password } = await app.person();
    for (let each = 0; each < 3; each += 1) await client.signIn({ username, password: 'a wrong password' });
    expect(expectKind(await client.signIn({ username, password }), 'throttled').retryAfterSeconds).toBe(30);
  });

  test('goes through a second factor by mail', async () => {
    const { client } = open();
    const { username, password, email } = await app.person({ secondFactor: { email: true } });
    const step = expectKind(await client.signIn({ username, password }), 'second-factor');
    expect(await client.isSignedIn()).toBe(false);
    expect(expectKind(await step.prove('000000'), 'refused')).toMatchObject({ reason: 'invalid-code' });
    await app.mail.code(email);
    app.core.clock.advance(31);
    expect(await step.resend()).toEqual({ kind: 'sent' });
    const { body } = expectKind(await step.prove(await app.mail.code(email)), 'signed-in');
    expect(body.jwt_token).toBe(body.access_token);
    expect((await client.me()).username).toBe(username);
    expect(expectKind(await step.prove('123456'), 'refused').reason).toBe('invalid-ticket');
    expect(expectKind(await step.resend(), 'refused').reason).toBe('invalid-ticket');
    expect(expectKind(await step.prove(''), 'refused').reason).toBe('invalid-input');
  });

  test('goes through a second factor by an authenticator', async () => {
    const { client } = open();
    const { username, password } = await app.person({ secondFactor: { totp: SEED } });
    const step = expectKind(await client.signIn({ username, password }), 'second-factor');
    expectKind(await step.prove(totpCode(app.core.clock.now())), 'signed-in');
  });

  test('goes through the recognition of a device', async () => {
    const { client } = open();
    const { username, password, email } = await app.person({ recogniseDevices: true });
    const step = expectKind(await client.signIn({ username, password }), 'device');
    expectKind(await step.prove(await app.mail.code(email)), 'signed-in');
  });

  test('refreshes, and knows who is signed in', async () => {
    const person = await app.person();
    const { client, store, traffic } = await signedIn(person);
    const before = await store.get();
    app.core.clock.advance(ACCESS_SECONDS + 1);
    expect(await client.me()).toEqual({
      id: person.id,
      username: person.username,
      email: person.email,
      phone: null,
      status: 'active',
      memberships: [],
      effective_organization_id: null,
    });
    expect(traffic.count('POST /auth/refresh-token')).toBe(1);
    expect((await store.get())?.refreshToken).not.toBe(before?.refreshToken);
  });

  test('signs out, here and at the server', async () => {
    const { client, store, traffic } = await signedIn(await app.person());
    const token = (await store.get())?.accessToken;
    const ended: string[] = [];
    client.on('signed-out', (reason) => ended.push(reason));
    await client.signOut();
    expect(ended).toEqual(['signed-out']);
    expect(await store.get()).toBeNull();
    const session = await app.request('GET', '/v1/session', {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(session.status).toBe(401);
    await expect(client.me()).rejects.toThrow(new SignedOutError('signed-out'));
    await client.signOut();
    expect(traffic.count('POST /auth/logout')).toBe(1);
  });

  test('signs out at the server when the access token has ended', async () => {
    const { client, store, traffic } = await signedIn(await app.person());
    const refresh_token = (await store.get())?.refreshToken;
    app.core.clock.advance(ACCESS_SECONDS + 1);
    await client.signOut();
    expect(traffic.count('POST /auth/logout')).toBe(2);
    expect((await app.post('/auth/refresh-token', { refresh_token })).status).toBe(401);
    expect(await store.get()).toBeNull();
  });
});
