import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber } from '../../testing/app.ts';
import { outcomeAndEvents } from '../../testing/audit.ts';
import { loadDirectory, type TestCore, uuid } from '../../testing/core.ts';
import {
  openTestCorridor,
  openWindows,
  PASSWORD,
  type TestCorridor,
  whileHashing,
} from '../../testing/corridor.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readTables } from '../../testing/store-dump.ts';
import { HashPool } from '../crypto/hash-pool.ts';
import { hashPassword } from '../crypto/password-hash.ts';
import type { SharedCount } from '../limits/windows.ts';
import type { Mount } from '../mount.ts';
import { failAttempt } from '../store/count-attempt.ts';
import type { Choice, Credential, Outcome } from './attempt.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { countFailure, wideWindows } from './gate.ts';
import { begin, pick } from './sign-in.ts';
import { accountKey, factorKey } from './throttle.ts';

const REFUSED = { kind: 'refused', reason: 'bad-credentials', resendCode: null };
const LIMIT = { maxFailures: 2, waitSeconds: 30, lockAfter: null, forgets: true };

describe.each(ENGINES)('a password that is shown, on %s', (engine) => {
  let opened: TestCorridor;
  let core: TestCore;
  let corridor: Corridor;
  let mounts: { login: Mount; fingerprint: Mount; picker: Mount };
  beforeAll(async () => {
    opened = await openTestCorridor(engine, {
      LATCHKEY_SIGN_IN_MAX_FAILURES: '2',
      LATCHKEY_MOUNTS: JSON.stringify([
        { contract: 'login' },
        { contract: 'fingerprint', trustFirstDevice: true },
        { contract: 'role-picker' },
      ]),
    });
    ({ core, corridor } = opened);
    const [login, fingerprint, picker] = core.config.mounts as [Mount, Mount, Mount];
    mounts = { login, fingerprint, picker };
    await loadDirectory(core, [
      { kind: 'role', name: 'Student' },
      { kind: 'role', name: 'Teacher' },
    ]);
  });
  afterAll(() => opened.close());

  interface Somebody {
    readonly id: string;
    readonly username: string;
  }
  async function account(fields: object = {}): Promise<Somebody> {
    const number = nextNumber();
    const somebody = { id: uuid(number), username: `somebody ${number}`, ...fields };
    const { passwordHash } = opened;
    await loadDirectory(core, [{ kind: 'account', emailValidated: true, passwordHash, ...somebody }]);
    return somebody;
  }
  async function organisation(settings: object = {}): Promise<string> {
    const id = uuid(nextNumber());
    await loadDirectory(core, [{ kind: 'organisation', id, name: id, settings }]);
    return id;
  }
  const join = ({ id }: Somebody, at: string, role: string) =>
    loadDirectory(core, [{ kind: 'membership', account: id, organisation: at, role }]);

  /** What is not said of an attempt. */
  interface Shown {
    readonly password?: string;
    readonly mount?: Mount;
    readonly fingerprint?: string | null;
    readonly accounts?: 'one' | 'all';
    readonly using?: Corridor;
  }
  const at = (mount: Mount): Attempt => {
    const { caller } = opened.attempt;
    return { mount, caller: { ...caller, mount: mount.name, arrivedAt: core.clock.now() } };
  };
  function show({ username }: Pick<Somebody, 'username'>, shown: Shown = {}): Promise<Outcome> {
    const { mount = mounts.login, password = PASSWORD, fingerprint = null, accounts = 'one' } = shown;
    const identifiers = [{ value: username, kinds: ['username'] as const }];
    const credential: Credential = { kind: 'password', identifiers, password, accounts };
    return begin(shown.using ?? corridor, at(mount), { kind: 'begin', credential, fingerprint });
  }
  async function counted(key: string) {
    const { inFlight = 0, failures = 0 } = (await core.store.attempts.state(key)) ?? {};
    return { inFlight, failures };
  }
  /** What was counted, as failures that nobody waits for. */
  async function fail(key: string, times: number): Promise<void> {
    for (let each = 0; each < times; each += 1) {
      await corridor.throttle.admit({ key, limit: LIMIT }, core.clock.now());
      await core.store.commit([failAttempt(key, LIMIT, core.clock.now())]);
    }
  }
  const told = (work: () => Promise<Outcome>) => outcomeAndEvents(core, work);
  const sessionsOf = async ({ id }: Somebody) =>
    ((await readTables(core.config.store.url)).sessions ?? []).filter((row) => row.account_id === id);
  const NOTHING = { inFlight: 0, failures: 0 };

  test('leads to a session; its place and what failed before it are given back', async () => {
    const somebody = await account();
    await show(somebody, { password: 'a wrong password' });
    const key = accountKey(somebody.id);
    // Somebody else is at it too.
    await corridor.throttle.admit({ key, limit: { ...LIMIT, maxFailures: 9 } }, core.clock.now());
    expect(
      await show(somebody, { using: { ...corridor, limits: { ...corridor.limits, maxFailures: 9 } } }),
    ).toMatchObject({
      kind: 'signed-in',
      steppedUp: false,
      principal: { view: { account: { id: somebody.id, signIns: 1, failedSignIns: 1 } } },
    });
    expect(await sessionsOf(somebody)).toMatchObject([{ methods: 'pwd' }]);
    expect(await counted(key)).toEqual({ inFlight: 1, failures: 0 });
  });

  test('is refused without being looked at where it can be none', async () => {
    const command = { kind: 'begin', credential: { kind: 'impossible' }, fingerprint: null } as const;
    expect(await begin(corridor, at(mounts.login), command)).toEqual(REFUSED);
  });

  test.each<[string, () => Promise<Pick<Somebody, 'username'>>]>([
    ['unknown-identifier', async () => ({ username: `nobody ${nextNumber()}` })],
    ['no-password', () => account({ passwordHash: null })],
    ['wrong-password', () => account()],
  ])('that is none of theirs is refused alike, and the true reason written down: %s', async (reason, who) => {
    const shown = await who();
    const { outcome, events } = await told(() => show(shown, { password: 'a wrong password' }));
    expect(outcome).toEqual(REFUSED);
    expect(events).toMatchObject([{ event: 'sign-in.refused', reason }]);
  });

  test('takes no room among what waits to be hashed once it was answered', async () => {
    const somebody = await account();
    await fail(accountKey(somebody.id), 2);
    const hashes = new HashPool({ threads: 1, cost: core.config.hashing, queueMilliseconds: 0 });
    const using = { ...corridor, hashes };
    expect(await show(somebody, { using })).toEqual({ kind: 'throttled', retryAfterSeconds: 30 });
    expect(hashes.overload('somebody else')).toBeNull();
    await hashes.close();
  });

  test('does not tell that nobody has the name, but where the contract does and nothing hides it', async () => {
    const nobody = () => ({ username: `nobody ${nextNumber()}` });
    const hiding = { ...mounts.picker, hideUnknownIdentity: true };
    const password = 'a wrong password';
    expect(await show(nobody(), { mount: mounts.picker })).toMatchObject({ reason: 'unknown-identity' });
    for (const [who, mount] of [
      [nobody(), hiding],
      [nobody(), mounts.login],
      [await account(), mounts.picker],
    ] as const)
      expect(await show(who, { mount, password })).toEqual(REFUSED);
  });

  test('must wait when others use the limit up while it is looked at; it has failed nothing', async () => {
    const somebody = await account();
    for (const of of ['everybody', 'address'] as const) {
      const windows = openWindows({ [of]: { count: 1, seconds: 60 } });
      const attempt = at(mounts.login);
      const using = whileHashing({ ...corridor, windows }, () =>
        countFailure({ windows }, attempt, of === 'everybody' ? wideWindows(attempt) : []),
      );
      const { outcome, events } = await told(() => show(somebody, { using }));
      expect(outcome).toEqual({ kind: 'throttled', retryAfterSeconds: 60 });
      expect(events).toEqual([]);
      expect(await counted(accountKey(somebody.id))).toEqual(NOTHING);
    }
    expect(await sessionsOf(somebody)).toEqual([]);
  });

  test('has the other servers asked about its address once it was right, and not before', async () => {
    const somebody = await account();
    const asked: string[] = [];
    const shared: SharedCount = {
      async get({ window }) {
        asked.push(window);
        return null;
      },
      add: async () => null,
    };
    const using = { ...corridor, windows: openWindows({}, shared) };
    await show(somebody, { using, password: 'a wrong password' });
    expect(asked).not.toContain('address');
    await show(somebody, { using });
    expect(asked).toContain('address');
  });

  test('is tried on those accounts of a name that need not wait, and on no others', async () => {
    const passwordHash = hashPassword('the password of the other', core.config.hashing);
    const one = await account();
    const home = await organisation();
    const other = await account({ username: one.username, organisation: home, passwordHash });
    await fail(accountKey(one.id), 2);
    const throttled = { kind: 'throttled', retryAfterSeconds: 30 };
    expect(await show(one)).toEqual(throttled);
    expect(await show(one, { password: 'the password of the other' })).toMatchObject({
      principal: { view: { account: { id: other.id } } },
    });
    const wrong = await told(() => show(one, { password: 'a wrong password' }));
    expect(wrong.outcome).toEqual(throttled);
    expect(wrong.events).toMatchObject([{ reason: 'wrong-password', accountId: other.id }]);
    expect((await counted(accountKey(one.id))).failures).toBe(2);
  });

  test('opens nothing when the account has changed meanwhile; it has failed nothing', async () => {
    const devices = { recogniseDevices: true };
    for (const [fields, fingerprint] of [
      [{}, null],
      [devices, 'the first device'],
    ] as const) {
      const somebody = await account(fields);
      const using = whileHashing(corridor, () =>
        loadDirectory(core, [{ kind: 'account', ...somebody, status: 'inactive' }]),
      );
      const { outcome, events } = await told(() =>
        show(somebody, { using, mount: mounts.fingerprint, fingerprint }),
      );
      expect(outcome).toEqual(REFUSED);
      expect(events.map(({ event }) => event)).not.toContain('sign-in.step-required');
      expect(await sessionsOf(somebody)).toEqual([]);
      expect(await counted(accountKey(somebody.id))).toEqual(NOTHING);
    }
  });

  test('from the first device opens a session; of two first ones, one has to be proven', async () => {
    const somebody = await account({ recogniseDevices: true, email: `first${nextNumber()}@example.com` });
    const from = (fingerprint: string | null, using = corridor) =>
      show(somebody, { mount: mounts.fingerprint, fingerprint, using });
    expect(await from(null)).toMatchObject({ kind: 'step-required', step: 'device' });
    // Neither knows of the other when it has been looked at.
    const both = Promise.withResolvers<void>();
    let looked = 0;
    const using = whileHashing(corridor, () => {
      looked += 1;
      if (looked === 2) both.resolve();
      return both.promise;
    });
    const outcomes = await Promise.all(['one', 'other'].map((fingerprint) => from(fingerprint, using)));
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['signed-in', 'step-required']);
    expect(outcomes.find(({ kind }) => kind === 'step-required')).toMatchObject({ step: 'device' });
    expect(await counted(accountKey(somebody.id))).toEqual(NOTHING);
    expect(await sessionsOf(somebody)).toHaveLength(1);
    const again = await Promise.all([from('one'), from('other')]);
    expect(again.map(({ kind }) => kind).sort()).toEqual(['signed-in', 'step-required']);
  });

  test('that is right ends a row of wrong ones, and what failed stays counted until a step is passed', async () => {
    const home = await organisation({ maxFailedSignInAttempts: 5 });
    const email = `step${nextNumber()}@example.com`;
    const somebody = await account({ organisation: home, email, secondFactor: { email: true } });
    await show(somebody, { password: 'a wrong password' });
    const state = () => core.store.attempts.state(accountKey(somebody.id));
    expect(await state()).toMatchObject({ streak: 1, failures: 1 });
    expect(await show(somebody)).toMatchObject({ kind: 'step-required', step: 'second-factor' });
    expect(await state()).toMatchObject({ streak: 0, failures: 1, inFlight: 0 });
    expect(await sessionsOf(somebody)).toEqual([]);
  });

  test.each([
    ['account-inactive', { status: 'inactive' }],
    ['account-not-validated', { emailValidated: false }],
  ])('opens nothing where the state of the account forbids it: %s', async (reason, fields) => {
    const somebody = await account(fields);
    const { outcome, events } = await told(() => show(somebody));
    expect(outcome).toMatchObject({ kind: 'refused', reason });
    expect(events).toMatchObject([{ event: 'sign-in.refused', reason, accountId: somebody.id }]);
    expect(await counted(accountKey(somebody.id))).toEqual(NOTHING);
    expect(await sessionsOf(somebody)).toEqual([]);
  });

  test('is not enough where a factor is asked for that the account lacks', async () => {
    const somebody = await account();
    const strict = await organisation({ requireSecondFactorFor: ['Student'], allowEmailPin: false });
    await join(somebody, strict, 'Student');
    const { outcome, events } = await told(() => show(somebody));
    expect(outcome).toMatchObject({ kind: 'refused', reason: 'second-factor-missing' });
    expect(events).toMatchObject([{ event: 'sign-in.refused', reason: 'second-factor-missing' }]);
    expect(await counted(accountKey(somebody.id))).toEqual(NOTHING);
  });

  test('forgives wrong codes only where no role of the account asks for one', async () => {
    const [free, bound] = [await account(), await account()];
    const [easy, strict] = [await organisation(), await organisation({ mfaForStudents: true })];
    for (const somebody of [free, bound]) await join(somebody, easy, 'Teacher');
    await join(bound, strict, 'Student');
    for (const [somebody, failures] of [
      [free, 0],
      [bound, 1],
    ] as const) {
      await fail(factorKey(somebody.id), 1);
      const offered = await show(somebody, { mount: mounts.picker, accounts: 'all' });
      if (offered.kind !== 'choices') throw new Error('no role was offered');
      const choice = offered.granted.find(({ role }) => role === 'Teacher') as Choice;
      const picked = await pick(corridor, at(mounts.picker), { kind: 'pick', ticket: choice.ticket });
      expect(picked).toMatchObject({ kind: 'signed-in', steppedUp: false });
      expect(await pick(corridor, at(mounts.picker), { kind: 'pick', ticket: choice.ticket })).toEqual({
        ...REFUSED,
        reason: 'ticket-invalid',
      });
      expect(await counted(factorKey(somebody.id))).toEqual({ inFlight: 0, failures });
    }
  });
});
