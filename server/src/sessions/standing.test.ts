import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
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
