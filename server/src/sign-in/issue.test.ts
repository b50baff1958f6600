import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { nextNumber } from '../../testing/app.ts';
import { eventsDuring } from '../../testing/audit.ts';
import { loadDirectory, type TestCore, uuid } from '../../testing/core.ts';
import { openTestCorridor, type TestCorridor } from '../../testing/corridor.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readJwt } from '../../testing/jwt.ts';
import { readTables } from '../../testing/store-dump.ts';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { deviceName, deviceOf } from '../accounts/fingerprint.ts';
import { secretHash } from '../crypto/vault.ts';
import type { Mount } from '../mount.ts';
import { recordFailedSignIn } from '../store/accounts.ts';
import { consumeTicket, consumeTotpStep } from '../store/consume.ts';
import { rememberFirstDevice } from '../store/devices.ts';
import type { Change } from '../store/engine.ts';
import { setSessionMethods } from '../store/sessions.ts';
import { issueTicket } from '../store/tickets.ts';
import type { Outcome } from './attempt.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { type CompletedSignIn, issueForAccount } from './issue.ts';
import { begin } from './sign-in.ts';
import { drawTicket } from './ticket.ts';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0';
const HOUR_SECONDS = 3600;

describe.each(ENGINES)('a session that is minted, on %s', (engine) => {
  let opened: TestCorridor;
  let core: TestCore;
  let login: Mount;
  let picker: Mount;
  let typed: Mount;
  beforeAll(async () => {
    const contracts = ['login', 'role-picker', 'credential-type'];
    const mounts = JSON.stringify(contracts.map((contract) => ({ contract })));
    opened = await openTestCorridor(engine, { LATCHKEY_MOUNTS: mounts });
    ({ core } = opened);
    [login, picker, typed] = core.config.mounts as [Mount, Mount, Mount];
    await loadDirectory(
      core,
      ['Student', 'Teacher', 'Guest'].map((name) => ({ kind: 'role', name })),
    );
  });
  afterAll(() => opened.close());

  async function person(fields: object = {}, memberships: object[] = []): Promise<AccountWithMemberships> {
    const number = nextNumber();
    const id = uuid(number);
    const email = `person${number}@example.com`;
    await loadDirectory(core, [
      { kind: 'account', id, username: `person ${number}`, email, emailValidated: true, ...fields },
      ...memberships.map((membership) => ({ kind: 'membership', account: id, ...membership })),
    ]);
    return (await core.store.accounts.byId(id)) as AccountWithMemberships;
  }
  async function organisation(): Promise<string> {
    const id = uuid(nextNumber());
    await loadDirectory(core, [{ kind: 'organisation', id, name: id }]);
    return id;
  }

  /** What is not said of a sign-in. */
  interface Way extends Partial<CompletedSignIn> {
    readonly mount?: Mount;
    readonly userAgent?: string | null;
    readonly using?: Corridor;
  }
  const at = (mount: Mount, userAgent: string | null = null): Attempt => {
    const { caller } = opened.attempt;
    return { mount, caller: { ...caller, userAgent, arrivedAt: core.clock.now() } };
  };
  function issue(account: AccountWithMemberships, way: Way = {}): Promise<Outcome> {
    const { mount = login, userAgent = null, using = opened.corridor, ...completed } = way;
    return issueForAccount(using, at(mount, userAgent), {
      account,
      picked: null,
      methods: ['pwd'],
      device: null,
      spends: [],
      settles: [],
      steppedUp: false,
      ...completed,
    });
  }
  async function signedIn(account: AccountWithMemberships, way: Way = {}) {
    const outcome = await issue(account, way);
    if (outcome.kind !== 'signed-in') throw new Error(`nobody was signed in: ${JSON.stringify(outcome)}`);
    return outcome;
  }
  const sessionsOf = async ({ id }: AccountWithMemberships) =>
    ((await readTables(core.config.store.url)).sessions ?? []).filter((row) => row.account_id === id);
  const numbers = (row: Record<string, unknown> | undefined, ...columns: string[]) =>
    columns.map((column) => Number(row?.[column]));
  const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000);
  async function freshTicket(account: AccountWithMemberships): Promise<Change> {
    const { ticket } = drawTicket(opened.corridor, at(login), { purpose: 'prove', account, picked: null });
    await core.store.commit([issueTicket(ticket)]);
    return consumeTicket(ticket.secretHash, core.clock.now());
  }

  test('knows whose it is, where it began and how', async () => {
    const account = await person();
    const now = core.clock.now();
    const { tokens, at: when } = await signedIn(account, { userAgent: FIREFOX });
    expect(when).toBe(now);
    const [row] = await sessionsOf(account);
    expect(row).toMatchObject({
      principal_kind: 'account',
      principal_id: account.id,
      mount: login.name,
      organisation_id: null,
      role: null,
      methods: 'pwd',
      opaque_hash: null,
      fingerprint_hash: null,
      address: '192.0.2.1',
      user_agent: FIREFOX,
      ended_at: null,
    });
    expect(numbers(row, 'epoch', 'counter', 'rotated_at', 'created_at')).toEqual([
      account.epoch,
      0,
      now,
      now,
    ]);
    expect(readJwt(tokens.accessToken).payload).toMatchObject({ sub: account.id, sid: row?.id });
    expect(tokens.opaqueToken).toBeNull();
  });

  test.each<[string, Partial<Mount>, { access: number; refresh: number | null; session: number }]>([
    [
      'as long as its refresh token is',
      { accessTokenSeconds: 60, refreshTokenSeconds: 600 },
      { access: 60, refresh: 600, session: HOUR_SECONDS },
    ],
    [
      'as long as its access token is, without one to refresh',
      { accessTokenSeconds: 60, refreshTokenSeconds: null },
      { access: 60, refresh: null, session: HOUR_SECONDS },
    ],
    [
      'no longer than any session may',
      { accessTokenSeconds: 2 * HOUR_SECONDS, refreshTokenSeconds: 9 * HOUR_SECONDS },
      { access: HOUR_SECONDS, refresh: HOUR_SECONDS, session: HOUR_SECONDS },
    ],
  ])('is good %s', async (_, settings, good) => {
    const account = await person();
    const now = core.clock.now();
    const { tokens } = await signedIn(account, { mount: { ...login, ...settings } });
    const [row] = await sessionsOf(account);
    const idle = good.refresh ?? good.access;
    expect(numbers(row, 'refresh_expires_at', 'expires_at')).toEqual([
      now + idle * 1000,
      now + good.session * 1000,
    ]);
    const access = readJwt(tokens.accessToken).payload;
    expect([access.iat, access.exp]).toEqual([seconds(now), seconds(now) + good.access]);
    if (good.refresh === null) return expect(tokens.refreshToken).toBeNull();
    expect(readJwt(tokens.refreshToken ?? '').payload).toEqual({
      sid: row?.id,
      n: 0,
      iat: seconds(now),
      exp: seconds(now) + good.refresh,
    });
  });

  test('has an opaque token too where the contract has one, of which only the hash is kept', async () => {
    const account = await person();
    const { tokens } = await signedIn(account, { mount: picker });
    expect(tokens.opaqueToken).toMatch(/^[A-Za-z0-9]{80}$/);
    const [row] = await sessionsOf(account);
    expect(row?.opaque_hash).toBe(secretHash(tokens.opaqueToken ?? ''));
  });

  test('counts itself in what is shown of the account', async () => {
    const account = await person();
    await core.store.commit([recordFailedSignIn(account.id)]);
    for (const [signIns, spends] of [
      [1, []],
      [2, [await freshTicket(account)]],
    ] as const)
      expect((await signedIn(account, { spends })).principal).toMatchObject({
        view: { account: { id: account.id, signIns, failedSignIns: 1 } },
      });
  });

  test('is for the role that was picked, where it was', async () => {
    const [one, other] = [await organisation(), await organisation()];
    const account = await person({ role: 'Guest' }, [
      { organisation: one, role: 'Student' },
      { organisation: one, role: 'Teacher' },
      { organisation: other, role: 'Teacher' },
    ]);
    for (const [organisationId, role] of [
      [one, 'Student'],
      [one, 'Teacher'],
      [other, 'Teacher'],
      [null, 'Guest'],
    ] as const) {
      const events = await eventsDuring(core, async () => {
        const { principal } = await signedIn(account, { picked: { organisationId, role } });
        expect(principal).toMatchObject({
          picked: { role: { name: role }, organisation: organisationId && { id: organisationId } },
        });
      });
      expect(events).toMatchObject([{ event: 'sign-in.completed', organisationId }]);
    }
    expect((await signedIn(account)).principal).toMatchObject({ picked: null });
    const without = await person();
    expect((await signedIn(without, { picked: { organisationId: null, role: '' } })).principal).toMatchObject(
      {
        picked: { role: null, organisation: null },
      },
    );
  });

  test.each<[readonly string[], string | null]>([
    [['pwd'], null],
    [['pwd', 'email', 'mfa'], 'email'],
    [['pwd', 'otp', 'recovery', 'mfa'], 'otp recovery'],
    [['code'], null],
  ])('is written down with what was shown beside the credential: %j', async (methods, factor) => {
    const account = await person();
    const events = await eventsDuring(core, () => signedIn(account, { methods }));
    expect(events).toMatchObject([
      {
        event: 'sign-in.completed',
        accountId: account.id,
        factor,
        detail: { principal: { kind: 'account', id: account.id }, methods },
      },
    ]);
    const [row] = await sessionsOf(account);
    expect([row?.id, row?.methods]).toEqual([events[0]?.sessionId, methods.join(' ')]);
  });

  test('makes its device known to an account that recognises devices, and to no other', async () => {
    for (const recogniseDevices of [true, false]) {
      const account = await person({ recogniseDevices });
      const device = deviceOf(account.id, 'a device', core.vault);
      const events = await eventsDuring(core, () => signedIn(account, { device }));
      const hash = recogniseDevices ? device.fingerprintHash : null;
      expect(await sessionsOf(account)).toMatchObject([{ fingerprint_hash: hash }]);
      expect(events).toMatchObject([{ device: hash && deviceName(hash) }]);
      const { fingerprintHash } = device;
      expect(await core.store.devices.isKnown(account.id, fingerprintHash, 0)).toBe(recogniseDevices);
    }
  });

  test('has a notice sent when it comes from a new device, unless it goes on from another session', async () => {
    const account = await person();
    const mailQueued = vi.fn();
    const using = { ...opened.corridor, mailQueued };
    await signedIn(account, { using });
    const [row] = await sessionsOf(account);
    const isAlive = setSessionMethods(String(row?.id), ['pwd']);
    const spends = [isAlive, await freshTicket(account)];
    await signedIn(account, { using, userAgent: FIREFOX, spends, steppedUp: true });
    expect(mailQueued).not.toHaveBeenCalled();
    await signedIn(account, { using, userAgent: FIREFOX, spends: [await freshTicket(account)] });
    expect(mailQueued).toHaveBeenCalledTimes(1);
    expect((await core.store.outbox.depth()).waiting).toBeGreaterThan(0);
  });

  test('of whoever has a resource code is nobody’s, and ends with the code', async () => {
    const now = core.clock.now();
    for (const [lifeSeconds, good] of [
      [30, 30],
      [9 * HOUR_SECONDS, 60],
    ] as const) {
      const [context, code] = ['hall', `CODE${nextNumber()}`];
      const expiresAt = new Date(now + lifeSeconds * 1000).toISOString();
      await loadDirectory(core, [{ kind: 'resource', context, code, expiresAt, maxUses: 1 }]);
      const credential = { kind: 'resource-code', resource: `voucher ${code}`, context, code } as const;
      const mount = { ...typed, accessTokenSeconds: 60 };
      const show = () => begin(opened.corridor, at(mount), { kind: 'begin', credential, fingerprint: null });
      const outcome = await show();
      if (outcome.kind !== 'signed-in') throw new Error('nobody was signed in');
      expect(outcome).toMatchObject({
        principal: { kind: 'resource', resource: `voucher ${code}` },
        steppedUp: false,
      });
      const { iat, exp, sub } = readJwt(outcome.tokens.accessToken).payload;
      expect([sub, iat, exp]).toEqual([`resource:voucher ${code}`, seconds(now), seconds(now) + good]);
      expect(await show()).toEqual({ kind: 'refused', reason: 'bad-credentials', resendCode: null });
    }
  });

  describe('is none when at the last moment', () => {
    const none = () => consumeTicket('no ticket', core.clock.now());
    const gone = () => setSessionMethods('no session', ['pwd']);
    const rows: [string, string, (account: AccountWithMemberships) => Promise<Way>][] = [
      ['its ticket is spent', 'ticket-invalid', async () => ({ spends: [none()] })],
      ['the session before it has ended', 'token-invalid', async () => ({ spends: [gone()] })],
      [
        'that has ended while its step was taken',
        'ticket-invalid',
        async () => ({ spends: [gone()], steppedUp: true }),
      ],
      [
        'the code was used',
        'code-invalid',
        async ({ id }) => {
          await core.store.commit([consumeTotpStep(id, 1)]);
          return { spends: [consumeTotpStep(id, 1)] };
        },
      ],
      [
        'another device was the first',
        'bad-credentials',
        async ({ id }) => {
          await core.store.commit([rememberFirstDevice(deviceOf(id, 'one', core.vault), core.clock.now())]);
          return { device: deviceOf(id, 'other', core.vault), isFirstDevice: true };
        },
      ],
      ['the account has changed', 'bad-credentials', async () => ({})],
      [
        'the account has changed since its ticket',
        'ticket-invalid',
        async (account) => ({ spends: [await freshTicket(account)] }),
      ],
    ];
    test.each(rows)('%s', async (what, reason, prepare) => {
      const account = await person({ recogniseDevices: true });
      const epoch = what.startsWith('the account has changed') ? account.epoch + 1 : account.epoch;
      const way = await prepare(account);
      const settles = [recordFailedSignIn(account.id)];
      const events = await eventsDuring(core, async () =>
        expect(await issue({ ...account, epoch }, { ...way, settles })).toEqual({
          kind: 'refused',
          reason,
          resendCode: null,
        }),
      );
      expect(events).toEqual([]);
      expect(await sessionsOf(account)).toEqual([]);
      // Nothing else of that commit is kept.
      expect((await core.store.accounts.byId(account.id))?.failedSignIns).toBe(0);
    });
  });
});
