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
import { readJwt } from '../../testing/jwt.ts';
import { readTables } from '../../testing/store-dump.ts';
import { hashPassword } from '../crypto/password-hash.ts';
import type { Mount } from '../mount.ts';
import { inspect } from '../sessions/inspect.ts';
import { failAttempt } from '../store/count-attempt.ts';
import { rotateInstallationPassword } from '../store/installations.ts';
import { setOrganisationSuspended } from '../store/organisations.ts';
import type { Outcome } from './attempt.ts';
import type { Corridor } from './corridor.ts';
import { countFailure, wideWindows } from './gate.ts';
import { passwordLimit } from './identify.ts';
import { begin } from './sign-in.ts';
import { installationKey, unknownKey } from './throttle.ts';

const REFUSED = { kind: 'refused', reason: 'bad-credentials', resendCode: null };

describe.each(ENGINES)('an installation that signs in, on %s', (engine) => {
  let opened: TestCorridor;
  let core: TestCore;
  beforeAll(async () => {
    opened = await openTestCorridor(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '2' });
    ({ core } = opened);
  });
  afterAll(() => opened.close());

  const name = () => `installation ${nextNumber()}`.padEnd(32, '.');
  async function installation(fields: object = {}): Promise<string> {
    const [installationId, { passwordHash }] = [name(), opened];
    await loadDirectory(core, [{ kind: 'installation', installationId, passwordHash, ...fields }]);
    return installationId;
  }
  async function account(fields: object = {}): Promise<string> {
    const id = uuid(nextNumber());
    await loadDirectory(core, [{ kind: 'account', id, username: `of an installation ${id}`, ...fields }]);
    return id;
  }
  const signIn = (
    installationId: string,
    password = PASSWORD,
    using: Corridor = opened.corridor,
    mount: Mount = opened.attempt.mount,
  ) => {
    const { caller } = opened.attempt;
    const attempt = { mount, caller: { ...caller, arrivedAt: core.clock.now() } };
    const credential = { kind: 'installation', installationId, password } as const;
    return begin(using, attempt, { kind: 'begin', credential, fingerprint: null });
  };
  const counted = async (key: string) => {
    const { inFlight = 0, failures = 0 } = (await core.store.attempts.state(key)) ?? {};
    return { inFlight, failures };
  };
  /** The outcome, and what was written down of it. */
  const told = (work: () => Promise<Outcome>) => outcomeAndEvents(core, work);
  const sessionsOf = async (id: string) =>
    ((await readTables(core.config.store.url)).sessions ?? []).filter((row) => row.principal_id === id);

  test('gets a session of its own, without a factor or a role', async () => {
    const id = await installation();
    const { outcome, events } = await told(() => signIn(id));
    if (outcome?.kind !== 'signed-in') throw new Error('it was not signed in');
    expect(outcome).toMatchObject({ principal: { kind: 'installation', id, view: null }, steppedUp: false });
    expect(readJwt(outcome.tokens.accessToken).payload.sub).toBe(`installation:${id}`);
    expect(await sessionsOf(id)).toMatchObject([
      { principal_kind: 'installation', account_id: null, methods: 'pwd', organisation_id: null, role: null },
    ]);
    expect(events).toMatchObject([
      { event: 'sign-in.completed', accountId: null, factor: null, detail: { methods: ['pwd'] } },
    ]);
  });

  test('acts for the account that it is bound to', async () => {
    const person = await account();
    const id = await installation({ account: person });
    expect(await signIn(id)).toMatchObject({ principal: { view: { account: { id: person } } } });
    expect(await sessionsOf(id)).toMatchObject([{ account_id: person }]);
  });

  test.each<[string, object, string, number]>([
    ['with another password', {}, 'wrong-password', 1],
    ['that has no password', { passwordHash: null }, 'no-password', 1],
    ['that is out of service', { status: 'inactive' }, 'installation-not-active', 0],
  ])('%s is refused, and the reason written down', async (_, fields, reason, failures) => {
    const id = await installation(fields);
    const password = reason === 'wrong-password' ? 'another password' : PASSWORD;
    const { outcome, events } = await told(() => signIn(id, password));
    expect(outcome).toEqual(REFUSED);
    expect(events).toMatchObject([
      { event: 'sign-in.refused', reason, accountId: null, detail: { installationId: id } },
    ]);
    expect(await counted(installationKey(id))).toEqual({ inFlight: 0, failures });
    expect(await sessionsOf(id)).toEqual([]);
  });

  test('that nobody knows is refused alike, and counted by its name', async () => {
    const [id, other] = [name(), name()];
    const { outcome, events } = await told(() => signIn(id));
    expect(outcome).toEqual(REFUSED);
    expect(events).toMatchObject([
      { event: 'sign-in.refused', reason: 'unknown-installation', detail: { installationId: id } },
    ]);
    await signIn(id);
    expect((await signIn(id)).kind).toBe('throttled');
    expect(await signIn(other)).toEqual(REFUSED);
    // One that is added under the name later has failed nothing.
    await loadDirectory(core, [
      { kind: 'installation', installationId: id, passwordHash: opened.passwordHash },
    ]);
    expect((await signIn(id)).kind).toBe('signed-in');
    // Nor is it counted with somebody who is unknown under that name.
    const asPerson = unknownKey(core.vault.hash('identifier', other));
    expect(await counted(asPerson)).toEqual({ inFlight: 0, failures: 0 });
  });

  test('of an account that may not sign in is refused, and whose it is written down', async () => {
    const person = await account({ status: 'inactive' });
    const id = await installation({ account: person });
    const { outcome, events } = await told(() => signIn(id));
    expect(outcome).toEqual(REFUSED);
    expect(events).toMatchObject([{ reason: 'installation-not-active', accountId: person }]);
  });

  async function organisation(fields: object = {}): Promise<string> {
    const id = uuid(nextNumber());
    await loadDirectory(core, [{ kind: 'organisation', id, name: `of an installation ${id}`, ...fields }]);
    return id;
  }

  test('of an account that has roles in suspended organisations only is refused, and its sessions stand still', async () => {
    const [place, person] = [await organisation(), await account()];
    await loadDirectory(core, [
      { kind: 'role', name: 'Payee' },
      { kind: 'membership', account: person, organisation: place, role: 'Payee' },
    ]);
    const id = await installation({ account: person });
    const begun = await signIn(id);
    if (begun.kind !== 'signed-in') throw new Error('it was not signed in');
    const asked = () => inspect(opened.corridor, opened.attempt, begun.tokens.accessToken, null);
    expect((await asked()).kind).toBe('active');

    await core.store.commit(setOrganisationSuspended(place, true, core.clock.now()));
    const { outcome, events } = await told(() => signIn(id));
    expect(outcome).toEqual(REFUSED);
    expect(events).toMatchObject([{ reason: 'installation-not-active', accountId: person }]);
    expect(await counted(installationKey(id))).toEqual({ inFlight: 0, failures: 0 });
    expect(await asked()).toMatchObject({ kind: 'refused', reason: 'token-invalid' });

    await core.store.commit(setOrganisationSuspended(place, false, core.clock.now()));
    expect((await asked()).kind).toBe('active');
    expect((await signIn(id)).kind).toBe('signed-in');
  });

  test('of an account that the mount does not serve is refused there; one without an account is not', async () => {
    const served = await organisation();
    const below = await organisation({ parent: served });
    const elsewhere = await organisation();
    const at = async (home: string | null) => {
      const id = await installation({ account: await account({ organisation: home }) });
      const mount = { ...opened.attempt.mount, organisation: served };
      const { outcome, events } = await told(() => signIn(id, PASSWORD, opened.corridor, mount));
      return { outcome, reason: events[0]?.reason };
    };
    for (const home of [served, below]) expect((await at(home)).outcome?.kind).toBe('signed-in');
    for (const home of [elsewhere, null])
      expect(await at(home)).toEqual({ outcome: REFUSED, reason: 'installation-not-active' });
    const mount = { ...opened.attempt.mount, organisation: served };
    const unbound = await installation();
    expect((await signIn(unbound, PASSWORD, opened.corridor, mount)).kind).toBe('signed-in');
  });

  test('has what it failed forgotten by the right password, and not while it is out of service', async () => {
    for (const [status, failures, kind] of [
      ['active', 0, 'signed-in'],
      ['inactive', 1, 'refused'],
    ] as const) {
      const id = await installation({ status });
      await signIn(id, 'a wrong password');
      expect((await signIn(id)).kind).toBe(kind);
      expect(await counted(installationKey(id))).toEqual({ inFlight: 0, failures });
    }
  });

  test('may show the password before the present one, until its last millisecond', async () => {
    const id = await installation();
    const present = 'the password that came after it';
    const until = core.clock.now() + 60_000;
    const hash = hashPassword(present, core.config.hashing);
    await core.store.commit([rotateInstallationPassword(id, hash, until)]);
    core.clock.advance(59.999);
    for (const password of [PASSWORD, present]) expect((await signIn(id, password)).kind).toBe('signed-in');
    core.clock.advance(0.001);
    expect(await signIn(id)).toEqual(REFUSED);
    expect((await signIn(id, present)).kind).toBe('signed-in');
  });

  test('must wait while too many guess from everywhere; nothing is counted for that', async () => {
    const id = await installation();
    const using = { ...opened.corridor, windows: openWindows({ everybody: { count: 1, seconds: 60 } }) };
    await countFailure(using, opened.attempt, wideWindows(opened.attempt));
    const { mount, caller } = opened.attempt;
    const elsewhere = { mount, caller: { ...caller, address: '192.0.2.2' } };
    const credential = { kind: 'installation', installationId: id, password: PASSWORD } as const;
    const { outcome, events } = await told(() =>
      begin(using, elsewhere, { kind: 'begin', credential, fingerprint: null }),
    );
    expect(outcome).toEqual({ kind: 'throttled', retryAfterSeconds: 60 });
    expect(events).toEqual([]);
    expect(await core.store.attempts.state(installationKey(id))).toBeNull();
  });

  test('must wait when others use the limit up while its password is looked at; it has failed nothing', async () => {
    const id = await installation();
    const windows = openWindows({ everybody: { count: 1, seconds: 60 } });
    const using = whileHashing({ ...opened.corridor, windows }, () =>
      countFailure({ windows }, opened.attempt, wideWindows(opened.attempt)),
    );
    const { outcome, events } = await told(() => signIn(id, PASSWORD, using));
    expect(outcome).toEqual({ kind: 'throttled', retryAfterSeconds: 60 });
    expect(events).toEqual([]);
    expect(await counted(installationKey(id))).toEqual({ inFlight: 0, failures: 0 });
  });

  test('waits by itself alone for what it failed', async () => {
    const [id, other] = [await installation(), await installation()];
    const limit = passwordLimit(opened.corridor, null);
    await signIn(id, 'a wrong password');
    await core.store.commit([failAttempt(installationKey(id), limit, core.clock.now())]);
    expect((await signIn(id)).kind).toBe('throttled');
    expect((await signIn(other)).kind).toBe('signed-in');
  });
});
