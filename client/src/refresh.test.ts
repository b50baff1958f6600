import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../server/testing/app.ts';
import { ACCESS_SECONDS, openLogin, REFRESH, signedIn } from '../testing/signed-in.ts';
import { holdBack, jsonReply } from '../testing/traffic.ts';
import { memoryStore, SignedOutError, TryLaterError, UnexpectedReplyError } from './index.ts';

const ME = 'GET /auth/me';

describe('a session', () => {
  let app: TestApp;
  let aheadMilliseconds = 0;
  const now = () => Date.now() + aheadMilliseconds;
  beforeAll(async () => {
    app = await startApp('sqlite');
  });
  afterAll(() => app.stop());

  /** Lets access tokens end by both clocks, or by the client's alone. */
  function pass(seconds: number, { atServer }: { atServer: boolean }) {
    aheadMilliseconds += seconds * 1000;
    if (atServer) app.core.clock.advance(seconds);
  }
  const expire = () => pass(ACCESS_SECONDS + 1, { atServer: true });

  test('is refreshed once for fifty calls at once, when they know that the token has ended', async () => {
    const { client, traffic } = await signedIn(app, { now });
    expire();
    const calls = await Promise.all(Array.from({ length: 50 }, () => client.fetch('/v1/session')));
    expect(calls.map(({ status }) => status)).toEqual(new Array(50).fill(200));
    expect(traffic.count(REFRESH)).toBe(1);
    expect(traffic.count('GET /v1/session')).toBe(50);
  });

  test('is refreshed once for fifty calls at once, when only the server knows', async () => {
    const { client, traffic } = await signedIn(app);
    app.core.clock.advance(ACCESS_SECONDS + 1);
    const calls = await Promise.all(Array.from({ length: 50 }, () => client.fetch('/v1/session')));
    expect(calls.map(({ status }) => status)).toEqual(new Array(50).fill(200));
    expect(traffic.count(REFRESH)).toBe(1);
    expect(traffic.count('GET /v1/session')).toBe(100);
  });

  test('is refreshed a little before its access token ends', async () => {
    const { client, traffic } = await signedIn(app, { now });
    pass(ACCESS_SECONDS - 40, { atServer: false });
    await client.me();
    expect(traffic.count(REFRESH)).toBe(0);
    pass(15, { atServer: false });
    await client.me();
    expect(traffic.requests.slice(-2)).toEqual([REFRESH, ME]);
  });

  test('goes on with a token that is good still when the refresh does not get through', async () => {
    const { client, traffic } = await signedIn(app, { now });
    pass(ACCESS_SECONDS - 10, { atServer: false });
    traffic.meet(REFRESH, async () => jsonReply(503, {}, { 'retry-after': '1' }));
    await client.me();
    traffic.meet(REFRESH, async () => Promise.reject(new TypeError('no network')));
    await client.me();
    pass(10, { atServer: false });
    await expect(client.me()).rejects.toThrow('no network');
    traffic.meet(REFRESH, async () => jsonReply(503, {}, { 'retry-after': '7' }));
    await expect(client.me()).rejects.toThrow(new TryLaterError(503, 7));
    traffic.meet(REFRESH, async () => jsonReply(404, {}));
    await expect(client.me()).rejects.toThrow(UnexpectedReplyError);
    traffic.meet(REFRESH, null);
    await client.me();
  });

  test('does not lose itself when the answer to a refresh is lost', async () => {
    const { client, traffic } = await signedIn(app, { now });
    expire();
    let lost = 0;
    traffic.meet(REFRESH, async (request) => {
      const answer = await fetch(request);
      lost += 1;
      if (lost === 1) throw new TypeError('the connection broke');
      return answer;
    });
    await client.me();
    expect(traffic.count(REFRESH)).toBe(2);
    traffic.meet(REFRESH, null);
    expire();
    await client.me();
  });

  test('retries what was answered with 401 once, with its body', async () => {
    const { client, traffic } = await signedIn(app);
    const bodies: string[] = [];
    const answers = [401, 200];
    traffic.meet('POST /orders', async (request) => {
      bodies.push(`${request.headers.get('authorization')} ${await request.text()}`);
      return jsonReply(answers.shift() ?? 500, {});
    });
    const response = await client.fetch('/orders', { method: 'POST', body: 'one order' });
    expect(response.status).toBe(200);
    expect(bodies).toEqual([expect.stringMatching(/^Bearer \S+ one order$/), expect.any(String)]);
    expect(bodies[1]).toMatch(/ one order$/);
    expect(bodies[1]).not.toBe(bodies[0]);
    expect(traffic.count(REFRESH)).toBe(1);
  });

  test('gives a second 401 to the caller, and stays', async () => {
    const { client, traffic, ended } = await signedIn(app);
    traffic.meet('GET /orders', async () => jsonReply(401, { why: 'not yours' }));
    const response = await client.fetch('/orders');
    expect([response.status, await response.json()]).toEqual([401, { why: 'not yours' }]);
    expect(traffic.count('GET /orders')).toBe(2);
    expect(traffic.count(REFRESH)).toBe(1);
    expect(ended).toEqual([]);
    await client.me();
  });

  test('ends when its refresh is refused, and says so once', async () => {
    const person = await app.person();
    const { client, store, traffic, ended } = await signedIn(app, { now }, person);
    await app.person({ ...person, status: 'inactive' });
    expire();
    const calls = await Promise.allSettled(Array.from({ length: 5 }, () => client.me()));
    for (const call of calls)
      expect(call).toMatchObject({
        status: 'rejected',
        reason: { name: 'SignedOutError', reason: 'refused' },
      });
    expect(ended).toEqual(['refused']);
    expect(await store.get()).toBeNull();
    expect(traffic.count(REFRESH)).toBe(1);
    await expect(client.fetch('/v1/session')).rejects.toThrow(new SignedOutError('refused'));
    expect(traffic.count('GET /v1/session')).toBe(0);
  });

  test('no longer tells a listener that has gone', async () => {
    const { client } = await signedIn(app);
    const told: string[] = [];
    const stop = client.on('signed-out', (reason) => told.push(reason));
    stop();
    await client.signOut();
    expect(told).toEqual([]);
  });

  test('is nothing before somebody has signed in', async () => {
    const { client, traffic, ended } = openLogin(app);
    await expect(client.me()).rejects.toThrow(new SignedOutError('not-signed-in'));
    await expect(client.switchTo({ organisation: null, role: 'x' })).rejects.toThrow(SignedOutError);
    await client.signOut();
    expect(ended).toEqual([]);
    expect(traffic.requests).toEqual([]);
  });

  test('is one for two clients of one store', async () => {
    const store = memoryStore();
    const one = await signedIn(app, { store });
    const other = openLogin(app, { store });
    app.core.clock.advance(ACCESS_SECONDS + 1);
    await Promise.all([one.client.me(), other.client.me(), one.client.me(), other.client.me()]);
    expect(one.traffic.count(REFRESH) + other.traffic.count(REFRESH)).toBe(1);
    await one.client.signOut();
    await expect(other.client.me()).rejects.toThrow(new SignedOutError('elsewhere'));
    await expect(other.client.me()).rejects.toThrow(new SignedOutError('elsewhere'));
    expect(one.ended).toEqual(['signed-out']);
    expect(other.ended).toEqual(['elsewhere']);
  });

  test('survives a refresh by somebody who takes no lock', async () => {
    const { client, store, traffic } = await signedIn(app);
    const before = await store.get();
    app.core.clock.advance(ACCESS_SECONDS + 1);
    traffic.meet(REFRESH, async () => {
      const { body } = await app.post('/auth/refresh-token', { refresh_token: before?.refreshToken });
      const { access_token: accessToken, refresh_token: refreshToken } = body;
      await store.set({ accessToken, refreshToken, receivedAt: Date.now() });
      return jsonReply(401, { error_code: 'bad-credentials' });
    });
    await client.me();
    expect(traffic.count(REFRESH)).toBe(1);
  });

  test('is signed out after the refresh that was under way, and stays so', async () => {
    const { client, store, traffic, ended } = await signedIn(app);
    app.core.clock.advance(ACCESS_SECONDS + 1);
    const refresh = holdBack(traffic, REFRESH);
    const call = client.me().catch(() => null);
    await refresh.reached;
    const signOut = client.signOut();
    refresh.letGo();
    await Promise.all([call, signOut]);
    expect(await store.get()).toBeNull();
    expect(ended).toEqual(['signed-out']);
    // Once more only if the server still took the first token: it was told with the one that was refreshed.
    expect(traffic.count('POST /auth/logout')).toBe(1);
  });

  test('is not refreshed after it was signed out', async () => {
    const { client, store, traffic, ended } = await signedIn(app, { now });
    expire();
    const [, call] = await Promise.allSettled([client.signOut(), client.me()]);
    expect(call).toMatchObject({ status: 'rejected', reason: { reason: 'signed-out' } });
    expect(await store.get()).toBeNull();
    expect(ended).toEqual(['signed-out']);
    // For the sign-out itself.
    expect(traffic.count(REFRESH)).toBe(1);
  });

  test('is not put in the place of one that was begun meanwhile', async () => {
    const { client, traffic } = await signedIn(app);
    const { username, password } = await app.person();
    app.core.clock.advance(ACCESS_SECONDS + 1);
    const refresh = holdBack(traffic, REFRESH);
    const call = client.me();
    await refresh.reached;
    const signIn = client.signIn({ username, password });
    setTimeout(refresh.letGo, 50);
    await Promise.all([call, signIn]);
    expect((await client.me()).username).toBe(username);
  });

  test('is over for a client when somebody else has signed in at the store', async () => {
    const store = memoryStore();
    const one = await signedIn(app, { store });
    const other = openLogin(app, { store });
    await other.client.me();
    await one.client.signOut();
    const somebodyElse = await app.person();
    await signedIn(app, { store }, somebodyElse);
    await expect(other.client.me()).rejects.toThrow(new SignedOutError('elsewhere'));
    expect(other.ended).toEqual(['elsewhere']);
    // It has been told: from here on it goes on as whoever is signed in.
    expect((await other.client.me()).username).toBe(somebodyElse.username);
    expect((await one.client.me()).username).toBe(somebodyElse.username);
    expect([one.ended, other.ended]).toEqual([['signed-out'], ['elsewhere']]);
  });

  test('sends nothing again in the name of somebody else', async () => {
    const store = memoryStore();
    const { client, traffic, ended } = await signedIn(app, { store });
    const somebodyElse = await app.person();
    app.core.clock.advance(ACCESS_SECONDS + 1);
    traffic.meet('POST /a/transfer', async () => {
      await signedIn(app, { store }, somebodyElse);
      return jsonReply(401, {});
    });
    const transfer = client.fetch('/a/transfer', { method: 'POST' });
    await expect(transfer).rejects.toThrow(new SignedOutError('elsewhere'));
    expect(traffic.count('POST /a/transfer')).toBe(1);
    expect(ended).toEqual(['elsewhere']);
    expect((await client.me()).username).toBe(somebodyElse.username);
  });
});
