import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startApp, type TestApp } from '../../testing/app.ts';
import { eventsOf } from '../../testing/audit.ts';
import { carryOut } from '../../testing/carry-out.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';
import { asOwner, mailedCode, type SignedInOwner, signInAsOwner } from '../../testing/owner.ts';
import { frozenClock } from '../../testing/ports.ts';
import { SEED, totpCode } from '../../testing/totp.ts';
import { refused } from '../sign-in/attempt.ts';
import { signAccountOut } from '../store/accounts.ts';

const SESSION_SECONDS = 7200;
const GRACE_SECONDS = 10;
const FRESH_SECONDS = 20 * 60;

describe.each(ENGINES)('a session that goes on in another role, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_SESSION_MAX_SECONDS: String(SESSION_SECONDS),
      LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'credential-type', accessTokenSeconds: 3600 }]),
    });
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'Payee' });
  });
  afterAll(() => app.stop());

  const refusalOf = ({ status, body }: Answer) => [status, body.error?.code];
  const advance = (seconds: number) => app.core.clock.advance(seconds);
  const endOf = (token: string): number => Number(readJwt(token).payload.exp) * 1000;
  const refresh = (refreshToken: string) => app.post('/v1/refresh', { refreshToken });
  async function refreshed({ refreshToken }: SignedInOwner): Promise<SignedInOwner> {
    const answer = await refresh(refreshToken);
    expect(answer.status, answer.text).toBe(200);
    return asOwner(app, answer.body);
  }
  const codeNow = () => totpCode(app.core.clock.now());

  /** Somebody with a role of their own and one in an organisation. */
  async function member(fields: Record<string, unknown> = {}) {
    const organisation = await app.organisation();
    const person = await app.person({ role: 'Payee', ...fields });
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    return { person, organisation };
  }
  const askFor = (owner: SignedInOwner, organisation: string | null) =>
    owner.call('POST', '/v1/session/switch', { organisation, role: organisation ? 'Student' : 'Payee' });
  async function switched(owner: SignedInOwner, organisation: string | null): Promise<SignedInOwner> {
    const answer = await askFor(owner, organisation);
    expect(answer.status, answer.text).toBe(200);
    return asOwner(app, answer.body);
  }
  const removeApp = (owner: SignedInOwner) => owner.call('DELETE', '/v1/factors/totp');

  test('MF-8: is as fresh as the one before it, and no fresher, in the same role too', async () => {
    const { person, organisation } = await member({ secondFactor: { totp: SEED } });
    const owner = await signInAsOwner(app, person, codeNow);
    advance(FRESH_SECONDS + 1);
    let old = await refreshed(owner);
    for (const place of [organisation, organisation, null]) {
      old = await switched(old, place);
      expect(refusalOf(await removeApp(old))).toEqual([403, 'proof-required']);
    }
    const due = await old.call('POST', '/v1/session/prove', { password: person.password });
    const { challenge_token } = due.body;
    const proven = await app.post('/v1/challenges/verify', { challenge_token, code: codeNow() });
    const fresh = await switched(asOwner(app, proven.body), organisation);
    expect((await removeApp(fresh)).status).toBe(204);
  });

  test('RT-6, SE-4: ends when the one before it would have, however often it goes on', async () => {
    const { person, organisation } = await member();
    const begun = app.core.clock.now();
    let owner = await signInAsOwner(app, person);
    const end = Math.ceil((app.core.clock.now() + SESSION_SECONDS * 1000) / 1000) * 1000;
    for (let seconds = 800; seconds < SESSION_SECONDS; seconds += 800) {
      advance(800);
      owner = await switched(owner, seconds % 1600 === 0 ? null : organisation);
      expect(endOf(owner.refreshToken)).toBeLessThanOrEqual(end);
      owner = await refreshed(owner);
      for (const token of [owner.accessToken, owner.refreshToken])
        expect(endOf(token)).toBeLessThanOrEqual(end);
    }
    expect(await owner.isIn()).toBe(true);
    const last = await switched(owner, organisation);
    advance(SESSION_SECONDS - (app.core.clock.now() - begun) / 1000 + 1);
    expect(await last.isIn()).toBe(false);
    expect((await askFor(last, null)).status).toBe(401);
    expect((await refresh(last.refreshToken)).status).toBe(401);
  });

  test('RT-6: ends with the token of the one before it, where there is none to refresh it with', async () => {
    const { person, organisation } = await member();
    const data = { email: person.email, password: person.password };
    const { body } = await app.post('/api/v1/auth/sign-in', { type: 'email-password', data });
    const first = asOwner(app, { accessToken: body.authorization.token, refreshToken: '' });
    advance(3000);
    const next = await switched(first, organisation);
    expect(endOf(next.accessToken)).toBe(endOf(first.accessToken));
    advance(601);
    expect(await next.isIn()).toBe(false);
    expect((await askFor(next, null)).status).toBe(401);
  });

  test('with a factor that its role asks for it is fresh, and ends no later', async () => {
    const { person, organisation } = await member();
    const settings = { mfaForStudents: true };
    let owner = await signInAsOwner(app, person);
    const end = Math.ceil((app.core.clock.now() + SESSION_SECONDS * 1000) / 1000) * 1000;
    owner = await switched(owner, null);
    await app.load({ kind: 'organisation', id: organisation, name: organisation, settings });
    advance(FRESH_SECONDS + 1);
    owner = await refreshed(owner);
    expect(refusalOf(await owner.call('POST', '/v1/factors/totp'))).toEqual([403, 'proof-required']);
    const due = await askFor(owner, organisation);
    expect(refusalOf(due)).toEqual([403, 'second-factor-required']);
    const { challenge_token } = due.body;
    const code = await mailedCode(app, person);
    const proven = asOwner(app, (await app.post('/v1/challenges/verify', { challenge_token, code })).body);
    expect((await proven.call('POST', '/v1/factors/totp')).status).toBe(201);
    expect(endOf(proven.refreshToken)).toBeLessThanOrEqual(end);
    expect(endOf((await refreshed(proven)).refreshToken)).toBeLessThanOrEqual(end);
  });

  test('is listed as begun when the one before it was, and ends with what ends the account’s sessions', async () => {
    const { person, organisation } = await member();
    const owner = await signInAsOwner(app, person);
    const list = async (of: SignedInOwner) => (await of.call('GET', '/v1/sessions')).body.sessions;
    const [before] = await list(owner);
    advance(600);
    const next = await switched(owner, organisation);
    const [after, ...more] = await list(next);
    expect(more).toEqual([]);
    expect(after.createdAt).toBe(before.createdAt);
    expect(Date.parse(after.lastUsedAt) - Date.parse(before.lastUsedAt)).toBeGreaterThanOrEqual(600_000);
    await app.core.store.commit(signAccountOut(person.id, app.core.clock.now()));
    expect(await next.isIn()).toBe(false);
    expect((await refresh(next.refreshToken)).status).toBe(401);
    const revoked = await app.core.store.revocations.after(0, 0, 10_000);
    const { sid } = readJwt(next.accessToken).payload;
    expect(revoked.find(({ sessionId }) => sessionId === sid)?.reason).toBe('signed-out-by-operator');
  });

  test('RT-1: ends when a refresh token from before is used after the grace', async () => {
    const { person, organisation } = await member();
    const owner = await signInAsOwner(app, person);
    const elsewhere = await signInAsOwner(app, person);
    // Whoever has a copy of the access token goes on with it, and on again.
    const taken = await refreshed(await switched(await switched(owner, organisation), null));
    expect(refusalOf(await refresh(owner.refreshToken))).toEqual([401, 'unauthorised']);
    expect(await taken.isIn()).toBe(true);
    advance(GRACE_SECONDS + 1);
    expect(refusalOf(await refresh(owner.refreshToken))).toEqual([401, 'unauthorised']);
    expect(await taken.isIn()).toBe(false);
    expect((await refresh(taken.refreshToken)).status).toBe(401);
    expect(await elsewhere.isIn()).toBe(true);
    const { sid } = readJwt(taken.accessToken).payload;
    const reused = (await eventsOf(app.core, person.id)).filter(({ event }) => event === 'session.reused');
    expect(reused).toMatchObject([{ sessionId: sid }]);
    const revoked = await app.core.store.revocations.after(0, 0, 10_000);
    expect(revoked.find(({ sessionId }) => sessionId === sid)?.reason).toBe('refresh-token-reused');
  });

  test('RT-1: ends at once when one from before the last before is used', async () => {
    const { person, organisation } = await member();
    const first = await signInAsOwner(app, person);
    const third = await refreshed(await refreshed(first));
    const next = await switched(third, organisation);
    expect((await refresh(first.refreshToken)).status).toBe(401);
    expect(await next.isIn()).toBe(false);
  });

  test('RT-1: ends also where it goes on at the very moment at which it is to end', async () => {
    const { person, organisation } = await member();
    const first = await signInAsOwner(app, person);
    let newest = await refreshed(await refreshed(first));
    let isOvertaken = 0;
    const commit: typeof app.core.store.commit = async (changes) => {
      if (changes.some(({ params }) => params.includes('refresh-token-reused')) && isOvertaken < 3) {
        isOvertaken += 1;
        newest = await switched(newest, isOvertaken === 1 ? organisation : null);
      }
      return app.core.store.commit(changes);
    };
    const overtaken = { ...app.app.corridor, store: { ...app.core.store, commit } };
    const command = { kind: 'refresh', refreshToken: first.refreshToken } as const;
    expect(await carryOut(app, 'native', command, overtaken)).toEqual(refused('token-invalid'));
    expect(isOvertaken).toBe(3);
    expect(await newest.isIn()).toBe(false);
  });

  test('RT-1: does not end by the tokens of a session that was proven again', async () => {
    const { person } = await member();
    const owner = await signInAsOwner(app, person);
    advance(1);
    const answer = await owner.call('POST', '/v1/session/prove', { password: person.password });
    const proven = asOwner(app, answer.body);
    advance(GRACE_SECONDS + 1);
    expect((await refresh(owner.refreshToken)).status).toBe(401);
    expect(await proven.isIn()).toBe(true);
  });
});

test.each(ENGINES)(
  'RT-1: sessions that were begun in the same millisecond are no family, on %s',
  async (engine) => {
    const clock = frozenClock();
    const app = await startApp(engine, {}, clock);
    const person = await app.person();
    const [one, other] = [await signInAsOwner(app, person), await signInAsOwner(app, person)];
    expect((await one.call('POST', '/v1/sign-out')).status).toBe(204);
    clock.advance(GRACE_SECONDS + 1);
    expect((await app.post('/v1/refresh', { refreshToken: one.refreshToken })).status).toBe(401);
    expect(await other.isIn()).toBe(true);
    await app.stop();
  },
);
