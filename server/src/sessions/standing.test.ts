import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { signInAsOwner } from '../../testing/owner.ts';
import { frozenClock } from '../../testing/ports.ts';
import { sessionAt } from '../../testing/session.ts';
import { totpCode } from '../../testing/totp.ts';
import { buildApp, servedMounts } from '../app.ts';
import type { Mount } from '../mount.ts';
import { removeMembership } from '../store/memberships.ts';
import { endMembershipSessions, insertSession, type Session } from '../store/sessions.ts';
import { standsOn, unprovenStandingOf } from './standing.ts';

const ORIGIN = { opaqueHash: null, fingerprintHash: null, address: '192.0.2.1', userAgent: null };
const MOUNTS = { LATCHKEY_MOUNTS: '[{"contract":"login"},{"contract":"credential-type"}]' };

// What is between a session and who it is for: looked at each time, in this order.
describe.each(ENGINES)('what stands behind a session, on %s', (engine) => {
  let core: TestCore;
  let login: Mount;
  let other: Mount;
  beforeAll(async () => {
    core = await openTestCore(engine, MOUNTS, frozenClock());
    [login, other] = servedMounts(core.config) as [Mount, Mount];
    await loadDirectory(core, [
      { kind: 'role', name: 'Student' },
      { kind: 'role', name: 'Teacher' },
    ]);
  });
  afterAll(() => core.close());

  const now = () => core.clock.now();
  async function account(fields: object = {}): Promise<string> {
    const id = uuid(nextNumber());
    await loadDirectory(core, [{ kind: 'account', id, emailValidated: true, ...fields }]);
    return id;
  }
  async function organisation(): Promise<string> {
    const id = uuid(nextNumber());
    await loadDirectory(core, [{ kind: 'organisation', id, name: `Organisation ${id}` }]);
    return id;
  }
  /** What is found of a session that was begun just now. */
  async function begun(fields: Partial<Session>) {
    const account = fields.accountId ? await core.store.accounts.byId(fields.accountId) : null;
    const session = sessionAt(now(), { epoch: account?.epoch ?? 0, ...fields });
    await core.store.commit([insertSession(session, ORIGIN)]);
    return core.store.principals.bySession(session.id);
  }
  const begunBy = (id: string, membership: Session['membership'] = null) =>
    begun({ principal: { kind: 'account', id }, accountId: id, membership });
  const installation = async (account?: string): Promise<string> => {
    const installationId = `installation ${nextNumber()}`.padEnd(40, '.');
    await loadDirectory(core, [{ kind: 'installation', installationId, account }]);
    return installationId;
  };
  const behind = (found: Awaited<ReturnType<typeof begun>>, mount = login) =>
    unprovenStandingOf(core, found, mount);

  test('is its mount’s, has not ended, and is in time to the millisecond', () => {
    const found = (fields: Partial<Session>, obstacle: 'account-not-active' | null = null) => ({
      session: sessionAt(now(), fields),
      obstacle,
      holder: null,
    });
    const fallen = (reason: string) => ({ fallen: reason });
    const good = found({ expiresAt: now() + 1 });
    const ended = found({ endedAt: now(), expiresAt: now() }, 'account-not-active');
    expect(standsOn(good, login, now())).toBe(good);
    expect(standsOn(null, login, now())).toEqual(fallen('unknown-session'));
    expect(standsOn(good, other, now())).toEqual(fallen('other-mount'));
    expect(standsOn(ended, other, now())).toEqual(fallen('other-mount'));
    expect(standsOn(ended, login, now())).toEqual(fallen('session-ended'));
    const expired = found({ expiresAt: now() }, 'account-not-active');
    expect(standsOn(expired, login, now())).toEqual(fallen('session-expired'));
    expect(standsOn(found({}, 'account-not-active'), login, now())).toEqual(fallen('account-not-active'));
  });

  test('an account in all its roles, or in the one that was picked', async () => {
    const [one, another] = [await organisation(), await organisation()];
    const id = await account({ role: 'Teacher' });
    for (const [place, role] of [
      [one, 'Student'],
      [another, 'Student'],
      [another, 'Teacher'],
    ])
      await loadDirectory(core, [{ kind: 'membership', account: id, organisation: place, role }]);
    const principalOf = async (who: string, picked: Session['membership']) => {
      const standing = await behind(await begunBy(who, picked));
      return 'fallen' in standing ? standing : standing.principal;
    };
    const everything = { kind: 'account', view: { account: { id } }, picked: null };
    expect(await principalOf(id, null)).toMatchObject(everything);
    const own = { organisationId: null, role: 'Teacher' };
    const teacher = { role: { name: 'Teacher' }, organisation: null };
    expect(await principalOf(id, own)).toMatchObject({ picked: teacher });
    for (const [organisationId, role] of [
      [one, 'Student'],
      [another, 'Student'],
      [another, 'Teacher'],
    ] as const) {
      const picked = { role: { name: role }, organisation: { id: organisationId } };
      expect(await principalOf(id, { organisationId, role })).toMatchObject({ picked });
    }
    const removed = { fallen: 'role-removed' };
    expect(await principalOf(id, { organisationId: null, role: 'Student' })).toEqual(removed);
    const nobody = await account();
    const nothing = { picked: { role: null, organisation: null } };
    expect(await principalOf(nobody, { organisationId: null, role: '' })).toMatchObject(nothing);
    expect(await principalOf(nobody, own)).toEqual(removed);
  });

  test('nobody whose state forbids it', async () => {
    const id = await account({ emailValidated: false });
    const validating = { ...login, requireValidatedEmail: true };
    expect(await behind(await begunBy(id), validating)).toEqual({ fallen: 'account-not-validated' });
    expect(await behind(await begunBy(id), { ...login, requireValidatedEmail: false })).toMatchObject({
      principal: { kind: 'account' },
    });
  });

  test('an installation, and whom it acts for', async () => {
    const id = await account();
    const [bound, free] = [await installation(id), await installation()];
    const standing = async (principal: string, accountId: string | null) => {
      const epoch = (await core.store.installations.byId(principal))?.epoch ?? 0;
      return behind(await begun({ principal: { kind: 'installation', id: principal }, accountId, epoch }));
    };
    expect(await standing(bound, id)).toMatchObject({
      principal: { kind: 'installation', id: bound, view: { account: { id } } },
    });
    expect(await standing(free, null)).toMatchObject({
      principal: { kind: 'installation', id: free, view: null },
    });
  });

  test('nothing that goes on with a resource code', async () => {
    const found = await begun({ principal: { kind: 'resource', id: 'hash' } });
    expect(await behind(found)).toEqual({ fallen: 'resource-session' });
    expect(await behind(found, other)).toEqual({ fallen: 'other-mount' });
  });

  test('an account as it is now, also when it was changed, or is gone, since the session was found', async () => {
    const id = await account();
    const [before, other] = [await begunBy(id), await begunBy(id)];
    await core.store.commit([
      { sql: 'UPDATE accounts SET epoch = epoch + 1 WHERE id = $1', params: [id] },
      { sql: 'UPDATE sessions SET epoch = epoch + 1 WHERE id = $1', params: [before?.session.id ?? ''] },
    ]);
    const epoch = (before?.session.epoch ?? 0) + 1;
    expect(await behind(before)).toMatchObject({ session: { id: before?.session.id, epoch } });
    expect(await behind(other)).toEqual({ fallen: 'credentials-changed' });
    const place = await organisation();
    await loadDirectory(core, [{ kind: 'membership', account: id, organisation: place, role: 'Student' }]);
    const member = await begunBy(id, { organisationId: place, role: 'Student' });
    await core.store.commit([{ sql: 'DELETE FROM memberships WHERE account_id = $1', params: [id] }]);
    expect(await behind(member)).toEqual({ fallen: 'role-removed' });
    const found = await begunBy(id);
    await core.store.commit([{ sql: 'DELETE FROM accounts WHERE id = $1', params: [id] }]);
    expect(await behind(found)).toEqual({ fallen: 'account-gone' });
  });
});

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
