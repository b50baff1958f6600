import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventsDuring } from '../../testing/audit.ts';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { HashPool } from '../crypto/hash-pool.ts';
import { hashPassword } from '../crypto/password-hash.ts';
import { Windows } from '../limits/windows.ts';
import type { Mount } from '../mount.ts';
import type { Credential, Outcome } from './attempt.ts';
import { confirmPassword } from './confirm-password.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { passwordLimit } from './identify.ts';
import { begin } from './sign-in.ts';
import { accountKey, installationKey, Throttle } from './throttle.ts';

const PASSWORD = 'the right password of everybody';
const INSTALLATION = 'an installation '.padEnd(32, '.');
const EMAIL = 'ada@example.com';
const [ADA, OTHER] = [uuid(1), uuid(2)];

// Here nobody may wait: whoever finds the only thread spoken for is turned away at once, and everybody else when their turn has come.
describe.each(ENGINES)('a right password that there is no time for, on %s', (engine) => {
  let core: TestCore;
  let pool: HashPool;
  let corridor: Corridor;
  let attempt: Attempt;
  let ada: AccountWithMemberships;
  beforeAll(async () => {
    core = await openTestCore(engine);
    const { hashing } = core.config;
    const passwordHash = hashPassword(PASSWORD, hashing);
    const account = { kind: 'account', email: EMAIL, emailValidated: true, passwordHash };
    await loadDirectory(core, [
      { kind: 'organisation', id: uuid(9), name: 'Elsewhere' },
      { ...account, id: ADA },
      { ...account, id: OTHER, organisation: uuid(9) },
      { kind: 'installation', installationId: INSTALLATION, password: PASSWORD },
    ]);
    pool = new HashPool({ threads: 1, cost: hashing, queueMilliseconds: 0 });
    const limit = { count: 100, seconds: 60 };
    const limits = { address: limit, organisation: limit, everybody: limit, context: limit };
    const parts: Partial<Corridor> = {
      ...core,
      hashes: pool,
      decoyHash: Promise.resolve(passwordHash),
      hashingCost: hashing,
      throttle: new Throttle(core.store, core.clock, 0),
      windows: new Windows({ limits, shared: null }),
      limits: {
        ...core.config.signIn,
        ...core.config.challenge,
        graceSeconds: 0,
        sessionMaxSeconds: 60,
        forgetDeviceSeconds: 60,
      },
    };
    corridor = parts as Corridor;
    const [mount] = core.config.mounts as [Mount];
    const caller = { mount: mount.name, address: '192.0.2.1', userAgent: null, requestId: 'a request' };
    attempt = { mount, caller: { ...caller, arrivedAt: core.clock.now() } };
    ada = (await core.store.accounts.byId(ADA)) as AccountWithMemberships;
  });
  afterAll(async () => {
    await pool.close();
    await core.close();
  });

  const show = (credential: Credential) =>
    begin(corridor, attempt, { kind: 'begin', credential, fingerprint: null });
  const password: Credential = {
    kind: 'password',
    identifiers: [{ value: EMAIL, kinds: ['email'] }],
    password: PASSWORD,
    accounts: 'one',
  };
  const ways: readonly (readonly [string, string, () => Promise<unknown>])[] = [
    ['of an account', accountKey(ADA), () => show(password)],
    [
      'of an installation',
      installationKey(INSTALLATION),
      () => show({ kind: 'installation', installationId: INSTALLATION, password: PASSWORD }),
    ],
    [
      'of somebody who is signed in',
      accountKey(ADA),
      () => confirmPassword(corridor, attempt, ada, PASSWORD),
    ],
  ];
  const counted = async (key: string) => {
    const state = await core.store.attempts.state(key);
    return [state?.inFlight ?? 0, state?.failures ?? 0];
  };

  describe.each(ways)('%s', (_whose, key, ask) => {
    async function expectTurnedAway(): Promise<void> {
      let outcome: unknown;
      const written = await eventsDuring(core, async () => {
        outcome = await ask();
      });
      expect(outcome).toEqual({ kind: 'overloaded', retryAfterSeconds: expect.any(Number) });
      expect((outcome as Extract<Outcome, { kind: 'overloaded' }>).retryAfterSeconds).toBeGreaterThan(0);
      expect(written).toEqual([]);
      expect(await counted(key)).toEqual([0, 0]);
    }

    test('is turned away at once while somebody else has the only place', async () => {
      const place = pool.reserve('somebody else');
      if ('overloaded' in place) throw new Error('the pool was busy before anybody used it');
      await expectTurnedAway();
      place.leave();
    });

    test('is turned away when it has waited too long; it is no failure, and holds nothing up', async () => {
      await expectTurnedAway();
      await expectTurnedAway();
    });

    test('is turned away while all attempts that it may have are at it', async () => {
      const limit = passwordLimit(corridor, ada);
      const holds = [];
      for (let each = 0; each < limit.maxFailures; each += 1) {
        const admission = await corridor.throttle.admit({ key, limit }, core.clock.now());
        if (admission.kind === 'held') holds.push(admission.hold);
      }
      expect(await ask()).toEqual({ kind: 'overloaded', retryAfterSeconds: 1 });
      // What the other account of that name was counted for is given back.
      expect([await counted(key), await counted(accountKey(OTHER))]).toEqual([
        [limit.maxFailures, 0],
        [0, 0],
      ]);
      await corridor.throttle.release(holds);
    });
  });
});
