import { createKeyRing, servedMounts } from '../src/app.ts';
import { HashPool } from '../src/crypto/hash-pool.ts';
import { hashPassword } from '../src/crypto/password-hash.ts';
import { openPlaces } from '../src/delivery/places.ts';
import { relyingPartyOf } from '../src/factors/relying-party.ts';
import { createWebauthn } from '../src/factors/webauthn.ts';
import { Spacing } from '../src/limits/spacing.ts';
import { type SharedCount, type WindowLimits, Windows } from '../src/limits/windows.ts';
import type { Mount } from '../src/mount.ts';
import { createPasswordPolicy } from '../src/passwords/policy.ts';
import type { Attempt, Corridor } from '../src/sign-in/corridor.ts';
import { Throttle } from '../src/sign-in/throttle.ts';
import { createAccessTokens } from '../src/tokens/access-token.ts';
import { createRefreshTokens } from '../src/tokens/refresh-token.ts';
import { createStepUpTokens } from '../src/tokens/step-up-token.ts';
import { openTestCore, type TestCore } from './core.ts';
import type { ENGINES } from './engines.ts';
import { frozenClock } from './ports.ts';

/** The password of everybody who signs in here. */
export const PASSWORD = 'the right password of everybody';

/** The steps of signing in without a server around them. */
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
 * @param queueMilliseconds how long whoever finds no place may wait for one
 */
export async function openTestCorridor(
  engine: (typeof ENGINES)[number],
  settings: Readonly<Record<string, string>> = {},
  queueMilliseconds = 60_000,
): Promise<TestCorridor> {
  const core = await openTestCore(engine, settings, frozenClock());
  const { hashing, signIn, challenge } = core.config;
  const passwordHash = hashPassword(PASSWORD, hashing);
  const hashes = new HashPool({ threads: 1, cost: hashing, queueMilliseconds });
  const mounts = servedMounts(core.config);
  const keyRing = createKeyRing(core.config, mounts, core);
  await keyRing.start(() => undefined);
  const publicUrl = () => 'http://localhost';
  const { store, vault, clock, random, log } = core;
  const corridor: Corridor = {
    ...core,
    hashes,
    decoyHash: passwordHash,
    hashingCost: hashing,
    passwords: await createPasswordPolicy(core.config.passwords, { clock, log }),
    attestation: null,
    throttle: new Throttle(store, clock, queueMilliseconds),
    windows: openWindows({}),
    refusedRefreshes: new Spacing(clock, 60_000),
    loadTrouble: () => null,
    accessTokens: createAccessTokens({ keyRing, mounts, publicUrl, clock, random }),
    refreshTokens: createRefreshTokens(vault, clock),
    stepUpTokens: createStepUpTokens(vault, publicUrl, clock),
    webauthn: createWebauthn(() => relyingPartyOf(core.config.passkeys, publicUrl())),
    mounts: new Map(mounts.map((mount) => [mount.name, mount])),
    limits: {
      ...signIn,
      ...challenge,
      graceSeconds: 0,
      sessionMaxSeconds: 3600,
      forgetDeviceSeconds: 86_400,
    },
    sendingLimits: core.config,
    totpIssuer: () => 'localhost',
    places: await openPlaces(undefined, 'en'),
    mailQueued: () => undefined,
  };
  const [mount] = core.config.mounts as [Mount];
  const caller = { mount: mount.name, address: '192.0.2.1', userAgent: null, requestId: 'a request' };
  return {
    core,
    corridor,
    attempt: { mount, caller: { ...caller, arrivedAt: core.clock.now() } },
    passwordHash,
    async close() {
      keyRing.stop();
      await hashes.close();
      await corridor.passwords.close();
      await core.close();
    },
  };
}

/** Failures, counted in memory. @param limits of what may not fail a hundred times a minute */
export function openWindows(limits: Partial<WindowLimits>, shared: SharedCount | null = null): Windows {
  const many = { count: 100, seconds: 60 };
  const all = { address: many, asking: many, organisation: many, everybody: many, context: many };
  return new Windows({ limits: { ...all, ...limits }, shared });
}

/** The same corridor, in which something is done whenever a password was looked at, before anybody knows the verdict. */
export function whileHashing(corridor: Corridor, work: () => Promise<unknown>): Corridor {
  const reserve: Corridor['hashes']['reserve'] = (source) => {
    const place = corridor.hashes.reserve(source);
    if ('overloaded' in place) return place;
    return {
      leave: place.leave,
      async verify(password, stored) {
        const verdict = await place.verify(password, stored);
        await work();
        return verdict;
      },
    };
  };
  const hash: Corridor['hashes']['hash'] = (password) => corridor.hashes.hash(password);
  const hashes = Object.create(corridor.hashes, { reserve: { value: reserve }, hash: { value: hash } });
  return { ...corridor, hashes };
}
