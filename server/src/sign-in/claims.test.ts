import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber } from '../../testing/app.ts';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { accountOn } from '../../testing/single-step.ts';
import { viewAccount } from '../accounts/view.ts';
import type { Principal } from './attempt.ts';
import { CLAIM_NAMES, knownClaims } from './claims.ts';

const ORGANISATION = uuid(1_000_001);
const OTHER = uuid(1_000_002);

describe('what a token may say', () => {
  let core: TestCore;
  beforeAll(async () => {
    core = await openTestCore('sqlite');
    await loadDirectory(core, [
      { kind: 'role', name: 'Own', permissions: ['a', 'b'] },
      { kind: 'role', name: 'Clerk', permissions: ['c'] },
      { kind: 'organisation', id: ORGANISATION, name: 'Acme' },
      { kind: 'organisation', id: OTHER, name: 'Zenith' },
    ]);
  });
  afterAll(() => core.close());

  const person = (fields: object = {}) =>
    accountOn(core, { user: { name: 'Ada Lovelace', firstName: 'Ada', lastName: 'Lovelace' }, ...fields });
  const asAccount = (
    account: Awaited<ReturnType<typeof person>>,
    picked: Extract<Principal, { kind: 'account' }>['picked'] = null,
  ) => knownClaims({ kind: 'account', view: viewAccount(account, null), picked });

  test('of a person: who that is, in every role', async () => {
    const account = await person({
      role: 'Own',
      username: `ada${nextNumber()}`,
      phone: `+4930${10_000_000 + nextNumber()}`,
      phoneValidated: true,
    });
    const { id, user, number, username, email, phone } = account;
    const claims = asAccount(account);
    expect(claims).toEqual({
      accountId: id,
      userId: user.id,
      number,
      username,
      email,
      emailValidated: true,
      phone,
      phoneValidated: true,
      name: 'Ada Lovelace',
      firstName: 'Ada',
      lastName: 'Lovelace',
      role: 'Own',
      roles: ['Own'],
      accessRoles: ['Own'],
      permissions: ['a', 'b'],
    });
    for (const name of Object.keys(claims)) expect(CLAIM_NAMES).toContain(name);
  });

  test('of a person: nothing that there is not, and what is false all the same', async () => {
    const account = await accountOn(core, { emailValidated: false });
    expect(asAccount(account)).toEqual({
      accountId: account.id,
      userId: account.user.id,
      number: account.number,
      email: account.email,
      emailValidated: false,
      phoneValidated: false,
      name: account.user.name,
      roles: [],
      accessRoles: [],
      permissions: [],
    });
  });

  test('of a member: the role that was picked and where, else the first', async () => {
    const member = await person();
    for (const organisation of [ORGANISATION, OTHER])
      await loadDirectory(core, [{ kind: 'membership', account: member.id, organisation, role: 'Clerk' }]);
    const account = await core.store.accounts.byId(member.id);
    if (account === null) throw new Error('the account is gone');
    expect(asAccount(account)).toMatchObject({ role: 'Clerk', organisation: ORGANISATION });
    const [, other] = account.memberships;
    if (other === undefined) throw new Error('the membership is gone');
    expect(asAccount(account, other)).toMatchObject({ role: 'Clerk', organisation: OTHER });
    expect(asAccount(account, { role: null, organisation: other.organisation })).not.toHaveProperty('role');
  });

  test('of an installation: its id, and whose it is, in no role', async () => {
    expect(knownClaims({ kind: 'installation', id: 'device', view: null })).toEqual({ deviceId: 'device' });
    const account = await person({ role: 'Own' });
    const claims = knownClaims({ kind: 'installation', id: 'device', view: viewAccount(account, null) });
    expect(claims).toMatchObject({ deviceId: 'device', accountId: account.id, name: 'Ada Lovelace' });
    for (const name of ['role', 'roles', 'accessRoles', 'permissions', 'organisation'])
      expect(claims).not.toHaveProperty(name);
  });

  test('of a resource: which', () => {
    expect(knownClaims({ kind: 'resource', resource: 'door' })).toEqual({ resource: 'door' });
  });
});
