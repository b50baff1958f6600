import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber } from '../../testing/app.ts';
import { eventsDuring } from '../../testing/audit.ts';
import { openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { frozenClock } from '../../testing/ports.ts';
import { accountOf, accountOn, corridorOn, freshAttempt, takeMails } from '../../testing/single-step.ts';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { deviceName, deviceOf, fingerprintHashOf } from '../accounts/fingerprint.ts';
import { secretHash } from '../crypto/vault.ts';
import { refused } from './attempt.ts';
import type { Corridor } from './corridor.ts';
import { type Failed, refuseCredential, refuseState } from './refuse.ts';
import { accountKey, type Hold, releaseHolds, unknownKey } from './throttle.ts';

const HOUR_MILLISECONDS = 3_600_000;

describe.each(ENGINES)('what is refused, on %s', (engine) => {
  let core: TestCore;
  let corridor: Corridor;
  let told = 0;
  beforeAll(async () => {
    core = await openTestCore(engine, {}, frozenClock());
    corridor = corridorOn(core, {
      mailQueued: () => {
        told += 1;
      },
    });
  });
  afterAll(() => core.close());

  const limitOf = (lockAfter: number | null) =>
    ({ maxFailures: 100, waitSeconds: 30, lockAfter, forgets: true }) as const;
  async function hold(key: string, lockAfter: number | null): Promise<Hold> {
    const admission = await corridor.throttle.admit({ key, limit: limitOf(lockAfter) }, core.clock.now());
    if (admission.kind !== 'held') throw new Error(`nothing was held: ${admission.kind}`);
    return admission.hold;
  }
  const failed = async (account: AccountWithMemberships, lockAfter: number | null): Promise<Failed> => ({
    hold: await hold(accountKey(account.id), lockAfter),
    account,
    reason: 'wrong-password',
  });
  const stateOf = (key: string) => core.store.attempts.state(key);

  describe('of credentials', () => {
    const refuse = (failures: readonly Failed[], attempt = freshAttempt(core, 'login')) =>
      refuseCredential(corridor, attempt, failures, 'bad-credentials');

    test('is counted for everybody whom it may have been meant for, and answered once', async () => {
      const accounts = [await accountOn(core), await accountOn(core)];
      const failures = await Promise.all(accounts.map((account) => failed(account, null)));
      const events = await eventsDuring(core, async () =>
        expect(await refuse(failures)).toEqual(refused('bad-credentials')),
      );
      for (const { id } of accounts) {
        expect(await stateOf(accountKey(id))).toMatchObject({ failures: 1, inFlight: 0 });
        expect((await accountOf(core, id)).failedSignIns).toBe(1);
        expect(events).toContainEqual(
          expect.objectContaining({
            event: 'sign-in.refused',
            accountId: id,
            reason: 'wrong-password',
            device: null,
            detail: null,
          }),
        );
      }
      expect(events).toHaveLength(2);
    });

    test('tells the owner of the lock when it begins, and once', async () => {
      const account = await accountOn(core);
      const before = told;
      await refuse([await failed(account, 2)]);
      expect(await takeMails(core)).toEqual([]);
      await refuse([await failed(account, 2)]);
      expect(await takeMails(core)).toMatchObject([
        {
          kind: 'account-locked',
          to: { address: account.email },
          expiresAt: core.clock.now() + HOUR_MILLISECONDS,
          text: expect.stringContaining('2'),
        },
      ]);
      // In the same moment, too.
      await refuse([await failed(account, 2)]);
      expect(await takeMails(core)).toEqual([]);
      expect(told).toBeGreaterThan(before);
    });

    test('locks an account without an address all the same, and tells nobody', async () => {
      const account = await accountOn(core, { email: null, username: `nobody${nextNumber()}` });
      await refuse([await failed(account, 1)]);
      expect(await stateOf(accountKey(account.id))).toMatchObject({
        lockedUntil: core.clock.now() + HOUR_MILLISECONDS,
      });
      expect(await takeMails(core)).toEqual([]);
    });

    test('locks nothing where no organisation wants that', async () => {
      const account = await accountOn(core);
      for (let each = 0; each < 5; each += 1) await refuse([await failed(account, null)]);
      expect(await stateOf(accountKey(account.id))).toMatchObject({ failures: 5, lockedUntil: 0 });
      expect(await takeMails(core)).toEqual([]);
    });

    test('is written down with the device of the account that it came from, where both are known', async () => {
      const account = await accountOn(core);
      const attempt = freshAttempt(core, 'fingerprint', { fingerprint: 'a device' });
      const device = deviceName(fingerprintHashOf(account.id, 'a device', core.vault));
      const key = unknownKey(`hash ${account.id}`);
      const nobody = async () =>
        ({ hold: await hold(key, null), account: null, reason: 'unknown-identifier' }) as const;
      const events = await eventsDuring(core, async () => {
        await refuse([await failed(account, null)], attempt);
        await refuse([await failed(account, null)]);
        await refuse([await nobody()], attempt);
      });
      expect(events).toMatchObject([
        { accountId: account.id, device },
        { accountId: account.id, device: null },
        { accountId: null, device: null, reason: 'unknown-identifier' },
      ]);
    });
  });

  describe('by the state of an account', () => {
    const organisationId = uuid(1_000_001);

    test.each([
      ['login', 'account-not-validated', true],
      ['login', 'account-inactive', false],
      ['profile', 'account-not-validated', false],
    ] as const)(
      'at %s with %s: a code for a new validation is handed out: %s',
      async (contract, reason, isOffered) => {
        const account = await accountOn(core);
        const held = await hold(accountKey(account.id), null);
        const device = deviceOf(account.id, 'a device', core.vault);
        const passage = {
          account,
          picked: { organisationId, role: 'Student' },
          device,
          spends: [],
          settles: releaseHolds([held]),
        };
        const attempt = freshAttempt(core, contract);
        let code: string | null = null;
        const events = await eventsDuring(core, async () => {
          const outcome = await refuseState(corridor, attempt, passage, reason);
          expect(outcome).toMatchObject({ kind: 'refused', reason });
          code = outcome.kind === 'refused' ? (outcome.resendCode ?? null) : null;
        });
        expect(events).toMatchObject([
          {
            event: 'sign-in.refused',
            reason,
            accountId: account.id,
            organisationId,
            device: deviceName(device.fingerprintHash),
          },
        ]);
        expect(await stateOf(accountKey(account.id))).toMatchObject({ failures: 0, inFlight: 0 });
        expect(code !== null).toBe(isOffered);
        if (code === null) return;
        expect(await core.store.tickets.bySecret(secretHash(code))).toMatchObject({
          purpose: 'resend-validation',
          mount: attempt.mount.name,
          accountId: account.id,
          membership: passage.picked,
          expiresAt: core.clock.now() + HOUR_MILLISECONDS,
        });
      },
    );

    test('is written down without an organisation or a device where none is known', async () => {
      const account = await accountOn(core);
      const passage = { account, picked: null, device: null, spends: [], settles: [] };
      const events = await eventsDuring(core, () =>
        refuseState(corridor, freshAttempt(core, 'login'), passage, 'account-inactive'),
      );
      expect(events).toMatchObject([{ accountId: account.id, organisationId: null, device: null }]);
    });
  });
});
