import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { rawRequest } from '../../testing/raw-request.ts';

interface Tokens {
  readonly access: string;
  readonly refresh: string;
}

/** What a contract's clients call after signing in. */
interface Companions {
  readonly contract: string;
  signIn(app: TestApp, person: Person): Promise<Tokens>;
  readonly refreshPath: string;
  readonly refreshed: (answer: Answer) => Tokens;
  readonly refreshRefused: object;
  readonly signOutPath: string;
  readonly signedOut: { readonly status: number; readonly body: unknown };
  readonly tokenRefused: { readonly status: number; readonly body: object };
}

const refreshBody = (contract: string, token: string) =>
  contract === 'login' ? { refresh_token: token } : { refreshToken: token };

const COMPANIONS: readonly Companions[] = [
  {
    contract: 'fingerprint',
    async signIn(app, { username, password }) {
      const headers = { 'x-fingerprint-id': 'a-device' };
      const { body } = await app.post('/identity/sign-in', { username, password }, headers);
      return { access: body.data.token, refresh: body.data.refreshToken };
    },
    refreshPath: '/identity/refresh-token',
    refreshed: ({ body }) => {
      expect(body).toEqual({
        statusCode: 200,
        data: {
          token: expect.any(String),
          refreshToken: expect.any(String),
          authenticationType: 'Bearer',
        },
      });
      return { access: body.data.token, refresh: body.data.refreshToken };
    },
    refreshRefused: { message: 'Unauthorized', error: 'Unauthorized', statusCode: 401 },
    signOutPath: '/identity/sign-out',
    signedOut: { status: 200, body: { statusCode: 200, data: { signedOut: true } } },
    tokenRefused: {
      status: 401,
      body: { message: 'Unauthorized', error: 'Unauthorized', statusCode: 401 },
    },
  },
  {
    contract: 'profile',
    async signIn(app, { email, password }) {
      const { body } = await app.post('/api/v1/auths/sign-in', { email, password });
      return { access: body.accessToken, refresh: body.refreshToken };
    },
    refreshPath: '/api/v1/auths/refresh',
    refreshed: ({ body }) => {
      expect(body.user).toMatchObject({ id: expect.any(Number), status: 'active' });
      return { access: body.accessToken, refresh: body.refreshToken };
    },
    refreshRefused: { statusCode: 401, message: 'Invalid or expired token' },
    signOutPath: '/api/v1/auths/sign-out',
    signedOut: { status: 204, body: undefined },
    tokenRefused: { status: 401, body: { statusCode: 401, message: 'Invalid or expired token' } },
  },
  {
    contract: 'role-picker',
    async signIn(app, { email, password }) {
      const offered = await app.post('/auth/sign-in-verify', { identity: email, password });
      const { loginToken } = offered.body.result[0][0];
      const { body } = await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken });
      return { access: body.token, refresh: body.refreshToken };
    },
    refreshPath: '/auth/refresh',
    refreshed: ({ body }) => {
      expect(Object.keys(body)).toEqual(['token', 'refreshToken']);
      return { access: body.token, refresh: body.refreshToken };
    },
    refreshRefused: { status_code: 401, message: 'Provided token is invalid.' },
    signOutPath: '/auth/sign-out',
    signedOut: { status: 200, body: { success: true } },
    tokenRefused: { status: 401, body: { status_code: 401, message: 'Provided token is invalid.' } },
  },
  {
    contract: 'login',
    async signIn(app, { username, password }) {
      const { body } = await app.post('/auth/login', { username, password });
      return { access: body.access_token, refresh: body.refresh_token };
    },
    refreshPath: '/auth/refresh-token',
    refreshed: ({ body }) => {
      expect(body.jwt_token).toBe(body.access_token);
      return { access: body.access_token, refresh: body.refresh_token };
    },
    refreshRefused: { error_code: 'bad-credentials', message: 'Invalid token' },
    signOutPath: '/auth/logout',
    signedOut: { status: 204, body: undefined },
    tokenRefused: { status: 401, body: { error_code: 'bad-credentials', message: 'Invalid token' } },
  },
];

// What happens to a session after the sign-in, at every contract that has more than one.
describe.each(ENGINES)('the life of a session on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load({ kind: 'role', name: 'Student' });
  });
  afterAll(() => app.stop());

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const isActive = async (token: string): Promise<boolean> =>
    (await app.request('GET', '/v1/session', { headers: bearer(token) })).body.active;

  describe.each(COMPANIONS)('$contract', (door) => {
    const refresh = (token: string) => app.post(door.refreshPath, refreshBody(door.contract, token));
    const signOut = (token: string) => app.request('POST', door.signOutPath, { headers: bearer(token) });

    test('goes on with each refresh, and the one before it is used once', async () => {
      const first = await door.signIn(app, await app.person());
      const second = door.refreshed(await refresh(first.refresh));
      expect(await isActive(second.access)).toBe(true);
      expect(door.refreshed(await refresh(first.refresh)).refresh).toBe(second.refresh);
      const third = door.refreshed(await refresh(second.refresh));
      expect(await isActive(third.access)).toBe(true);
      const reused = await refresh(first.refresh);
      expect(reused.status).toBe(401);
      expect(reused.body).toMatchObject(door.refreshRefused);
      expect((await refresh(third.refresh)).status).toBe(401);
      expect(await isActive(third.access)).toBe(false);
    });

    test('ends with the sign-out, for every token of it', async () => {
      const { access, refresh: token } = await door.signIn(app, await app.person());
      const { status, body } = await signOut(access);
      expect({ status, body }).toEqual(door.signedOut);
      expect(await isActive(access)).toBe(false);
      expect((await refresh(token)).status).toBe(401);
      const again = await signOut(access);
      expect(again.status).toBe(door.tokenRefused.status);
      expect(again.body).toMatchObject(door.tokenRefused.body);
    });

    test.each([
      ['no token', {}],
      ['no bearer token', { authorization: 'Basic eA==' }],
      ['a refresh token', null],
      ['something else', bearer('a.b.c')],
    ])('signs nobody out with %s', async (_what, headers) => {
      const { access, refresh: token } = await door.signIn(app, await app.person());
      const answer = await app.request('POST', door.signOutPath, { headers: headers ?? bearer(token) });
      expect(answer.status).toBe(401);
      expect(answer.body).toMatchObject(door.tokenRefused.body);
      expect(await isActive(access)).toBe(true);
    });

    test('takes no access token for a refresh token', async () => {
      const { access } = await door.signIn(app, await app.person());
      const answer = await refresh(access);
      expect(answer.status).toBe(401);
      expect(answer.body).toMatchObject(door.refreshRefused);
    });

    test('is of the account as it is now', async () => {
      const person = await app.person();
      const { access, refresh: token } = await door.signIn(app, person);
      await app.load({ ...personLine(person), status: 'inactive' });
      expect(await isActive(access)).toBe(false);
      expect((await refresh(token)).status).toBe(401);
      expect((await signOut(access)).status).toBe(401);
    });
  });

  const personLine = ({ id, username, email }: Person) => ({
    kind: 'account',
    id,
    username,
    email,
    emailValidated: true,
  });

  test('profile tells about the user, with the time of the sign-in', async () => {
    const person = await app.person({ user: { firstName: 'Ada' } });
    const { body } = await app.post('/api/v1/auths/sign-in', person);
    app.core.clock.advance(60);
    const me = await app.request('GET', '/api/v1/auths/me', { headers: bearer(body.accessToken) });
    expect(me.status).toBe(200);
    expect(me.body).toEqual(body.user);
    const refreshed = await app.post('/api/v1/auths/refresh', { refreshToken: body.refreshToken });
    expect(refreshed.body.user).toEqual(body.user);
    const nobody = await app.request('GET', '/api/v1/auths/me');
    expect(nobody).toMatchObject({
      status: 401,
      body: { statusCode: 401, message: 'Invalid or expired token' },
    });
  });

  test.each([
    ['{', 'application/json'],
    ['{"a":1,"a":2}', 'application/json'],
    ['[]', 'application/json'],
    ['a=1&a=2', 'application/x-www-form-urlencoded'],
    ['whatever', 'text/plain'],
    ['\u0000', 'application/octet-stream'],
    ['', 'application/json'],
    ['whatever', 'x'],
    ['', 'x'],
    ['whatever', ''],
    ['', ''],
  ])('profile signs out whatever the body is: %j as %s', async (body, type) => {
    const person = await app.person();
    const { accessToken } = (await app.post('/api/v1/auths/sign-in', person)).body;
    const headers = { ...bearer(accessToken), 'content-type': type };
    const answer = await app.request('POST', '/api/v1/auths/sign-out', { headers, body });
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 204, text: '' });
    expect(await isActive(accessToken)).toBe(false);
  });

  test.each(['application/json', 'application/x-www-form-urlencoded', 'text/plain', 'x', ''])(
    'login refreshes by the bearer token without a body, whatever the type of nothing is: %j',
    async (type) => {
      const { refresh_token } = (await app.post('/auth/login', await app.person())).body;
      for (const framing of ['', 'Content-Length: 0', 'Transfer-Encoding: chunked']) {
        const lines = [`Authorization: Bearer ${refresh_token}`, `Content-Type: ${type}`, framing];
        const head = ['POST /auth/refresh-token HTTP/1.1', 'Host: x', 'Connection: close', ...lines];
        const end = framing.startsWith('Transfer') ? '0\r\n\r\n' : '';
        const answer = await rawRequest(app.url, `${head.filter(Boolean).join('\r\n')}\r\n\r\n${end}`);
        expect(answer.status, framing).toBe(200);
      }
    },
  );

  test('login tells about the account', async () => {
    const organisation = await app.organisation();
    const person = await app.person({ phone: '+34600000111' });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const { body } = await app.post('/auth/login', person);
    const me = await app.request('GET', '/auth/me', { headers: bearer(body.access_token) });
    expect(me.body).toEqual({
      id: person.id,
      username: person.username,
      email: person.email,
      phone: '+34600000111',
      status: 'active',
      memberships: [{ organisation, role: 'Student' }],
      effective_organization_id: organisation,
    });
    app.core.clock.advance(3601);
    const late = await app.request('GET', '/auth/me', { headers: bearer(body.access_token) });
    expect(late).toMatchObject({ status: 401, body: { error_code: 'token-expired' } });
    app.core.clock.advance(-3661);
  });
});
