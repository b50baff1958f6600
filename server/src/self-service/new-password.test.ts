import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { HashPool } from '../crypto/hash-pool.ts';
import { createPasswordPolicy, type PasswordPolicy } from '../passwords/policy.ts';
import { hashNewPassword } from './new-password.ts';

const COST = { memoryKib: 64, passes: 1, parallelism: 1 };
const NEW = 'a password that nobody has had';

describe('RL-7: hashes of new passwords', () => {
  let app: TestApp;
  let passwords: PasswordPolicy;
  let pool: HashPool;
  beforeAll(async () => {
    app = await startApp('sqlite');
    passwords = await createPasswordPolicy(app.core.config.passwords, app.core);
    pool = new HashPool({ threads: 1, cost: COST, queueMilliseconds: 30_000 });
  });
  afterAll(async () => {
    await pool.close();
    await app.stop();
  });

  const setFrom = async (address: string) => {
    const account = await app.core.store.accounts.byId((await app.person()).id);
    if (account === null) throw new Error('the person is gone');
    const caller = { mount: 'v1', address, userAgent: null, requestId: 'test', arrivedAt: 0 };
    return hashNewPassword({ hashes: pool, passwords, store: app.core.store }, { caller }, account, NEW);
  };

  test('are of the share of the address that they come from, whoever’s the accounts are', async () => {
    const places = [];
    for (let place = pool.reserve('192.0.2.1'); !('overloaded' in place); place = pool.reserve('192.0.2.1'))
      places.push(place);
    expect(await setFrom('192.0.2.1')).toMatchObject({ kind: 'overloaded' });
    expect(await setFrom('192.0.2.2')).toMatch(/^\$argon2id\$/);
    for (const place of places) place.leave();
    expect(await setFrom('192.0.2.1')).toMatch(/^\$argon2id\$/);
  });
});
