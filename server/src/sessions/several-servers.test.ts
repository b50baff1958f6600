import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { type App, buildApp } from '../app.ts';
import { setAccountStatus, signAccountOut } from '../store/accounts.ts';
import { removeMembership } from '../store/memberships.ts';
import { setOrganisationSuspended } from '../store/organisations.ts';
import { endMembershipSessions } from '../store/sessions.ts';

interface Session {
  readonly person: Person;
  readonly organisation: string;
  readonly token: string;
  readonly opaque: string;
  readonly refreshToken: string;
}

// Two servers on one store. Whatever ends a session at one of them is looked for at the other at once, which has seen the
// token and remembers that its signature is right.
describe.each(ENGINES)('SE-2: a session that ends at one server, on %s', (engine) => {
  let app: TestApp;
  let other: App;
  let otherUrl: string;
  beforeAll(async () => {
    app = await startApp(engine);
    other = await buildApp(app.core.config, { ...app.core, publicUrl: () => app.url });
    await other.server.listen({ host: '127.0.0.1', port: 0 });
    otherUrl = `http://127.0.0.1:${(other.server.server.address() as AddressInfo).port}`;
    await app.load({ kind: 'role', name: 'Student' });
  });
  afterAll(async () => {
    await other.close();
    await app.stop();
  });

  async function signIn(): Promise<Session> {
    const organisation = await app.organisation();
    const person = await app.person();
    await app.load({ kind: 'membership', account: person.id, organisation, role: 'Student' });
    const offered = await app.post('/auth/sign-in-verify', {
      identity: person.email,
      password: person.password,
    });
    const { loginToken } = offered.body.result[0][0];
    const { body } = await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken });
    const { token, refreshToken, loginToken: opaque } = body;
    return { person, organisation, token, opaque, refreshToken };
  }
  const ask = async (path: string, token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${otherUrl}${path}`, { headers });
    await answer.body?.cancel();
    return answer.status;
  };
  const refresh = async (refreshToken: string): Promise<number> => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ refreshToken });
    return (await fetch(`${otherUrl}/auth/refresh`, { method: 'POST', headers, body })).status;
  };
  const bearer = ({ token }: Session) => ({ headers: { authorization: `Bearer ${token}` } });
  const now = () => app.core.clock.now();
  const line = ({ id, username, email }: Person, more: object) =>
    app.load({ kind: 'account', id, username, email, emailValidated: true, ...more });

  const ENDS: Readonly<Record<string, (session: Session) => Promise<unknown>>> = {
    'by its sign-out': (session) => app.request('POST', '/auth/sign-out', bearer(session)),
    'by its owner elsewhere': async ({ person }) => {
      const { username, password } = person;
      const { body } = await app.post('/auth/login', { username, password });
      const headers = { authorization: `Bearer ${body.access_token}` };
      return app.request('DELETE', '/v1/sessions', { headers });
    },
    'with a disabled account': ({ person }) =>
      app.core.store.commit(setAccountStatus(person.id, 'inactive', now())),
    'with a deleted account': ({ person }) => line(person, { status: 'deleted' }),
    'with a sign-out by the operator': ({ person }) =>
      app.core.store.commit(signAccountOut(person.id, now())),
    'with another password': ({ person }) => line(person, { password: 'another password' }),
    'with another second factor': ({ person }) => line(person, { secondFactor: { email: true } }),
    'with its membership': ({ person, organisation }) => {
      const key = { accountId: person.id, organisationId: organisation, role: 'Student' };
      return app.core.store.commit([
        ...endMembershipSessions(key, 'membership-removed', now()),
        removeMembership(key),
      ]);
    },
    'with a suspended organisation': ({ organisation }) =>
      app.core.store.commit(setOrganisationSuspended(organisation, true, now())),
    'by a refresh token that is used again': async ({ refreshToken }) => {
      const next = (await app.post('/auth/refresh', { refreshToken })).body.refreshToken;
      await app.post('/auth/refresh', { refreshToken: next });
      return app.post('/auth/refresh', { refreshToken });
    },
  };

  test.each(Object.keys(ENDS))(
    '%s, has ended at the other: for introspection, proxies and refresh',
    async (how) => {
      const session = await signIn();
      const kept = await signIn();
      for (const token of [session.token, session.opaque, kept.token])
        expect(await ask('/v1/session', token)).toBe(200);
      await ENDS[how]?.(session);
      for (const token of [session.token, session.opaque]) {
        expect(await ask('/v1/session', token)).toBe(401);
        expect(await ask('/v1/forward-auth', token)).toBe(401);
      }
      expect(await ask('/v1/sessions', session.token)).toBe(401);
      expect(await refresh(session.refreshToken)).toBe(401);
      expect(await ask('/v1/session', kept.token)).toBe(200);
      expect(await refresh(kept.refreshToken)).toBe(200);
    },
  );

  test('is nobody’s by an id that somebody makes up', async () => {
    const { token } = await signIn();
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${otherUrl}/v1/sessions/${uuid(1)}`, { method: 'DELETE', headers });
    expect(answer.status).toBe(404);
  });
});
