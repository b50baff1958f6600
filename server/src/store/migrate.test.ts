import { readdirSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';

describe('the migrations', () => {
  const files = readdirSync(new URL('../../migrations/', import.meta.url));

  test.each(ENGINES)('have a number each on %s', (engine) => {
    const other = engine === 'sqlite' ? '.postgres.sql' : '.sqlite.sql';
    const numbers = files.filter((file) => !file.endsWith(other)).map((file) => file.slice(0, 4));
    expect(numbers.length).toBeGreaterThan(5);
    expect(new Set(numbers).size).toBe(numbers.length);
  });
});

describe('what only PostgreSQL needs', () => {
  let core: TestCore;
  beforeAll(async () => {
    core = await openTestCore('postgres');
  });
  afterAll(() => core.close());

  test('is there: the numbers of revocations are handed out in the order of commits', async () => {
    const clients = [0, 1].map(() => new pg.Client({ connectionString: core.config.store.url }));
    const [first, second] = clients as [pg.Client, pg.Client];
    await Promise.all(clients.map((client) => client.connect()));
    const revoke = `INSERT INTO revocations (at, session_id, principal_kind, principal_id, reason)
      VALUES (1, 's', 'account', 'a', 'test') RETURNING sequence`;
    await first.query('BEGIN');
    await first.query(revoke);
    await second.query("SET lock_timeout = '200ms'");
    await expect(second.query(revoke)).rejects.toThrow(/lock timeout/);
    await first.query('COMMIT');
    expect((await second.query(revoke)).rowCount).toBe(1);
    await Promise.all(clients.map((client) => client.end()));
  });

  test('is not in the way of servers that run while columns are added: what they have prepared goes on', async () => {
    const { store } = core;
    const readAll = () =>
      Promise.all([
        store.signingKeys.all(),
        store.tickets.bySecret('nobody has it'),
        store.passkeys.byId('nobody has it'),
        store.passkeys.ofAccount('nobody'),
        store.audit.events({ afterSequence: 0, since: 0, accountId: null, limit: 1 }),
        store.audit.withoutLink(1, { sequence: 0, at: 0 }),
        store.audit.strayed(1, { sequence: 0, at: 0 }),
        store.audit.afterLink(0, 1),
        store.audit.last(),
      ]);
    // On each of its connections.
    for (let round = 0; round < 20; round += 1) await readAll();
    const client = new pg.Client({ connectionString: core.config.store.url });
    await client.connect();
    const { rows } = await client.query<{ name: string }>(
      'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()',
    );
    for (const { name } of rows)
      await client.query(`ALTER TABLE ${name} ADD COLUMN of_the_next_version TEXT`);
    await client.end();
    expect(rows.length).toBeGreaterThan(10);
    for (let round = 0; round < 20; round += 1) await readAll();
  });
});
