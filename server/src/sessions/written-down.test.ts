import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsDuring } from '../../testing/audit.ts';
import { uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';
import { removeMembership } from '../store/memberships.ts';
import { createRefreshTokens } from '../tokens/refresh-token.ts';

describe.each(ENGINES)('what is written down of a session, on %s', (engine) => {
  let app: TestApp;
  let organisation: string;
  beforeAll(async () => {
    const mounts = [{ contract: 'login' }, { contract: 'login', prefix: '/other' }];
    app = await startApp(engine, {
      LATCHKEY_MOUNTS: JSON.stringify([...mounts, { contract: 'role-picker', prefix: '/picker' }]),
    });
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'Teacher' });
    organisation = await app.organisation();
  });
  afterAll(() => app.stop());

  const eventsOf = (work: () => Promise<unknown>) => eventsDuring(app.core, work);
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const idOf = (token: string) => String(readJwt(token).payload.sid);
  const signIn = async ({ username, password }: Person) =>
    (await app.post('/auth/login', { username, password })).body;
  const refresh = (refresh_token: string, prefix = '') =>
    app.post(`${prefix}/auth/refresh-token`, { refresh_token });
  const join = (account: string, role: string) =>
    app.load({ kind: 'membership', account, organisation, role });

  test('who ended it, and how', async () => {
    const person = await app.person();
    const [first, second, third] = [await signIn(person), await signIn(person), await signIn(person)];
    const call = (method: string, path: string) => () =>
      app.request(method, path, { headers: bearer(first.access_token) });
    const own = { actor: 'client', accountId: person.id };
    const [ended] = await eventsOf(call('DELETE', `/v1/sessions/${idOf(second.access_token)}`));
    expect(ended).toMatchObject({ ...own, event: 'session.ended', sessionId: idOf(second.access_token) });
    const [others] = await eventsOf(call('DELETE', '/v1/sessions'));
    const kept = { ...own, sessionId: idOf(first.access_token) };
    expect(others).toMatchObject({ ...kept, event: 'session.others-ended' });
    expect(await eventsOf(call('POST', '/auth/logout'))).toMatchObject([
      { ...kept, event: 'session.signed-out' },
    ]);
    expect(await eventsOf(() => refresh(third.refresh_token))).toHaveLength(1);
  });

  test('that it went on in another role', async () => {
    const person = await app.person();
    await join(person.id, 'Student');
    const { access_token } = await signIn(person);
    const events = await eventsOf(() =>
      app.post('/v1/session/switch', { organisation, role: 'Student' }, bearer(access_token)),
    );
    expect(events).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          event: 'session.switched',
          accountId: person.id,
          organisationId: organisation,
          sessionId: idOf(access_token),
          detail: { role: 'Student' },
        }),
      ]),
    );
  });

  test('that a refresh token came back: which one, and which was current', async () => {
    const person = await app.person();
    const { refresh_token } = await signIn(person);
    const second = (await refresh(refresh_token)).body.refresh_token;
    await refresh(second);
    expect(await eventsOf(() => refresh(refresh_token))).toMatchObject([
      {
        event: 'session.reused',
        accountId: person.id,
        sessionId: idOf(refresh_token),
        detail: { presented: 0, current: 2 },
      },
    ]);
    const told = await app.core.store.revocations.after(0, 0, 10_000);
    const revoked = told.find(({ sessionId }) => sessionId === idOf(refresh_token));
    expect(revoked?.reason).toBe('refresh-token-reused');
  });

  describe('why it was not gone on with:', () => {
    const refused = (reason: string, sessionId: string) => ({
      event: 'session.refresh-refused',
      reason,
      sessionId,
    });

    test('it never was', async () => {
      const now = app.core.clock.now();
      const sessionId = uuid(nextNumber());
      const content = { sessionId, counter: 0, rotatedAt: now, expiresAt: now + 60_000 };
      const token = createRefreshTokens(app.core.vault, app.core.clock).issue(content);
      expect(await eventsOf(() => refresh(token))).toMatchObject([
        { ...refused('unknown-session', sessionId), accountId: null, organisationId: null },
      ]);
    });

    test('it is another mount’s', async () => {
      const { refresh_token } = await signIn(await app.person());
      const events = await eventsOf(() => refresh(refresh_token, '/other'));
      expect(events).toMatchObject([refused('other-mount', idOf(refresh_token))]);
      expect(events).toMatchObject([{ mount: 'login@/other' }]);
      expect((await refresh(refresh_token)).status).toBe(200);
    });

    test('its account’s address is not validated any longer', async () => {
      const person = await app.person();
      const { refresh_token } = await signIn(person);
      const { id, username, email } = person;
      await app.load({ kind: 'account', id, username, email });
      expect(await eventsOf(() => refresh(refresh_token))).toMatchObject([
        { ...refused('account-not-validated', idOf(refresh_token)), accountId: id },
      ]);
    });

    test('it has ended', async () => {
      const { access_token, refresh_token } = await signIn(await app.person());
      await app.request('POST', '/auth/logout', { headers: bearer(access_token) });
      const events = await eventsOf(() => refresh(refresh_token));
      expect(events).toMatchObject([refused('session-ended', idOf(refresh_token))]);
    });

    test('once a minute and server, however often it is shown', async () => {
      const { access_token, refresh_token } = await signIn(await app.person());
      await app.request('POST', '/auth/logout', { headers: bearer(access_token) });
      const expected = refused('session-ended', idOf(refresh_token));
      const shown = async () => {
        const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(refresh_token)));
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
      };
      expect(await eventsOf(shown)).toMatchObject([expected]);
      app.core.clock.advance(30);
      expect(await eventsOf(shown)).toEqual([]);
      app.core.clock.advance(30);
      expect(await eventsOf(shown)).toMatchObject([expected]);
    });

    test('it has had its longest life', async () => {
      const { access_token, refresh_token } = await signIn(await app.person());
      const { core } = app;
      const set = { sql: 'UPDATE sessions SET expires_at = $2 WHERE id = $1' };
      await core.store.commit([{ ...set, params: [idOf(access_token), core.clock.now()] }]);
      const events = await eventsOf(() => refresh(refresh_token));
      expect(events).toMatchObject([refused('session-expired', idOf(refresh_token))]);
    });

    test('policy has come to ask for a second factor: then it ends', async () => {
      const person = await app.person();
      const strict = await app.organisation({ settings: { mfaForStudents: true } });
      const { refresh_token } = await signIn(person);
      await app.load({ kind: 'membership', account: person.id, organisation: strict, role: 'Student' });
      const sessionId = idOf(refresh_token);
      const events = await eventsOf(() => refresh(refresh_token));
      expect(events).toMatchObject([
        { event: 'session.unproven', accountId: person.id, sessionId },
        refused('second-factor-missing', sessionId),
      ]);
      expect(await eventsOf(() => refresh(refresh_token))).toMatchObject([
        refused('session-ended', sessionId),
      ]);
    });

    test('its account no longer has the role that was picked', async () => {
      const person = await app.person();
      await join(person.id, 'Student');
      await join(person.id, 'Teacher');
      const { email, password } = person;
      const offered = await app.post('/picker/auth/sign-in-verify', { identity: email, password });
      const [{ loginToken, role }] = offered.body.result[0];
      const { body } = await app.post('/picker/auth/sign-in', { is2FAEnabled: false, loginToken });
      const again = (refreshToken: string) => app.post('/picker/auth/refresh', { refreshToken });
      expect(role).toBe('Student');
      const { body: next } = await again(body.refreshToken);
      await app.core.store.commit([
        removeMembership({ accountId: person.id, organisationId: organisation, role }),
      ]);
      const events = await eventsOf(() => again(next.refreshToken));
      expect(events).toMatchObject([
        {
          ...refused('membership-removed', idOf(next.refreshToken)),
          accountId: person.id,
          organisationId: organisation,
        },
      ]);
    });
  });
});
