import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { signInAsOwner } from '../../testing/owner.ts';
import { totpCode } from '../../testing/totp.ts';
import { buildApp } from '../app.ts';
import { removeMembership } from '../store/memberships.ts';
import { endMembershipSessions } from '../store/sessions.ts';

describe.each(ENGINES)('a session of a picked role, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load({ kind: 'role', name: 'Student' });
  });
  afterAll(() => app.stop());

  test('ends with its membership, and another one for the same role does not bring it back', async () => {
    const organisation = await app.organisation();
    const { id: account, email, password } = await app.person({ organisation });
    const membership = { kind: 'membership', account, organisation, role: 'Student' };
    await app.load(membership);
    const signIn = async (): Promise<string> => {
      const offered = await app.post('/auth/sign-in-verify', { identity: email, password });
      const { loginToken } = offered.body.result[0][0];
      return (await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken })).body.token;
    };
    const inspect = async (token: string) =>
      (await app.request('GET', '/v1/session', { headers: { authorization: `Bearer ${token}` } })).body;

    const token = await signIn();
    expect(await inspect(token)).toMatchObject({ active: true, organisation, role: 'Student' });
    const key = { accountId: account, organisationId: organisation, role: 'Student' };
    const { store, clock } = app.core;
    await store.commit([
      ...endMembershipSessions(key, 'membership-removed', clock.now()),
      removeMembership(key),
    ]);
    expect(await inspect(token)).toEqual({ active: false });
    await app.load(membership);
    expect(await inspect(token)).toEqual({ active: false });
    expect(await inspect(await signIn())).toMatchObject({ active: true });
  });
});

describe.each(ENGINES)('a session that is given a factor while it is looked at, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
  });
  afterAll(() => app.stop());

  test('is seen as it is, and goes on', async () => {
    const { core } = app;
    const arrived = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    // Another server on the same store, which stops between its reads of the session and of the account.
    const accounts: typeof core.store.accounts = {
      ...core.store.accounts,
      async byId(id) {
        arrived.resolve();
        await gate.promise;
        return core.store.accounts.byId(id);
      },
    };
    const ports = { ...core, store: { ...core.store, accounts }, publicUrl: () => app.url };
    const other = await buildApp(core.config, ports);
    try {
      const owner = await signInAsOwner(app, await app.person());
      const { challenge_token, secret } = (await owner.call('POST', '/v1/factors/totp', {})).body;
      const headers = { authorization: `Bearer ${owner.accessToken}` };
      const address = await other.server.listen({ host: '127.0.0.1', port: 0 });
      const asked = fetch(`${address}/v1/factors`, { headers });
      await arrived.promise;
      const code = totpCode(core.clock.now(), secret);
      const confirmed = await owner.call('POST', '/v1/factors/totp/confirm', { challenge_token, code });
      expect(confirmed.status).toBe(200);
      gate.resolve();
      const answer = await asked;
      expect(answer.status).toBe(200);
      expect(await answer.json()).toMatchObject({ totp: { on: true } });
      expect(await owner.isIn()).toBe(true);
    } finally {
      gate.resolve();
      await other.close();
    }
  });
});
