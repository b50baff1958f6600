import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber } from '../../testing/app.ts';
import { loadDirectory, type TestCore, uuid } from '../../testing/core.ts';
import { openTestCorridor, openWindows, type TestCorridor } from '../../testing/corridor.ts';
import { ENGINES } from '../../testing/engines.ts';
import { fingerprintHashOf } from '../accounts/fingerprint.ts';
import { failAttempt } from '../store/count-attempt.ts';
import { admitPassword } from './admit.ts';
import type { Corridor } from './corridor.ts';
import { countFailure, wideWindows } from './gate.ts';
import { identify } from './identify.ts';
import { accountKey, deviceKey } from './throttle.ts';

const DEVICE = 'the device of somebody';

describe.each(ENGINES)('who may be tried, on %s', (engine) => {
  let opened: TestCorridor;
  let core: TestCore;
  beforeAll(async () => {
    opened = await openTestCorridor(engine, {
      LATCHKEY_SIGN_IN_MAX_FAILURES: '1',
      LATCHKEY_SIGN_IN_LOCK_SECONDS: '30',
    });
    ({ core } = opened);
  });
  afterAll(() => opened.close());

  async function account(username: string, fields: object = {}): Promise<string> {
    const id = uuid(nextNumber());
    await loadDirectory(core, [{ kind: 'account', id, username, ...fields }]);
    return id;
  }
  async function organisation(settings: object = {}): Promise<string> {
    const id = uuid(nextNumber());
    await loadDirectory(core, [{ kind: 'organisation', id, name: id, settings }]);
    return id;
  }
  const name = () => `somebody ${nextNumber()}`;
  const admit = async (username: string, fingerprint: string | null = null, using = opened.corridor) => {
    const identified = await identify(using, opened.attempt, [{ value: username, kinds: ['username'] }]);
    return admitPassword(using, opened.attempt, identified, fingerprint);
  };
  /** What of the account fails so many times, while nobody waits. */
  async function fail(id: string, times = 1): Promise<void> {
    const limit = { maxFailures: 1, waitSeconds: 30, lockAfter: null, forgets: true };
    for (let each = 0; each < times; each += 1) {
      await opened.corridor.throttle.admit({ key: accountKey(id), limit }, core.clock.now());
      await core.store.commit([failAttempt(accountKey(id), limit, core.clock.now())]);
    }
  }
  const keysOf = (admitted: Awaited<ReturnType<typeof admit>>) =>
    'holds' in admitted ? admitted.holds.map(({ key, places }) => [key, places.map((each) => each.key)]) : [];

  test('is everybody who is meant, or nobody, who is counted all the same', async () => {
    const [username, unknown] = [name(), name()];
    const [one, other] = [
      await account(username),
      await account(username, { organisation: await organisation() }),
    ];
    const both = await admit(username);
    expect(keysOf(both)).toEqual([one, other].map((id) => [accountKey(id), [accountKey(id)]]));
    expect(both).toMatchObject({ throttled: null, wide: wideWindows(opened.attempt) });
    const nobody = await admit(unknown);
    expect(nobody).toMatchObject({ holds: [{ locked: false, failures: 0 }], throttled: null });
  });

  test('is whoever need not wait; when all must, the one that may be tried first says how long', async () => {
    const username = name();
    const [one, other] = [
      await account(username),
      await account(username, { organisation: await organisation() }),
    ];
    await fail(one, 1);
    expect(await admit(username)).toMatchObject({
      holds: [{ key: accountKey(other) }],
      throttled: { kind: 'throttled', retryAfterSeconds: 30 },
    });
    await core.store.commit([
      failAttempt(
        accountKey(other),
        { maxFailures: 1, waitSeconds: 90, lockAfter: null, forgets: true },
        core.clock.now(),
      ),
    ]);
    expect(await admit(username)).toEqual({ kind: 'throttled', retryAfterSeconds: 30 });
  });

  test('is nobody while too many guess from everywhere, but whoever comes from a device that is recognised', async () => {
    const [careful, careless] = [name(), name()];
    const known = { devices: [DEVICE] };
    const id = await account(careful, { recogniseDevices: true, ...known });
    await account(careless, known);
    const using: Corridor = {
      ...opened.corridor,
      windows: openWindows({ everybody: { count: 1, seconds: 60 } }),
    };
    await countFailure(using, opened.attempt, wideWindows(opened.attempt));
    const throttled = { kind: 'throttled', retryAfterSeconds: 60 };
    expect(await admit(careful, null, using)).toEqual(throttled);
    expect(await admit(careful, 'another device', using)).toEqual(throttled);
    expect(await admit(careless, DEVICE, using)).toEqual(throttled);
    expect(await admit(name(), DEVICE, using)).toEqual(throttled);
    expect(await core.store.attempts.state(accountKey(id))).toBeNull();
    expect(await admit(careful, DEVICE, using)).toMatchObject({ throttled: null, wide: [] });
  });

  test('is counted under the device beside the account; an organisation’s lock is the account’s alone', async () => {
    const username = name();
    const id = await account(username, {
      recogniseDevices: true,
      devices: [DEVICE],
      organisation: await organisation({ maxFailedSignInAttempts: 3 }),
    });
    const limit = { maxFailures: 1, waitSeconds: 30, lockAfter: 3, forgets: true };
    expect(await admit(username, DEVICE)).toEqual({
      holds: [
        {
          key: accountKey(id),
          limit,
          locked: false,
          failures: 0,
          places: [
            { key: accountKey(id), limit },
            {
              key: deviceKey(id, fingerprintHashOf(id, DEVICE, core.vault)),
              limit: { ...limit, lockAfter: null },
            },
          ],
        },
      ],
      throttled: null,
      wide: [],
    });
  });
});
