import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { type Follower, follow } from '../../testing/follower.ts';
import { opaqueSecret } from '../crypto/secret-text.ts';
import { secretHash } from '../crypto/vault.ts';
import { setAccountStatus, signAccountOut } from '../store/accounts.ts';
import { CUT_OFF_FACT, stateCutOff } from '../store/cut-off.ts';
import { forgetFact, stateFact } from '../store/facts.ts';
import { removeMembership } from '../store/memberships.ts';
import { setOrganisationSuspended } from '../store/organisations.ts';
import { addResourceServer, removeResourceServer } from '../store/resource-servers.ts';
import { endMembershipSessions } from '../store/sessions.ts';

const REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';

interface Session {
  readonly id: string;
  readonly token: string;
  readonly refresh: string;
}

describe.each(ENGINES)('the revocations on %s', (engine) => {
  let app: TestApp;
  let credential: string;
  let follower: Follower;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'Teacher' });
    const { store, random, clock } = app.core;
    credential = opaqueSecret(random);
    await store.commit([
      addResourceServer({ name: 'reports', createdAt: clock.now() }, secretHash(credential)),
    ]);
    follower = await follow(app.url, credential);
    await follower.until((events) => events.some(({ event }) => event === 'caught-up'));
  });
  afterAll(() => app.stop());

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const idOf = (token: string): string =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sid;
  async function signIn({ username, password }: Pick<Person, 'username' | 'password'>): Promise<Session> {
    const { body } = await app.post('/auth/login', { username, password });
    return { id: idOf(body.access_token), token: body.access_token, refresh: body.refresh_token };
  }
  async function pick({ email, password }: Person, organisation: string): Promise<Session> {
    const { body: offered } = await app.post('/auth/sign-in-verify', { identity: email, password });
    const { loginToken } = offered.result[0].find(
      (each: { organisation: { uuid: string } | null }) => each.organisation?.uuid === organisation,
    );
    const { body } = await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken });
    return { id: idOf(body.token), token: body.token, refresh: body.refreshToken };
  }
  const told = (session: Session) => follower.until(() => follower.sessions().includes(session.id));
  const reasonOf = (session: Session): string =>
    follower.events.find(({ data }) => data.sub_id?.session.id === session.id)?.data.events[REVOKED]
      .reason_admin.en;
  const now = () => app.core.clock.now();
  const commit = (...args: Parameters<TestApp['core']['store']['commit']>) => app.core.store.commit(...args);
  const line = ({ id, username, email }: Person, more: object) =>
    app.load({ kind: 'account', id, username, email, emailValidated: true, ...more });

  test.each([
    ['no credential', {}],
    ['another', bearer('x'.repeat(43))],
    ['a token of a session', null],
  ])('are for resource servers: refused with %s', async (_what, headers) => {
    const { token } = await signIn(await app.person());
    const answer = await app.request('GET', '/v1/revocations', { headers: headers ?? bearer(token) });
    expect(answer).toMatchObject({ status: 401, body: { error: { code: 'unauthorised' } } });
  });

  test('are told as security events, with who and why', async () => {
    const person = await app.person();
    const session = await signIn(person);
    await app.request('POST', '/auth/logout', { headers: bearer(session.token) });
    await told(session);
    const { id, data } = follower.events.find((each) => each.data.sub_id?.session.id === session.id) ?? {};
    expect(data).toEqual({
      iss: app.url,
      aud: ['reports'],
      iat: expect.any(Number),
      jti: String(id),
      sub_id: {
        format: 'complex',
        session: { format: 'opaque', id: session.id },
        user: { format: 'iss_sub', iss: app.url, sub: person.id },
      },
      events: {
        [REVOKED]: {
          event_timestamp: data.iat,
          initiating_entity: 'user',
          reason_admin: { en: 'signed-out' },
        },
      },
    });
  });

  test('tell of every way in which a session ends', async () => {
    const ended: [Session, string][] = [];
    const expectEnd = (session: Session, reason: string) => ended.push([session, reason]);

    const owner = await app.person();
    const [kept, one, other] = [await signIn(owner), await signIn(owner), await signIn(owner)];
    await app.request('DELETE', `/v1/sessions/${one.id}`, { headers: bearer(kept.token) });
    expectEnd(one, 'ended-by-owner');
    await app.request('DELETE', '/v1/sessions', { headers: bearer(kept.token) });
    expectEnd(other, 'ended-by-owner');

    const reused = await signIn(await app.person());
    const refresh = (token: string) => app.post('/auth/refresh-token', { refresh_token: token });
    const next = await refresh(reused.refresh);
    await refresh(next.body.refresh_token);
    await refresh(reused.refresh);
    expectEnd(reused, 'refresh-token-reused');

    const disabled = await app.person();
    const before = await signIn(disabled);
    await commit(setAccountStatus(disabled.id, 'inactive', now()));
    expectEnd(before, 'account-disabled');
    const out = await app.person();
    const signedOut = await signIn(out);
    await commit(signAccountOut(out.id, now()));
    expectEnd(signedOut, 'signed-out-by-operator');

    const imported = await app.person();
    const gone = await signIn(imported);
    await line(imported, { status: 'deleted' });
    expectEnd(gone, 'account-disabled');
    const changed = await app.person();
    const old = await signIn(changed);
    await line(changed, { password: 'another password' });
    expectEnd(old, 'password-changed');

    const organisation = await app.organisation();
    const member = await app.person();
    await app.load({ kind: 'membership', account: member.id, organisation, role: 'Student' });
    const studying = await pick(member, organisation);
    const key = { accountId: member.id, organisationId: organisation, role: 'Student' };
    await commit([...endMembershipSessions(key, 'membership-removed', now()), removeMembership(key)]);
    expectEnd(studying, 'membership-removed');

    for (const [session, reason] of ended) {
      await told(session);
      expect(reasonOf(session)).toBe(reason);
    }
    expect(follower.sessions()).not.toContain(kept.id);
  });

  test('tell of a suspended organisation those whom it concerns, and not those who go on elsewhere', async () => {
    const [one, another] = [await app.organisation(), await app.organisation()];
    const join = (account: string, organisation: string) =>
      app.load({ kind: 'membership', account, organisation, role: 'Student' });
    const atHome = await signIn(await app.person({ organisation: one }));
    const only = await app.person();
    await join(only.id, one);
    const onlyThere = await signIn(only);
    const installation = { installationId: 'of who is only there'.padEnd(40, '.'), password: 'p'.repeat(40) };
    await app.load({ kind: 'installation', ...installation, account: only.id });
    const { body: device } = await app.post('/api/v1/auth/sign-in', {
      type: 'mobile-device',
      data: installation,
    });
    const { token } = device.authorization;
    const itsDevice = { id: idOf(token), token, refresh: '' };
    const both = await app.person();
    await join(both.id, one);
    await join(both.id, another);
    const anywhere = await signIn(both);
    const [here, there] = [await pick(both, one), await pick(both, another)];
    await commit(setOrganisationSuspended(one, true, now()));
    for (const session of [atHome, onlyThere, itsDevice, here]) {
      await told(session);
      expect(reasonOf(session)).toBe('organisation-suspended');
    }
    for (const session of [anywhere, there]) {
      expect(follower.sessions()).not.toContain(session.id);
      const { body } = await app.request('GET', '/v1/session', { headers: bearer(session.token) });
      expect(body.active).toBe(true);
    }
    const again = await app.organisation();
    const later = await signIn(await app.person({ organisation: again }));
    await app.load({ kind: 'organisation', id: again, name: 'Again', isSuspended: true });
    await told(later);
  });

  test('tell of an installation that has another password', async () => {
    const installationId = 'i'.repeat(40);
    const [first, second] = ['p'.repeat(40), 'q'.repeat(40)];
    await app.load({ kind: 'installation', installationId, password: first });
    const data = { installationId, password: first };
    const { body } = await app.post('/api/v1/auth/sign-in', { type: 'mobile-device', data });
    const { token } = body.authorization;
    await app.load({ kind: 'installation', installationId, password: second });
    await told({ id: idOf(token), token, refresh: '' });
  });

  test('come in order, each once, however many sessions end together', async () => {
    const person = await app.person();
    const sessions: Session[] = [];
    for (let count = 0; count < 60; count += 1) sessions.push(await signIn(person));
    await Promise.all(
      sessions.map(({ token }) => app.request('POST', '/auth/logout', { headers: bearer(token) })),
    );
    await follower.until(() => sessions.every(({ id }) => follower.sessions().includes(id)));
    const all = follower.sessions();
    expect(new Set(all).size).toBe(all.length);
    const ids = follower.events.flatMap(({ id }) => id ?? []);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  });

  test('are told again to whoever comes new, and from where it was to whoever comes back', async () => {
    const again = await follow(app.url, credential);
    await again.until((events) => events.some(({ event }) => event === 'caught-up'));
    expect(again.sessions()).toEqual(follower.sessions());
    const ids = again.events.flatMap(({ id }) => id ?? []);
    const middle = ids[Math.floor(ids.length / 2)] ?? 0;
    const back = await follow(app.url, credential, middle);
    await back.until((events) => events.some(({ event }) => event === 'caught-up'));
    expect(back.events.flatMap(({ id }) => id ?? [])).toEqual(ids.filter((id) => id > middle));
    again.stop();
    back.stop();
  });

  test('are told from the first to a follower whose number was never drawn', async () => {
    const lost = await follow(app.url, credential, 1_000_000_000);
    await lost.until((events) => events.some(({ event }) => event === 'caught-up'));
    expect(lost.sessions()).toEqual(follower.sessions());
    lost.stop();
  });

  test('are counted from a cut-off on: who has a number from before is told all, and none is given twice', async () => {
    await told(await signOutSomebody());
    const last = Math.max(...follower.events.map(({ id }) => id ?? 0));
    await commit([stateCutOff(now())]);
    // As many as the copy would have to write until it came to numbers that others had been given before.
    const lost = await follow(app.url, credential, last - 1);
    await lost.until((events) => events.some(({ event }) => event === 'caught-up'));
    expect(lost.sessions()).toEqual(follower.sessions());
    expect(Math.min(...lost.events.flatMap(({ id }) => id ?? []))).toBeGreaterThan(last);
    const session = await signOutSomebody();
    await lost.until(() => lost.sessions().includes(session.id));
    const next = await follow(app.url, credential, lost.events.findLast(({ id }) => id !== null)?.id ?? 0);
    await next.until((events) => events.some(({ event }) => event === 'caught-up'));
    expect(next.sessions()).toEqual([]);
    await commit([forgetFact(CUT_OFF_FACT)]);
    lost.stop();
    next.stop();
  });

  async function signOutSomebody(): Promise<Session> {
    const session = await signIn(await app.person());
    await app.request('POST', '/auth/logout', { headers: bearer(session.token) });
    return session;
  }

  test('tell of sessions whose refresh token has lapsed before their access token', async () => {
    const mounts = [{ contract: 'login', refreshTokenSeconds: 1 }];
    const other = await startApp(engine, { LATCHKEY_MOUNTS: JSON.stringify(mounts) });
    const { store, clock, random } = other.core;
    const secret = opaqueSecret(random);
    await store.commit([addResourceServer({ name: 'a', createdAt: 0 }, secretHash(secret))]);
    const person = await other.person();
    const { body } = await other.post('/auth/login', person);
    clock.advance(60);
    await store.commit(setAccountStatus(person.id, 'inactive', clock.now()));
    const stream = await follow(other.url, secret);
    await stream.until(() => stream.sessions().includes(idOf(body.access_token)));
    stream.stop();
    await other.stop();
  });

  test('go on with a heartbeat, and tell of keys that ended at once', async () => {
    await follower.until((events) => events.filter(({ event }) => event === 'heartbeat').length > 1);
    const { token } = await signIn(await app.person());
    await app.app.keyRing.rotate('ES256', ({ id }) => stateFact('rotated', id), { emergency: true });
    await follower.until((events) => events.some(({ event }) => event === 'keys-changed'));
    const session = await app.request('GET', '/v1/session', { headers: bearer(token) });
    expect(session.body).toEqual({ active: false });
  });

  test('end with the credential for whoever comes anew, and with the server for all', async () => {
    const other = await startApp(engine);
    const secret = opaqueSecret(other.core.random);
    await other.core.store.commit([addResourceServer({ name: 'a', createdAt: 0 }, secretHash(secret))]);
    const stream = await follow(other.url, secret);
    await other.core.store.commit([removeResourceServer('a')]);
    await expect(follow(other.url, secret)).rejects.toThrow('answered 401');
    await stream.ended;
    await other.core.store.commit([addResourceServer({ name: 'a', createdAt: 0 }, secretHash(secret))]);
    const another = await follow(other.url, secret);
    const begun = performance.now();
    await other.stop();
    await another.ended;
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});
