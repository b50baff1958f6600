import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { type Follower, follow } from '../../testing/follower.ts';
import { readJwt } from '../../testing/jwt.ts';
import { opaqueSecret } from '../crypto/secret-text.ts';
import { secretHash } from '../crypto/vault.ts';
import { removeMembership } from '../store/memberships.ts';
import { addResourceServer } from '../store/resource-servers.ts';
import { endMembershipSessions } from '../store/sessions.ts';

const REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';

// Resource servers go by what tokens say. When that is no longer so, the tokens are revoked, and the session goes on.
describe.each(ENGINES)('tokens that say what is no longer so, on %s', (engine) => {
  let app: TestApp;
  let follower: Follower;
  let organisation: string;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'Teacher' });
    organisation = await app.organisation();
    const { store, random } = app.core;
    const credential = opaqueSecret(random);
    await store.commit([addResourceServer({ name: 'reports', createdAt: 0 }, secretHash(credential))]);
    follower = await follow(app.url, credential);
  });
  afterAll(() => app.stop());

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const isActive = async (token: string) =>
    (await app.request('GET', '/v1/session', { headers: bearer(token) })).body.active;
  const idOf = (token: string) => String(readJwt(token).payload.sid);
  const eventOf = (token: string) =>
    follower.events.find(({ data }) => data.sub_id?.session.id === idOf(token))?.data.events[REVOKED];
  const signIn = async ({ username, password }: Person) =>
    (await app.post('/auth/login', { username, password })).body;
  const line = ({ id, username, email }: Person, more: object) =>
    app.load({ kind: 'account', id, username, email, emailValidated: true, ...more });
  const join = (account: string) => app.load({ kind: 'membership', account, organisation, role: 'Student' });

  /** What changes, of somebody with one role of their own and another in an organisation. */
  const CHANGES: Readonly<Record<string, (person: Person) => Promise<unknown>>> = {
    'a membership is removed': ({ id }) => {
      const key = { accountId: id, organisationId: organisation, role: 'Student' };
      const now = app.core.clock.now();
      return app.core.store.commit([
        ...endMembershipSessions(key, 'membership-removed', now),
        removeMembership(key),
      ]);
    },
    'the role of their own is another': (person) => line(person, { role: 'Student' }),
    'the role of their own is taken': (person) => line(person, {}),
    'they are at home elsewhere': (person) => line(person, { role: 'Teacher', organisation }),
    'their address is not validated': (person) => line(person, { role: 'Teacher', emailValidated: false }),
  };

  test.each(Object.keys(CHANGES))('are revoked when %s', async (name) => {
    const person = await app.person({ role: 'Teacher' });
    await join(person.id);
    const { access_token, refresh_token } = await signIn(person);
    await CHANGES[name]?.(person);
    await follower.until(() => follower.sessions().includes(idOf(access_token)));
    const event = eventOf(access_token);
    expect(event.reason_admin.en).toBe('account-changed');
    expect(event.tokens_issued_until).toBeGreaterThanOrEqual(event.event_timestamp);
    app.core.clock.advance(5);
    if (name === 'their address is not validated') return;
    const next = await app.post('/auth/refresh-token', { refresh_token });
    expect(next.status).toBe(200);
    expect(Number(readJwt(next.body.access_token).payload.iat)).toBeGreaterThan(event.tokens_issued_until);
    expect(await isActive(next.body.access_token)).toBe(true);
  });

  test('are good after what changes nothing for them', async () => {
    const person = await app.person({ role: 'Teacher' });
    const { access_token } = await signIn(person);
    await line(person, { role: 'Teacher', user: { name: 'Another Name' }, stats: { courses: 4 } });
    await join(person.id);
    const other = await signIn(await app.person());
    await app.request('POST', '/auth/logout', { headers: bearer(other.access_token) });
    await follower.until(() => follower.sessions().includes(idOf(other.access_token)));
    expect(follower.sessions()).not.toContain(idOf(access_token));
  });

  test('are told with a time only where the session goes on', async () => {
    const ended = await signIn(await app.person());
    await app.request('POST', '/auth/logout', { headers: bearer(ended.access_token) });
    const home = await app.organisation();
    const suspended = await signIn(await app.person({ organisation: home }));
    await app.load({ kind: 'organisation', id: home, name: 'x', isSuspended: true });
    for (const { access_token } of [ended, suspended])
      await follower.until(() => follower.sessions().includes(idOf(access_token)));
    expect(eventOf(ended.access_token)).not.toHaveProperty('tokens_issued_until');
    expect(eventOf(suspended.access_token)).toHaveProperty('tokens_issued_until');
  });

  test('of an installation end for good with the password of its account', async () => {
    const person = await app.person();
    const data = { installationId: 'i'.repeat(40), password: 'p'.repeat(40) };
    await app.load({ kind: 'installation', ...data, account: person.id });
    const { body } = await app.post('/api/v1/auth/sign-in', { type: 'mobile-device', data });
    const { token } = body.authorization;
    expect(await isActive(token)).toBe(true);
    await line(person, { password: 'another password' });
    await follower.until(() => follower.sessions().includes(idOf(token)));
    expect(await isActive(token)).toBe(false);
  });
});
