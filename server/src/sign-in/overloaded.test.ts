import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber } from '../../testing/app.ts';
import { eventsDuring } from '../../testing/audit.ts';
import { loadDirectory, type TestCore, uuid } from '../../testing/core.ts';
import { openTestCorridor, PASSWORD, type TestCorridor } from '../../testing/corridor.ts';
import { ENGINES } from '../../testing/engines.ts';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { HashPool } from '../crypto/hash-pool.ts';
import type { Credential, Outcome } from './attempt.ts';
import { confirmPassword } from './confirm-password.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { passwordLimit } from './identify.ts';
import { begin } from './sign-in.ts';
import { accountKey, installationKey } from './throttle.ts';

const ELSEWHERE = uuid(999_999);

/** A right password, and what it is counted under. */
interface Shown {
  readonly keys: readonly [string, string?];
  readonly ask: (using: Corridor) => Promise<unknown>;
}

// Here nobody may wait: whoever finds the only thread spoken for is turned away at once, and everybody else when their turn has come.
describe.each(ENGINES)('a right password that there is no time for, on %s', (engine) => {
  let core: TestCore;
  let opened: TestCorridor;
  let roomy: HashPool;
  let corridor: Corridor;
  let attempt: Attempt;
  let passwordHash: string;
  beforeAll(async () => {
    opened = await openTestCorridor(engine, {}, 0);
    ({ core, corridor, attempt, passwordHash } = opened);
    await loadDirectory(core, [{ kind: 'organisation', id: ELSEWHERE, name: 'Elsewhere' }]);
    roomy = new HashPool({ threads: 1, cost: core.config.hashing, queueMilliseconds: 60_000 });
  });
  afterAll(async () => {
    await roomy.close();
    await opened.close();
  });

  const show = (using: Corridor, credential: Credential) =>
    begin(using, attempt, { kind: 'begin', credential, fingerprint: null });
  /** Two accounts with one address and one password: what each is counted under, the one and the other. */
  async function accounts() {
    const email = `person${nextNumber()}@example.com`;
    const [one, other] = [uuid(nextNumber()), uuid(nextNumber())];
    const account = { kind: 'account', email, emailValidated: true, passwordHash };
    await loadDirectory(core, [
      { ...account, id: one },
      { ...account, id: other, organisation: ELSEWHERE },
    ]);
    return { one, email, keys: [accountKey(one), accountKey(other)] as const };
  }

  const ways: readonly (readonly [string, () => Promise<Shown>])[] = [
    [
      'of an account',
      async () => {
        const { keys, email } = await accounts();
        const identifiers = [{ value: email, kinds: ['email' as const] }];
        return {
          keys,
          ask: (using) => show(using, { kind: 'password', identifiers, password: PASSWORD, accounts: 'one' }),
        };
      },
    ],
    [
      'of an installation',
      async () => {
        const installationId = `installation ${nextNumber()}`.padEnd(32, '.');
        await loadDirectory(core, [{ kind: 'installation', installationId, passwordHash }]);
        return {
          keys: [installationKey(installationId)],
          ask: (using) => show(using, { kind: 'installation', installationId, password: PASSWORD }),
        };
      },
    ],
    [
      'of somebody who is signed in',
      async () => {
        const { one, keys } = await accounts();
        const account = (await core.store.accounts.byId(one)) as AccountWithMemberships;
        return { keys, ask: (using) => confirmPassword(using, attempt, account, PASSWORD) };
      },
    ],
  ];
  const counted = async (key: string) => {
    const state = await core.store.attempts.state(key);
    return [state?.inFlight ?? 0, state?.failures ?? 0];
  };

  describe.each(ways)('%s', (_whose, prepare) => {
    async function expectTurnedAway({ ask, keys }: Shown): Promise<void> {
      let outcome: unknown;
      const written = await eventsDuring(core, async () => {
        outcome = await ask(corridor);
      });
      expect(outcome).toEqual({ kind: 'overloaded', retryAfterSeconds: expect.any(Number) });
      expect((outcome as Extract<Outcome, { kind: 'overloaded' }>).retryAfterSeconds).toBeGreaterThan(0);
      expect(written).toEqual([]);
      for (const key of keys.filter((each) => each !== undefined)) expect(await counted(key)).toEqual([0, 0]);
    }

    test('is turned away at once while somebody else has the only place', async () => {
      const shown = await prepare();
      const place = corridor.hashes.reserve('somebody else');
      if ('overloaded' in place) throw new Error('the pool was busy before anybody used it');
      await expectTurnedAway(shown).finally(place.leave);
    });

    test('is turned away when it has waited too long; it is no failure, and holds nothing up', async () => {
      const shown = await prepare();
      await expectTurnedAway(shown);
      await expectTurnedAway(shown);
    });

    test('is turned away while all attempts that it may have are at it', async () => {
      const { ask, keys } = await prepare();
      const [key, other] = keys;
      const limit = passwordLimit(corridor, null);
      for (let each = 0; each < limit.maxFailures; each += 1)
        expect((await corridor.throttle.admit({ key, limit }, core.clock.now())).kind).toBe('held');
      // There is room to hash: it is the account that has none.
      expect(await ask({ ...corridor, hashes: roomy })).toEqual({ kind: 'overloaded', retryAfterSeconds: 1 });
      expect(await counted(key)).toEqual([limit.maxFailures, 0]);
      // What the other account of that name was counted for is given back.
      if (other !== undefined) expect(await counted(other)).toEqual([0, 0]);
    });
  });
});
