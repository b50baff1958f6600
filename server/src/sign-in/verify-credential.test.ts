import { hashSync as bcryptHash } from '@node-rs/bcrypt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber } from '../../testing/app.ts';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { accountOf, accountOn, corridorOn, freshAttempt } from '../../testing/single-step.ts';
import { HashPool, type Place } from '../crypto/hash-pool.ts';
import { hashPassword } from '../crypto/password-hash.ts';
import { stateFact } from '../store/facts.ts';
import type { Attempt, Corridor } from './corridor.ts';
import { type Verifiable, verifyPassword } from './verify-credential.ts';

const PASSWORD = 'the right password of somebody';
const DECOY = 'a password that no decoy should have';

describe('a password that is tried', () => {
  let core: TestCore;
  let pool: HashPool;
  let corridor: Corridor;
  let attempt: Attempt;
  let evaluated = 0;
  beforeAll(async () => {
    core = await openTestCore('sqlite');
    const cost = core.config.hashing;
    const onDone = () => {
      evaluated += 1;
    };
    pool = new HashPool({ threads: 1, cost, queueMilliseconds: 60_000, onDone });
    corridor = corridorOn(core, { hashes: pool, hashingCost: cost, decoyHash: hashPassword(DECOY, cost) });
    attempt = freshAttempt(core, 'login');
  });
  afterAll(async () => {
    await pool.close();
    await core.close();
  });

  function placeIn(from: HashPool): Place {
    const place = from.reserve('somebody');
    if ('overloaded' in place) throw new Error('the pool is busy');
    return place;
  }
  const verify = (password: string, tried: readonly Verifiable[], using = corridor) =>
    verifyPassword(using, attempt, password, tried, placeIn(pool));
  const hashed = (id: string, passwordHash: string | null): Verifiable => ({
    table: 'accounts',
    id,
    passwordHash,
  });
  const current = (password: string) => hashPassword(password, core.config.hashing);

  test('is of those whose it is', async () => {
    const tried = [hashed('a', current('another')), hashed('b', current(PASSWORD)), hashed('c', null)];
    expect(await verify(PASSWORD, tried)).toEqual(new Set(['b']));
  });

  test('opens nothing that has no password, though it be the one of the decoy', async () => {
    expect(await verify(DECOY, [hashed('a', null)])).toEqual(new Set());
    expect(await verify(DECOY, [])).toEqual(new Set());
  });

  test.each([
    ['nobody', []],
    ['somebody without a password', [hashed('a', null)]],
    ['somebody with one', [hashed('a', '$argon2id$v=19$m=256,t=1,p=1$c29tZSBzYWx0IQ$c29tZSBoYXNoIHRoYXQ')]],
  ] as const)('costs one evaluation for %s', async (_what, tried) => {
    const before = evaluated;
    expect(await verify(PASSWORD, tried)).toEqual(new Set());
    expect(evaluated - before).toBe(1);
  });

  /** What was asked for before this has been hashed, and written where it was to be. */
  async function untilRenewed(store = core.store): Promise<void> {
    await pool.hash('asked for later');
    const later = store.commit([stateFact(`later ${nextNumber()}`, 'yes')]);
    await later.catch(() => undefined);
    await new Promise(setImmediate);
  }

  test('leaves a hash of today as it is', async () => {
    const hash = current(PASSWORD);
    const account = await accountOn(core, { passwordHash: hash });
    const before = evaluated;
    expect(await verify(PASSWORD, [hashed(account.id, hash)])).toEqual(new Set([account.id]));
    await untilRenewed();
    expect(evaluated - before).toBe(2);
    expect((await accountOf(core, account.id)).passwordHash).toBe(hash);
  });

  test('renews a hash of old', async () => {
    const old = bcryptHash(PASSWORD, 4);
    const account = await accountOn(core, { passwordHash: old });
    expect(await verify(PASSWORD, [hashed(account.id, old)])).toEqual(new Set([account.id]));
    await untilRenewed();
    const { passwordHash } = await accountOf(core, account.id);
    expect(passwordHash).toMatch(/^\$argon2id\$v=19\$m=256,t=1,p=1\$/);
    expect(await pool.verify(PASSWORD, passwordHash ?? '')).toBe(true);
  });

  test('renews nothing while there is no time for that, which is nothing to tell of', async () => {
    const old = bcryptHash(PASSWORD, 4);
    const account = await accountOn(core, { passwordHash: old });
    const tried = [hashed(account.id, old)];
    const lines = core.log.lines.length;
    const busy = new HashPool({ threads: 1, cost: core.config.hashing, queueMilliseconds: 0 });
    const taken = placeIn(busy);
    expect(await verify(PASSWORD, tried, { ...corridor, hashes: busy })).toEqual(new Set([account.id]));
    expect(await busy.hash(PASSWORD)).toMatchObject({ overloaded: true });
    await untilRenewed();
    expect((await accountOf(core, account.id)).passwordHash).toBe(old);
    expect(core.log.lines).toHaveLength(lines);
    taken.leave();
    await busy.close();
  });

  test('is nobody’s yet where there is no time to try it against all', async () => {
    const busy = new HashPool({ threads: 1, cost: core.config.hashing, queueMilliseconds: 0 });
    const tried = [hashed('a', current(PASSWORD)), hashed('b', current(PASSWORD))];
    const outcome = await verifyPassword(corridor, attempt, PASSWORD, tried, placeIn(busy));
    expect(outcome).toMatchObject({ overloaded: true, retryAfterSeconds: expect.any(Number) });
    await busy.close();
  });

  test('is right also where its new hash cannot be stored, and the log tells of it (PW-2)', async () => {
    const gone = await openTestCore('sqlite');
    await gone.close();
    const using = { ...corridor, store: gone.store, log: gone.log };
    const tried = [hashed('somebody', bcryptHash(PASSWORD, 4))];
    expect(await verify(PASSWORD, tried, using)).toEqual(new Set(['somebody']));
    await untilRenewed(gone.store);
    expect(gone.log.lines).toEqual([
      {
        level: 'warn',
        fields: { requestId: attempt.caller.requestId, error: expect.stringMatching(/./) },
        message: 'a password hash was not renewed',
      },
    ]);
  });
});
