import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { carryOut } from '../../testing/carry-out.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';
import { frozenClock } from '../../testing/ports.ts';
import { refused } from '../sign-in/attempt.ts';

const ACCESS_SECONDS = 3600;
const REFRESH_SECONDS = 1800;
const SESSION_SECONDS = 7200;
const GRACE_SECONDS = 10;

describe.each(ENGINES)('SE-4, RT-6: the life of a session, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    const lifetimes = { accessTokenSeconds: ACCESS_SECONDS, refreshTokenSeconds: REFRESH_SECONDS };
    app = await startApp(engine, {
      LATCHKEY_SESSION_MAX_SECONDS: String(SESSION_SECONDS),
      LATCHKEY_MOUNTS: JSON.stringify([
        { contract: 'login', ...lifetimes },
        { contract: 'role-picker', ...lifetimes },
        { contract: 'login', prefix: '/patient', ...lifetimes, refreshTokenSeconds: 10 * SESSION_SECONDS },
      ]),
    });
  });
  afterAll(() => app.stop());

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const isActive = async (token: string): Promise<boolean> =>
    (await app.request('GET', '/v1/session', { headers: bearer(token) })).body.active;
  const signIn = async () => {
    const { username, password } = await app.person();
    return (await app.post('/auth/login', { username, password })).body;
  };
  const refresh = (refresh_token: string) => app.post('/auth/refresh-token', { refresh_token });
  const endOf = (token: string): number => Number(readJwt(token).payload.exp) * 1000;

  test('ends when nobody has refreshed it for as long as its refresh token lives', async () => {
    const used = await signIn();
    const { email: identity, password } = await app.person();
    const offered = await app.post('/auth/sign-in-verify', { identity, password });
    const { loginToken } = offered.body.result[0][0];
    const idle = (await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken })).body;
    app.core.clock.advance(REFRESH_SECONDS - 5);
    const kept = await refresh(used.refresh_token);
    expect(kept.status).toBe(200);
    expect(await isActive(idle.loginToken)).toBe(true);
    app.core.clock.advance(10);
    expect((await app.post('/auth/refresh', { refreshToken: idle.refreshToken })).status).toBe(401);
    expect(await isActive(idle.loginToken)).toBe(false);
    expect((await refresh(kept.body.refresh_token)).status).toBe(200);
  });

  test('ends after its longest life, and none of its tokens says that it is good beyond', async () => {
    let tokens = await signIn();
    const begun = app.core.clock.now();
    for (let seconds = 1000; seconds < SESSION_SECONDS; seconds += 1000) {
      app.core.clock.advance(1000);
      const answer = await refresh(tokens.refresh_token);
      expect(answer.status).toBe(200);
      tokens = answer.body;
      expect(endOf(tokens.access_token)).toBeLessThanOrEqual(begun + SESSION_SECONDS * 1000);
      expect(endOf(tokens.refresh_token)).toBeLessThanOrEqual(begun + SESSION_SECONDS * 1000);
    }
    expect(await isActive(tokens.access_token)).toBe(true);
    app.core.clock.advance(SESSION_SECONDS - (app.core.clock.now() - begun) / 1000);
    expect(await isActive(tokens.access_token)).toBe(false);
    expect((await refresh(tokens.refresh_token)).status).toBe(401);
  });

  test('ends after its longest life also where refresh tokens could live longer', async () => {
    const { username, password } = await app.person();
    const begun = app.core.clock.now();
    const { body } = await app.post('/patient/auth/login', { username, password });
    expect(endOf(body.refresh_token)).toBeLessThanOrEqual(begun + SESSION_SECONDS * 1000);
    app.core.clock.advance(SESSION_SECONDS);
    const late = await app.post('/patient/auth/refresh-token', { refresh_token: body.refresh_token });
    expect(late.status).toBe(401);
  });
});

describe.each(ENGINES)('the times of refresh tokens, to the second, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    const lifetimes = { accessTokenSeconds: ACCESS_SECONDS, refreshTokenSeconds: REFRESH_SECONDS };
    const settings = {
      LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'login', ...lifetimes }]),
      LATCHKEY_SESSION_MAX_SECONDS: String(SESSION_SECONDS),
    };
    app = await startApp(engine, settings, frozenClock());
  });
  afterAll(() => app.stop());

  async function signIn() {
    const { username, password } = await app.person();
    return (await app.post('/auth/login', { username, password })).body;
  }
  const refresh = (refresh_token: string) => app.post('/auth/refresh-token', { refresh_token });

  test('the one before is good again for as long as the grace, from when it was replaced on', async () => {
    const { refresh_token } = await signIn();
    app.core.clock.advance(100);
    const { body } = await refresh(refresh_token);
    app.core.clock.advance(GRACE_SECONDS);
    const again = await refresh(refresh_token);
    expect(again.status).toBe(200);
    expect(again.body.refresh_token).toBe(body.refresh_token);
    app.core.clock.advance(1);
    expect((await refresh(refresh_token)).status).toBe(401);
    expect((await refresh(body.refresh_token)).status).toBe(401);
  });

  test('each lives as long as its mount says, and none longer than its session', async () => {
    let { access_token, refresh_token } = await signIn();
    const end = app.core.clock.now() / 1000 + SESSION_SECONDS;
    for (let left = SESSION_SECONDS; left > 0; left -= 1500) {
      const now = app.core.clock.now() / 1000;
      expect(readJwt(refresh_token).payload).toMatchObject({ exp: Math.min(now + REFRESH_SECONDS, end) });
      expect(readJwt(access_token).payload).toMatchObject({
        iat: now,
        exp: Math.min(now + ACCESS_SECONDS, end),
      });
      app.core.clock.advance(Math.min(left, 1500));
      const answer = await refresh(refresh_token);
      expect(answer.status).toBe(left > 1500 ? 200 : 401);
      ({ access_token, refresh_token } = answer.body);
    }
  });

  test('one that ends while it is looked at is refused as ended, and is looked at once', async () => {
    const { refresh_token } = await signIn();
    const { sid, exp } = readJwt(refresh_token).payload;
    const { principals } = app.core.store;
    const end = (await principals.bySession(String(sid)))?.session.refreshExpiresAt ?? 0;
    app.core.clock.advance((Number(exp) * 1000 - 1 - app.core.clock.now()) / 1000);
    let reads = 0;
    const bySession: typeof principals.bySession = (id) => {
      reads += 1;
      if (reads > 5) throw new Error('it is looked at for ever');
      return principals.bySession(id);
    };
    const store = { ...app.core.store, principals: { ...principals, bySession } };
    const late = { ...app.app.corridor, store, clock: { ...app.core.clock, now: () => end } };
    const outcome = await carryOut(app, 'login', { kind: 'refresh', refreshToken: refresh_token }, late);
    expect(outcome).toEqual(refused('token-expired'));
    expect(reads).toBe(1);
  });
});
