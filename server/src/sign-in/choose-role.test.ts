import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsDuring } from '../../testing/audit.ts';
import { attemptAt, carryOut, expectKind, showPassword } from '../../testing/carry-out.ts';
import { ENGINES } from '../../testing/engines.ts';
import { frozenClock } from '../../testing/ports.ts';
import { SEED } from '../../testing/totp.ts';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { type Outcome, refused } from './attempt.ts';
import { offerChoices } from './choose-role.ts';
import { accountKey } from './throttle.ts';

const MOUNTS = [
  { contract: 'role-picker' },
  { contract: 'role-picker', prefix: '/two' },
  { contract: 'fingerprint' },
];

describe.each(ENGINES)('the roles that are offered, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_MOUNTS: JSON.stringify(MOUNTS) }, frozenClock());
    await app.load(...['Clerk', 'Guest', 'Student'].map((name) => ({ kind: 'role', name })), {
      kind: 'role',
      name: 'Global',
      admin: 'global',
    });
  });
  afterAll(() => app.stop());

  /** An account with these roles, each in an organisation of its own. */
  async function account(
    roles: readonly (readonly [string, Record<string, unknown>?])[],
    fields: Record<string, unknown> = {},
  ): Promise<AccountWithMemberships & { person: Person }> {
    const person = await app.person(fields);
    for (const [role, organisation] of roles)
      await app.load({
        kind: 'membership',
        account: person.id,
        organisation: await app.organisation(organisation),
        role,
      });
    const known = (await app.core.store.accounts.byId(person.id)) as AccountWithMemberships;
    return { ...known, person };
  }

  /** What is offered of some accounts to a password that is that of the matched ones. */
  const offer = (
    accounts: readonly AccountWithMemberships[],
    matched: readonly AccountWithMemberships[] = accounts,
    settles: Parameters<typeof offerChoices>[2]['settles'] = [],
  ) =>
    offerChoices(app.app.corridor, attemptAt(app, 'role-picker'), {
      accounts,
      matched: new Set(matched.map(({ id }) => id)),
      settles,
    });

  const seen = (outcome: Outcome) => {
    const { granted, refused: others } = expectKind(outcome, 'choices');
    return {
      granted: granted.map(({ role, organisation, asksSecondFactor }) => [
        organisation?.name ?? null,
        role,
        asksSecondFactor,
      ]),
      refused: others.map(({ role, organisation, reason }) => [organisation?.name ?? null, role, reason]),
    };
  };

  test('are in the order of their organisations and then of their names, those outside of any first', async () => {
    const [name, other] = ['a school', 'the college'];
    const one = await account(
      [
        ['Student', { name: other }],
        ['Guest', { name }],
        ['Clerk', { name }],
      ],
      { role: 'Student' },
    );
    const two = await account([['Clerk', { name: 'Z' }]], { role: 'Guest' });
    expect(seen(await offer([one, two])).granted).toEqual([
      [null, 'Guest', false],
      [null, 'Student', false],
      ['Z', 'Clerk', false],
      [name, 'Clerk', false],
      [name, 'Guest', false],
      [other, 'Student', false],
    ]);
  });

  test('are one without a name where an account has none, and none beside those that it has', async () => {
    expect(seen(await offer([await account([])])).granted).toEqual([[null, '', false]]);
    const member = await account([['Guest', { name: 'a school' }]]);
    expect(seen(await offer([member])).granted).toEqual([['a school', 'Guest', false]]);
  });

  test('are refused one by one, each for its own reason, and say what is asked for', async () => {
    const mine = await account([
      ['Clerk', { name: 'asks', settings: { requireSecondFactorFor: ['Clerk'] } }],
      ['Guest', { name: 'asks not', settings: { requireSecondFactorFor: ['Clerk'] } }],
      [
        'Clerk',
        { name: 'more than mail', settings: { requireSecondFactorFor: ['Clerk'], allowEmailPin: false } },
      ],
      ['Guest', { name: 'suspended', isSuspended: true }],
    ]);
    const theirs = await account([['Guest', { name: 'of another password' }]]);
    const inactive = await account([['Student', { name: 'inactive' }]], { status: 'inactive' });
    expect(seen(await offer([mine, theirs, inactive], [mine, inactive]))).toEqual({
      granted: [
        ['asks', 'Clerk', true],
        ['asks not', 'Guest', false],
      ],
      refused: [
        ['inactive', 'Student', 'account-inactive'],
        ['more than mail', 'Clerk', 'second-factor-missing'],
        ['of another password', 'Guest', 'bad-credentials'],
        ['suspended', 'Guest', 'organisation-suspended'],
      ],
    });
    const strong = await account([['Guest', { name: 'any' }]], { secondFactor: { totp: SEED } });
    expect(seen(await offer([strong])).granted).toEqual([['any', 'Guest', true]]);
  });

  test('that are all refused are one refusal: for the state of an account whose password it is', async () => {
    const theirs = await account([['Guest', { name: 'a' }]]);
    const mine = await account([['Guest', { name: 'b', isSuspended: true }]]);
    const missing = await account([
      ['Global', { name: 'c', settings: { requireSecondFactorFor: ['Global'] } }],
    ]);
    expect(await offer([theirs, mine, missing], [mine, missing])).toEqual(refused('organisation-suspended'));
    expect(await offer([theirs, missing], [missing])).toEqual(refused('second-factor-missing'));
    expect(await offer([theirs], [])).toEqual(refused('bad-credentials'));
  });

  test('are written down, with how many were refused, and what was counted is given back', async () => {
    const [mine, also] = [
      await account([['Guest']]),
      await account([['Guest'], ['Clerk', { isSuspended: true }]]),
    ];
    const theirs = await account([['Guest']]);
    const settles = [{ sql: 'UPDATE accounts SET failed_sign_ins = 7 WHERE id = $1', params: [mine.id] }];
    const [offered] = await eventsDuring(app.core, () => offer([mine, also, theirs], [mine, also], settles));
    expect(offered).toMatchObject({
      event: 'sign-in.choices-offered',
      accountId: mine.id,
      reason: null,
      detail: { accounts: [mine.id, also.id], granted: 2, refused: 2 },
    });
    expect((await app.core.store.accounts.byId(mine.id))?.failedSignIns).toBe(7);
    const inactive = await account([['Guest']], { status: 'inactive' });
    const [refusal] = await eventsDuring(app.core, () => offer([theirs, inactive], [inactive]));
    expect(refusal).toMatchObject({
      event: 'sign-in.refused',
      accountId: inactive.id,
      reason: 'account-inactive',
      detail: { accounts: [inactive.id], granted: 0, refused: 2 },
    });
  });

  describe('and picked', () => {
    const pick = (ticket: string, mount = 'role-picker') => carryOut(app, mount, { kind: 'pick', ticket });
    async function offered(fields: Record<string, unknown> = {}) {
      const { person, memberships } = await account([['Guest']], fields);
      const outcome = await carryOut(app, 'role-picker', showPassword(person, null, 'all'));
      const [choice] = expectKind(outcome, 'choices').granted;
      return { person, organisation: memberships[0]?.organisation.id ?? '', ticket: choice?.ticket ?? '' };
    }

    test('lead to a session of that role, once', async () => {
      const { organisation, ticket } = await offered();
      const { principal } = expectKind(await pick(ticket), 'signed-in');
      expect(principal).toMatchObject({
        picked: { role: { name: 'Guest' }, organisation: { id: organisation } },
      });
      expect(await pick(ticket)).toEqual(refused('ticket-invalid'));
    });

    test('outside of any organisation lead to a session of that role there', async () => {
      const { person } = await account([['Guest']], { role: 'Student' });
      const outcome = await carryOut(app, 'role-picker', showPassword(person, null, 'all'));
      const own = expectKind(outcome, 'choices').granted.find((each) => each.organisation === null);
      const { principal } = expectKind(await pick(own?.ticket ?? ''), 'signed-in');
      expect(principal).toMatchObject({ picked: { role: { name: 'Student' }, organisation: null } });
    });

    test('are picked once of many times at once', async () => {
      const { ticket } = await offered();
      const outcomes = await Promise.all(Array.from({ length: 4 }, () => pick(ticket)));
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['refused', 'refused', 'refused', 'signed-in']);
    });

    test('are picked where they were offered, with a ticket that was handed out for that', async () => {
      const { ticket } = await offered();
      expect(await pick(ticket, 'role-picker@/two')).toEqual(refused('ticket-invalid'));
      expect(await pick(ticket, 'fingerprint')).toEqual(refused('ticket-invalid'));
      const app2 = await offered({ secondFactor: { totp: SEED } });
      const step = expectKind(await pick(app2.ticket), 'step-required');
      expect(await pick(step.ticket)).toEqual(refused('ticket-invalid'));
      expectKind(await pick(ticket), 'signed-in');
    });

    test('are picked by nobody while the account is locked, and by its owner after that', async () => {
      const { person, ticket } = await offered();
      await app.core.store.commit([
        {
          sql: `UPDATE attempts SET locked_until = $2 WHERE key = $1`,
          params: [accountKey(person.id), app.core.clock.now() + 30_000],
        },
      ]);
      expect(await pick(ticket)).toEqual(refused('ticket-invalid'));
      app.core.clock.advance(30);
      expectKind(await pick(ticket), 'signed-in');
    });
  });
});
