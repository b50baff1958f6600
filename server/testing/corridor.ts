import { HashPool } from '../src/crypto/hash-pool.ts';
import { hashPassword } from '../src/crypto/password-hash.ts';
import { type WindowLimits, Windows } from '../src/limits/windows.ts';
import type { Mount } from '../src/mount.ts';
import type { Attempt, Corridor } from '../src/sign-in/corridor.ts';
import { Throttle } from '../src/sign-in/throttle.ts';
import { openTestCore, type TestCore } from './core.ts';
import type { ENGINES } from './engines.ts';
import { frozenClock } from './ports.ts';

/** The password of everybody who signs in here. */
export const PASSWORD = 'the right password of everybody';

/** The steps of signing in without a server around them, up to where a session would be minted: it has nothing to make tokens with. */
export interface TestCorridor {
  readonly core: TestCore;
  readonly corridor: Corridor;
  /** Somebody at the first mount. */
  readonly attempt: Attempt;
  /** What opens to PASSWORD. */
  readonly passwordHash: string;
  close(): Promise<void>;
}

/**
 * Opens them on a fresh store, with a clock that stands still.
 * @param settings more settings, as environment variables
 * @param how how long whoever finds no place may wait for one, and how many failures there may be, where it is not a hundred a minute
 */
export async function openTestCorridor(
  engine: (typeof ENGINES)[number],
  settings: Readonly<Record<string, string>> = {},
  {
    queueMilliseconds = 60_000,
    windows = {},
  }: { queueMilliseconds?: number; windows?: Partial<WindowLimits> } = {},
): Promise<TestCorridor> {
  const core = await openTestCore(engine, settings, frozenClock());
  const { hashing, signIn, challenge } = core.config;
  const passwordHash = hashPassword(PASSWORD, hashing);
  const hashes = new HashPool({ threads: 1, cost: hashing, queueMilliseconds });
  const limit = { count: 100, seconds: 60 };
  const limits = { address: limit, asking: limit, organisation: limit, everybody: limit, context: limit };
  const parts: Partial<Corridor> = {
    ...core,
    hashes,
    decoyHash: passwordHash,
    hashingCost: hashing,
    throttle: new Throttle(core.store, core.clock, queueMilliseconds),
    windows: new Windows({ limits: { ...limits, ...windows }, shared: null }),
    limits: { ...signIn, ...challenge, graceSeconds: 0, sessionMaxSeconds: 60, forgetDeviceSeconds: 60 },
  };
  const [mount] = core.config.mounts as [Mount];
  const caller = { mount: mount.name, address: '192.0.2.1', userAgent: null, requestId: 'a request' };
  return {
    core,
    corridor: parts as Corridor,
    attempt: { mount, caller: { ...caller, arrivedAt: core.clock.now() } },
    passwordHash,
    async close() {
      await hashes.close();
      await core.close();
    },
  };
}
