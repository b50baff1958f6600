import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../server/testing/app.ts';
import { expectKind } from '../testing/narrow.ts';
import { ACCESS_SECONDS, openLogin, REFRESH, signedIn } from '../testing/signed-in.ts';
import { holdBack, jsonReply } from '../testing/traffic.ts';
import { createClient, SignedOutError, TryLaterError, UnexpectedReplyError } from './index.ts';

describe('a client', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite', { LATCHKEY_PUBLIC_URL: 'http://127.0.0.1' });
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'Teacher' });
  });
  afterAll(() => app.stop());

  describe('that is aborted', () => {
    test('stops waiting, and leaves the refresh to the others', async () => {
      const { client, traffic } = await signedIn(app);
      app.core.clock.advance(ACCESS_SECONDS + 1);
      const refresh = holdBack(traffic, REFRESH);
      const controller = new AbortController();
      const impatient = client.me({ signal: controller.signal });
      const patient = client.fetch('/v1/session');
      await refresh.reached;
      controller.abort(new Error('no longer wanted'));
      await expect(impatient).rejects.toThrow('no longer wanted');
      refresh.letGo();
      expect((await patient).status).toBe(200);
      expect(traffic.count(REFRESH)).toBe(1);
    });

    test('sends nothing when it was aborted before', async () => {
      const { client, traffic } = await signedIn(app);
      const before = traffic.requests.length;
      const signal = AbortSignal.abort(new Error('never wanted'));
      const { username, password } = await app.person();
      const calls = [
        client.fetch('/v1/session', { signal }),
        client.me({ signal }),
        client.accessToken({ signal }),
        client.sessions({ signal }),
        client.endSession('x', { signal }),
        client.endOtherSessions({ signal }),
        client.switchTo({ organisation: null, role: 'Student' }, { signal }),
        client.signIn({ username, password }, { signal }),
      ];
      for (const call of await Promise.allSettled(calls))
        expect(call).toMatchObject({ status: 'rejected', reason: { message: 'never wanted' } });
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(traffic.requests.slice(before).filter((name) => !name.startsWith('POST /auth/login'))).toEqual(
        [],
      );
      await client.me();
    });
  });

  describe('of a session', () => {
    test('lists the account’s sessions and ends them', async () => {
      const person = await app.person();
      const [here, there, elsewhere] = await Promise.all([
        signedIn(app, {}, person),
        signedIn(app, {}, person),
        signedIn(app, {}, person),
      ]);
      const sessions = await here.client.sessions();
      expect(sessions).toHaveLength(3);
      expect(sessions.filter(({ current }) => current)).toHaveLength(1);
      const there_ = (await there.client.sessions()).find(({ current }) => current);
      expect(await here.client.endSession(there_?.id ?? '')).toBe(true);
      expect(await here.client.endSession(there_?.id ?? '')).toBe(false);
      expect(await here.client.endSession('../../nothing')).toBe(false);
      await expect(there.client.me()).rejects.toThrow(new SignedOutError('refused'));
      expect(await here.client.endOtherSessions()).toBe(1);
      await expect(elsewhere.client.me()).rejects.toThrow(new SignedOutError('refused'));
      expect(await here.client.sessions()).toHaveLength(1);
    });

    test('switches to another role, and keeps the tokens of that', async () => {
      const { client, store, traffic } = await withRoles({});
      const [organisation] = roles;
      const before = await store.get();
      expect(await client.switchTo({ organisation, role: 'Student' })).toEqual({
        kind: 'switched',
        organisation,
        role: 'Student',
      });
      expect((await store.get())?.accessToken).not.toBe(before?.accessToken);
      const session = await (await client.fetch('/v1/session')).json();
      expect(session).toMatchObject({ organisation, role: 'Student' });
      app.core.clock.advance(ACCESS_SECONDS + 1);
      expect(await (await client.fetch('/v1/session')).json()).toMatchObject({ role: 'Student' });
      const missing = expectKind(await client.switchTo({ organisation, role: 'Dean' }), 'refused');
      expect(missing.reason).toBe('no-such-role');
      await client.me();
      traffic.meet('POST /v1/session/switch', async () => new Response('<html>'));
      await expect(client.switchTo({ organisation, role: 'Teacher' })).rejects.toThrow(UnexpectedReplyError);
      await client.me();
    });

    test('switches when its access token has ended', async () => {
      const { client, traffic } = await withRoles({});
      const [organisation] = roles;
      app.core.clock.advance(ACCESS_SECONDS + 1);
      expectKind(await client.switchTo({ organisation, role: 'Student' }), 'switched');
      expect(traffic.count(REFRESH)).toBe(1);
    });

    test('goes through the step that a role asks for', async () => {
      const { client, person } = await withRoles({ settings: { mfaForTeachers: true } });
      const [organisation] = roles;
      const step = expectKind(await client.switchTo({ organisation, role: 'Teacher' }), 'second-factor');
      expectKind(await step.prove(await app.mail.code(person.email)), 'signed-in');
      expect(await (await client.fetch('/v1/session')).json()).toMatchObject({
        organisation,
        role: 'Teacher',
        amr: ['pwd', 'email', 'mfa'],
      });
    });

    let roles: [string];
    /** Somebody who has signed in with no organisation, and holds two roles in one. */
    async function withRoles(organisation: object) {
      const person = await app.person();
      const opened = await signedIn(app, {}, person);
      roles = [await app.organisation({ ...organisation })];
      await app.load(
        ...['Student', 'Teacher'].map((role) => ({
          kind: 'membership',
          account: person.id,
          organisation: roles[0],
          role,
        })),
      );
      return { ...opened, person };
    }
  });

  describe('that sends the access token', () => {
    test('sends it to its server and to the origins that are named', async () => {
      const { client, traffic } = await signedIn(app, { origins: ['http://api.example/whatever'] });
      const seen: (string | null)[] = [];
      traffic.meet('GET /orders', async (request) => {
        seen.push(request.headers.get('authorization'));
        return jsonReply(200, {});
      });
      const token = await client.accessToken();
      await client.fetch('http://api.example/orders');
      await client.fetch(new URL('/orders', app.url));
      await client.fetch(new Request(`${app.url}/orders`, { headers: { authorization: 'Basic eDp5' } }));
      expect(seen).toEqual(new Array(3).fill(`Bearer ${token}`));
      for (const stranger of [
        'http://other.example/orders',
        'https://api.example/orders',
        '//other.example/',
      ])
        await expect(client.fetch(stranger)).rejects.toThrow(TypeError);
      expect(traffic.count('GET /orders')).toBe(3);
    });

    test('does not follow the server elsewhere with a password or a token', async () => {
      const { client, traffic } = openLogin(app);
      const modes: string[] = [];
      traffic.meet('POST /auth/login', async ({ redirect }) => {
        modes.push(redirect);
        return jsonReply(429, {}, { 'retry-after': '3' });
      });
      expectKind(await client.signIn({ username: 'a', password: 'b' }), 'throttled');
      expect(modes).toEqual(['error']);
    });
  });

  describe('meets', () => {
    const signIn = async (reply: () => Promise<Response>) => {
      const { client, traffic } = openLogin(app);
      traffic.meet('POST /auth/login', reply);
      return client.signIn({ username: 'somebody', password: 'something' });
    };

    test('a server without time', async () => {
      expect(await signIn(async () => jsonReply(503, { message: 'Busy' }, { 'retry-after': '4' }))).toEqual({
        kind: 'unavailable',
        retryAfterSeconds: 4,
        message: 'Busy',
      });
    });

    test('a gateway without a server, that says when by a date or not at all', async () => {
      const soon = new Date(Date.now() + 60_000).toUTCString();
      const dated = expectKind(
        await signIn(async () => new Response('<html>', { status: 502, headers: { 'retry-after': soon } })),
        'unavailable',
      );
      expect(dated.retryAfterSeconds).toBeGreaterThan(55);
      const silent = expectKind(
        await signIn(async () => new Response('<html>', { status: 504 })),
        'unavailable',
      );
      expect(silent.retryAfterSeconds).toBe(1);
    });

    test('no network', async () => {
      await expect(signIn(async () => Promise.reject(new TypeError('no network')))).rejects.toThrow(
        'no network',
      );
    });

    test.each([
      ['a page', async () => new Response('<html>', { status: 200 })],
      ['another API', async () => jsonReply(200, { token: 1 })],
      ['a wrong path', async () => jsonReply(404, { error_code: 'not-found' })],
      ['a fault', async () => jsonReply(500, { error_code: 'internal-error' })],
      ['a refusal that is nobody’s', async () => jsonReply(418, {})],
    ])('%s, and throws', async (_what, reply) => {
      await expect(signIn(reply)).rejects.toThrow(UnexpectedReplyError);
    });

    test('the same in the middle of a session', async () => {
      const { client, traffic, ended } = await signedIn(app);
      traffic.meet('GET /auth/me', async () => jsonReply(429, {}, { 'retry-after': '9' }));
      await expect(client.me()).rejects.toThrow(new TryLaterError(429, 9));
      traffic.meet('GET /auth/me', async () => new Response('<html>'));
      await expect(client.me()).rejects.toThrow(UnexpectedReplyError);
      traffic.meet('GET /auth/me', async () => jsonReply(401, {}));
      await expect(client.me()).rejects.toThrow(UnexpectedReplyError);
      expect(ended).toEqual([]);
      traffic.meet('POST /auth/logout', async () => Promise.reject(new TypeError('no network')));
      await expect(client.signOut()).rejects.toThrow('no network');
      expect(await client.isSignedIn()).toBe(false);
    });
  });

  test('is of a contract that there is, at a URL', () => {
    const contract = 'toString' as 'login';
    expect(() => createClient({ url: app.url, contract })).toThrow('there is no contract toString');
    expect(() => createClient({ url: '/relative', contract: 'login' })).toThrow(TypeError);
  });

  test('speaks to a server below a path', async () => {
    const { client, traffic } = openLogin(app, { url: 'http://127.0.0.1:1/identity/', prefix: '/old' });
    traffic.meet('POST /identity/old/auth/login', async () => jsonReply(429, {}));
    expectKind(await client.signIn({ username: 'a', password: 'b' }), 'throttled');
  });
});
