import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import type { HeldRole, Role, RoleHolder } from '../accounts/account.ts';
import { adminRolesOf } from './effective-organisation.ts';

describe.each(ENGINES)('the organisation that an administrator acts in, on %s', (engine) => {
  let app: TestApp;
  let group: string;
  let child: string;
  let grandchild: string;
  let deepest: string;
  let elsewhere: string;
  beforeAll(async () => {
    app = await startApp(engine);
    await app.load(
      { kind: 'role', name: 'Global', admin: 'global' },
      { kind: 'role', name: 'Group', admin: 'group' },
      { kind: 'role', name: 'Student' },
    );
    group = await app.organisation();
    child = await app.organisation({ parent: group });
    grandchild = await app.organisation({ parent: child });
    deepest = await app.organisation({ parent: grandchild });
    elsewhere = await app.organisation();
  });
  afterAll(() => app.stop());

  /** Signs in somebody with these roles and asks who they are, with these headers. */
  async function who(roles: readonly (readonly [string, string | null])[], headers: Record<string, string>) {
    const own = roles.find(([, organisation]) => organisation === null)?.[0];
    const person = await app.person(own === undefined ? {} : { role: own });
    for (const [role, organisation] of roles)
      if (organisation !== null)
        await app.load({ kind: 'membership', account: person.id, organisation, role });
    const { username, password } = person;
    const { body } = await app.post('/auth/login', { username, password }, headers);
    const all = { authorization: `Bearer ${body.access_token}`, ...headers };
    const me = await app.request('GET', '/auth/me', { headers: all });
    const session = await app.request('GET', '/v1/session', { headers: all });
    expect([me.status, session.status]).toEqual([200, 200]);
    return [me.body.effective_organization_id, session.body.effectiveOrganisation] as const;
  }

  test('a global administrator acts in any, by either header', async () => {
    for (const name of ['organization_id', 'x-organization-id', 'X-Organization-Id'])
      expect(await who([['Global', null]], { [name]: elsewhere })).toEqual([elsewhere, elsewhere]);
    const lettered = `abcdef00-0000-4000-8000-${String(nextNumber()).padStart(12, '0')}`;
    await app.load({ kind: 'organisation', id: lettered, name: lettered });
    expect(await who([['Global', group]], { organization_id: lettered.toUpperCase() })).toEqual([
      lettered,
      lettered,
    ]);
  });

  test('a group’s administrator acts in the group, at any depth, and nowhere else', async () => {
    for (const organisation of [group, child, grandchild, deepest])
      expect(await who([['Group', group]], { organization_id: organisation })).toEqual([
        organisation,
        organisation,
      ]);
    expect(await who([['Group', group]], { organization_id: elsewhere })).toEqual([group, undefined]);
    expect(await who([['Group', child]], { organization_id: group })).toEqual([child, undefined]);
    expect(await who([['Group', grandchild]], { organization_id: deepest })).toEqual([deepest, deepest]);
    expect(await who([['Group', deepest]], { organization_id: child })).toEqual([deepest, undefined]);
  });

  test('an administrator of two groups acts in both', async () => {
    const both = [
      ['Group', grandchild],
      ['Group', elsewhere],
    ] as const;
    for (const organisation of [deepest, elsewhere])
      expect((await who(both, { organization_id: organisation }))[0]).toBe(organisation);
    expect((await who(both, { organization_id: group }))[1]).toBeUndefined();
  });

  test('for anybody else, and for what is no organisation, it is ignored', async () => {
    expect(await who([['Student', group]], { organization_id: child })).toEqual([group, undefined]);
    expect(await who([], { organization_id: child })).toEqual([null, undefined]);
    for (const value of [uuid(12345), 'nonsense', '__proto__', ''])
      expect(await who([['Global', group]], { organization_id: value })).toEqual([group, undefined]);
    expect(
      await who([['Global', group]], { organization_id: child, 'x-organization-id': grandchild }),
    ).toEqual([group, undefined]);
  });

  test('an administrator who picked another role acts as that one', async () => {
    const person = await app.person();
    await app.load({ kind: 'membership', account: person.id, organisation: group, role: 'Group' });
    await app.load({ kind: 'membership', account: person.id, organisation: elsewhere, role: 'Student' });
    const { email: identity, password } = person;
    const offered = await app.post('/auth/sign-in-verify', { identity, password });
    for (const { role, loginToken } of offered.body.result[0]) {
      const { body } = await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken });
      const headers = { authorization: `Bearer ${body.token}`, organization_id: child };
      const session = await app.request('GET', '/v1/session', { headers });
      expect(session.body.effectiveOrganisation).toBe(role === 'Group' ? child : undefined);
    }
  });
});

describe('what roles administer', () => {
  const role = (name: string, admin: Role['admin'] = null): Role => ({ name, permissions: [], admin });
  const [global, group, student] = [role('Global', 'global'), role('Group', 'group'), role('Student')];
  const place = (id: string, isSuspended = false) => ({ id, name: id, isSuspended, settings: null });
  const holder = (own: Role | null, home: string | null, ...memberships: HeldRole[]): RoleHolder => ({
    status: 'active',
    emailValidated: true,
    factors: { email: false, totpSealed: null },
    role: own,
    home: home === null ? null : place(home),
    memberships,
  });
  const there = { organisation: place('there'), role: group };
  const all = { organisation: place('there'), role: global };
  const studies = { organisation: place('there'), role: student };
  const closed = { organisation: place('closed', true), role: group };
  const nothing = { everything: false, groups: [] };
  const everything = { everything: true, groups: [] };
  const groups = (...ids: string[]) => ({ everything: false, groups: ids });

  test.each([
    ['no role', holder(null, 'home'), null, nothing],
    ['a role that administers nothing', holder(student, 'home', studies), null, nothing],
    ['their own, over everything', holder(global, null), null, everything],
    ['one in an organisation, over everything', holder(null, 'home', all), null, everything],
    ['their own, over the group at home', holder(group, 'home'), null, groups('home')],
    ['their own, over the group of somebody without a home', holder(group, null), null, nothing],
    ['one in an organisation, over its group', holder(student, 'home', there), null, groups('there')],
    ['one in an organisation that is suspended', holder(null, 'home', closed), null, nothing],
    ['two, over two groups', holder(group, 'home', there), null, groups('home', 'there')],
    ['both, with another picked', holder(group, 'home', there, studies), ['there', 'Student'], nothing],
    ['both, with the one there picked', holder(global, 'home', there), ['there', 'Group'], groups('there')],
    ['both, with their own picked', holder(global, 'home', there), [null, 'Global'], everything],
    ['their own, when it is picked at home', holder(group, 'home'), ['home', 'Group'], nothing],
    ['one that is picked elsewhere', holder(null, null, there), ['elsewhere', 'Group'], nothing],
    ['nothing of their own, picked', holder(null, 'home', there), [null, ''], nothing],
  ] as const)('%s', (_what, who, picked, administered) => {
    const membership = picked === null ? null : { organisationId: picked[0], role: picked[1] };
    expect(adminRolesOf(who, membership)).toEqual(administered);
  });
});
