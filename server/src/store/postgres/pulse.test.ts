import pg from 'pg';
import { afterEach, expect, inject, test } from 'vitest';
import { startTcpProxy, throughPort } from '../../../../conformance/faults/tcp-proxy.ts';
import { type CuttingProxy, startCuttingProxy } from '../../../../verifier/testing/cutting-proxy.ts';
import { keptLog } from '../../../testing/ports.ts';
import { createDatabase } from '../../../testing/postgres.ts';
import { runRawSql } from '../../../testing/raw-sql.ts';
import { StoreUnavailableError } from '../../errors.ts';
import type { Engine } from '../engine.ts';
import { openPostgresEngine } from './engine.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function behindProxy(): Promise<{ engine: Engine; proxy: CuttingProxy; url: string }> {
  const url = await createDatabase(inject('postgresUrl'));
  const proxy = await startCuttingProxy(() => url.replace('postgres:', 'http:'));
  ends.push(() => proxy.stop());
  const through = new URL(url);
  through.port = new URL(proxy.url).port;
  const engine = openPostgresEngine(through.href, keptLog());
  ends.push(() => engine.close());
  return { engine, proxy, url };
}

const ask = { sql: 'SELECT 1 AS one', params: [] };

/** Long enough for the connection that the database is asked over to be there. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 500));

test('refuses everything while the network swallows it, and goes on when it does not', async () => {
  const { engine, proxy } = await behindProxy();
  await Promise.all(Array.from({ length: 20 }, () => engine.read(ask)));
  await settle();
  proxy.stall();
  // More than there are connections: none waits for a time-out of its own.
  const lost = await Promise.allSettled(Array.from({ length: 25 }, () => engine.read(ask)));
  for (const each of lost)
    expect(each).toMatchObject({ status: 'rejected', reason: { message: 'the store does not answer' } });
  await expect(engine.commit([ask])).rejects.toBeInstanceOf(StoreUnavailableError);
  proxy.mend();
  await expect.poll(() => engine.read(ask), { timeout: 20_000 }).toEqual([{ one: 1 }]);
});

test('refuses whoever counts too while the network swallows it, over connections that are new when it does not', async () => {
  const url = await createDatabase(inject('postgresUrl'));
  const proxy = await startTcpProxy(Number(new URL(url).port));
  ends.push(() => proxy.stop());
  const engine = openPostgresEngine(throughPort(url, proxy.port), keptLog());
  ends.push(() => engine.close());
  const count = () => engine.limiterClient()?.query({ text: ask.sql });
  const counts = (number: number) => Promise.allSettled(Array.from({ length: number }, count));
  await counts(20);
  await settle();
  proxy.set({ kind: 'swallows' });
  for (const each of await counts(25))
    expect(each).toMatchObject({ status: 'rejected', reason: { message: 'the store does not answer' } });
  proxy.set({ kind: 'open' });
  await expect.poll(() => engine.read(ask), { timeout: 20_000 }).toEqual([{ one: 1 }]);
  // What was swallowed before keeps nobody from a turn.
  for (const each of await counts(10)) expect(each).toMatchObject({ status: 'fulfilled' });
});

test('waits for a lock that another transaction holds', async () => {
  const { engine, url } = await behindProxy();
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  ends.push(() => holder.end());
  await holder.query('SELECT pg_advisory_lock(1)');
  await engine.read(ask);
  const waiting = engine.read({ sql: 'SELECT pg_advisory_lock(1)::text AS locked', params: [] });
  // Longer than the database is waited for before it is asked.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  await holder.query('SELECT pg_advisory_unlock(1)');
  expect(await waiting).toEqual([{ locked: '' }]);
});

test('is told of a server that takes no writes as of one that is away', async () => {
  const { engine } = await behindProxy();
  await engine.commit([{ sql: 'CREATE TABLE kept (n INTEGER)', params: [] }]);
  await engine.read({ sql: 'SET default_transaction_read_only = on', params: [] });
  await expect(
    engine.commit([{ sql: 'INSERT INTO kept (n) VALUES (1)', params: [] }]),
  ).rejects.toBeInstanceOf(StoreUnavailableError);
});

test('outlives connections that end in the middle of a transaction', async () => {
  const { engine, url } = await behindProxy();
  const wait = { sql: 'SELECT pg_sleep(0.02)::text', params: [] };
  for (let round = 0; round < 5; round += 1) {
    const commits = Promise.allSettled(
      Array.from({ length: 10 }, () => engine.commit(Array.from({ length: 20 }, () => wait))),
    );
    await new Promise((resolve) => setTimeout(resolve, 150));
    await runRawSql(
      url,
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    for (const each of await commits)
      expect(each).toMatchObject({ status: 'rejected', reason: expect.any(StoreUnavailableError) });
  }
  await expect.poll(() => engine.read(ask)).toEqual([{ one: 1 }]);
});

test('tells whoever migrates of a connection that is cut, and ends nothing else', async () => {
  const { engine, proxy, url } = await behindProxy();
  const script = engine.runScript('SELECT pg_sleep(30)').then(
    () => null,
    (error: unknown) => error,
  );
  // Divides by nothing as long as it has not begun.
  const sleeping = "SELECT 1 / count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)'";
  const hasBegun = () =>
    runRawSql(url, sleeping).then(
      () => true,
      () => false,
    );
  await expect.poll(hasBegun).toBe(true);
  proxy.cut();
  expect(await script).toBeInstanceOf(StoreUnavailableError);
  await expect.poll(() => engine.read(ask)).toEqual([{ one: 1 }]);
});
