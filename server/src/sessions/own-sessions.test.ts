import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';

const CHROME =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

describe.each(ENGINES)('an account’s own sessions on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
  });
  afterAll(() => app.stop());

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  async function signIn({ username, password }: Person, headers = {}): Promise<string> {
    return (await app.post('/auth/login', { username, password }, headers)).body.access_token;
  }
  const list = async (token: string) =>
    (await app.request('GET', '/v1/sessions', { headers: bearer(token) })).body.sessions;
  const end = (token: string, id: string) =>
    app.request('DELETE', `/v1/sessions/${id}`, { headers: bearer(token) });
  const isActive = async (token: string): Promise<boolean> =>
    (await app.request('GET', '/v1/session', { headers: bearer(token) })).body.active;

  test('are listed, those used last first, with what is known of each', async () => {
    const person = await app.person();
    const first = await signIn(person, { 'user-agent': CHROME });
    app.core.clock.advance(5);
    const { username, password } = person;
    const second = await app.post(
      '/identity/sign-in',
      { username, password },
      { 'x-fingerprint-id': 'a-device', 'user-agent': '' },
    );
    await app.load({ kind: 'account', id: person.id, username, email: person.email, recogniseDevices: true });
    const sessions = await list(second.body.data.token);
    expect(sessions).toMatchObject([
      { current: true, mount: 'fingerprint', userAgent: null, organisation: null, role: null },
      { current: false, mount: 'login', userAgent: 'Chrome on Windows', device: null },
    ]);
    for (const session of sessions) {
      expect(session.id).toMatch(/^[0-9a-f-]{36}$/);
      expect(session.address).toMatch(/127\.0\.0\.1/);
      expect(Date.parse(session.lastUsedAt)).toBeGreaterThanOrEqual(Date.parse(session.createdAt));
    }
    expect((await list(first)).map((each: { current: boolean }) => each.current)).toEqual([false, true]);
  });

  test('are told apart by the device, and by their last refresh', async () => {
    const person = await app.person({ recogniseDevices: true, devices: ['one', 'two'] });
    const { username, password } = person;
    const from = async (fingerprint: string) => {
      const headers = { 'x-fingerprint-id': fingerprint };
      return (await app.post('/identity/sign-in', { username, password }, headers)).body.data;
    };
    const [one, again, two] = [await from('one'), await from('one'), await from('two')];
    app.core.clock.advance(60);
    await app.post('/identity/refresh-token', { refreshToken: one.refreshToken });
    const sessions = await list(two.token);
    const [refreshed, last, first] = sessions;
    expect(refreshed.device).toMatch(/^[\w-]{12}$/);
    expect([first.device, last.device === first.device]).toEqual([refreshed.device, false]);
    expect(Date.parse(refreshed.lastUsedAt) - Date.parse(refreshed.createdAt)).toBeGreaterThan(59_000);
    expect(await isActive(again.token)).toBe(true);
    expect(sessions).toHaveLength(3);
  });

  test('one is ended by its id, and nobody else’s is', async () => {
    const person = await app.person();
    const [mine, other] = [await signIn(person), await signIn(person)];
    const stranger = await signIn(await app.person());
    const [{ id }] = await list(other);
    const refused = await end(stranger, id);
    expect(refused.status).toBe(404);
    expect(refused.body.error.code).toBe('not-found');
    expect(await isActive(other)).toBe(true);
    expect((await end(mine, uuid(99))).status).toBe(404);
    expect((await end(mine, id)).status).toBe(204);
    expect(await isActive(other)).toBe(false);
    expect(await isActive(mine)).toBe(true);
    expect((await end(mine, id)).status).toBe(404);
  });

  test.each([['%00'], ['a%00b'], ['%F0%9F%98%80'], ['%2F'], ['%27--']])('%s is no session', async (id) => {
    const mine = await signIn(await app.person());
    const answer = await end(mine, id);
    expect(answer).toMatchObject({ status: 404, body: { error: { code: 'not-found' } } });
    expect(await isActive(mine)).toBe(true);
  });

  test('a content type without a body is nothing that it minds', async () => {
    const headers = { ...bearer(await signIn(await app.person())), 'content-type': 'application/json' };
    expect((await app.request('DELETE', '/v1/sessions', { headers })).status).toBe(200);
  });

  test('of fifty that end one at once, one does', async () => {
    const person = await app.person();
    const [mine, other] = [await signIn(person), await signIn(person)];
    const [{ id }] = await list(other);
    const answers = await Promise.all(Array.from({ length: 50 }, () => end(mine, id)));
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
  });

  test('all others are ended at once', async () => {
    const person = await app.person();
    const tokens = [await signIn(person), await signIn(person), await signIn(person)];
    const [mine = ''] = tokens;
    const ended = await app.request('DELETE', '/v1/sessions', { headers: bearer(mine) });
    expect(ended).toMatchObject({ status: 200, body: { ended: 2 } });
    expect(await Promise.all(tokens.map(isActive))).toEqual([true, false, false]);
    expect(await list(mine)).toHaveLength(1);
  });

  test('are ended for a reason that those who follow are told', async () => {
    const person = await app.person();
    const [mine, one, others] = [await signIn(person), await signIn(person), await signIn(person)];
    const idOf = (token: string) => readJwt(token).payload.sid;
    expect((await end(mine, String(idOf(one)))).status).toBe(204);
    const ended = await app.request('DELETE', '/v1/sessions', { headers: bearer(mine) });
    expect(ended.body).toEqual({ ended: 1 });
    const out = await app.request('POST', '/v1/sign-out', { headers: bearer(mine) });
    expect(out.status).toBe(204);
    expect(await isActive(mine)).toBe(false);
    const told = await app.core.store.revocations.after(0, 0, 10_000);
    const reasons = [one, others, mine].map(
      (token) => told.find(({ sessionId }) => sessionId === idOf(token))?.reason,
    );
    expect(reasons).toEqual(['ended-by-owner', 'ended-by-owner', 'signed-out']);
  });

  test.each([
    ['GET', '/v1/sessions'],
    ['DELETE', '/v1/sessions'],
    ['DELETE', `/v1/sessions/${uuid(1)}`],
  ])('%s %s is for whoever has a token of an account', async (method, path) => {
    const without = await app.request(method, path);
    expect(without).toMatchObject({ status: 401, body: { error: { code: 'unauthorised' } } });
    await app.load({ kind: 'resource', context: 'context', code: 'CODE', maxUses: 0 });
    const data = { resource: 'voucher::context::code::CODE' };
    const { body } = await app.post('/api/v1/auth/sign-in', { type: 'resource', data });
    const headers = bearer(body.authorization.token);
    expect((await app.request(method, path, { headers })).status).toBe(401);
  });

  test('who holds no token of an account is not signed out, and is not told who they are', async () => {
    await app.load({ kind: 'resource', context: 'context', code: 'OTHER', maxUses: 0 });
    const data = { resource: 'voucher::context::code::OTHER' };
    const { body } = await app.post('/api/v1/auth/sign-in', { type: 'resource', data });
    const ended = await signIn(await app.person());
    await app.request('POST', '/auth/logout', { headers: bearer(ended) });
    for (const token of ['nonsense', ended, body.authorization.token]) {
      const headers = bearer(token);
      expect((await app.request('POST', '/auth/logout', { headers })).status, token).toBe(401);
      expect((await app.request('GET', '/auth/me', { headers })).status, token).toBe(401);
    }
  });

  test('another method is told which there are', async () => {
    const answer = await app.request('PUT', `/v1/sessions/${uuid(1)}`);
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('DELETE');
    expect((await app.request('PUT', '/v1/sessions')).headers.get('allow')).toBe('GET, HEAD, DELETE');
  });
});
