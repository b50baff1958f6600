import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, inject, test } from 'vitest';
import { keptLog } from '../../../testing/ports.ts';
import { createDatabase } from '../../../testing/postgres.ts';
import { StoreConflictError } from '../../errors.ts';
import type { Change, Engine } from '../engine.ts';
import { openPostgresEngine } from './engine.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** An engine on a new database, and how often something was said after an answer on the first connection that it made. */
async function countedEngine(): Promise<{ engine: Engine; turns: () => number }> {
  const url = new URL(await createDatabase(inject('postgresUrl')));
  const target = Number(url.port);
  const open = new Set<Socket>();
  const turns: number[] = [];
  const proxy = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    const connection = turns.push(0) - 1;
    let isAnswered = true;
    client.on('data', () => {
      if (isAnswered) turns[connection] = (turns[connection] ?? 0) + 1;
      isAnswered = false;
    });
    upstream.on('data', () => {
      isAnswered = true;
    });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  ends.push(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
  });
  url.port = String((proxy.address() as AddressInfo).port);
  const engine = openPostgresEngine(url.href, keptLog());
  ends.push(() => engine.close());
  await engine.commit([{ sql: 'CREATE TABLE kept (n INTEGER UNIQUE)', params: [] }]);
  return { engine, turns: () => turns[0] ?? 0 };
}

const keep = (n: number): Change => ({ sql: 'INSERT INTO kept (n) VALUES ($1) RETURNING n', params: [n] });
const refuse: Change = { guard: 'never', sql: 'DELETE FROM kept WHERE n < 0 RETURNING n', params: [] };
const kept = async (engine: Engine) => (await engine.read({ sql: 'SELECT n FROM kept', params: [] })).length;

test('a commit waits for three answers at most, however many changes it has', async () => {
  const { engine, turns } = await countedEngine();
  const commits = async (changes: readonly Change[]) => {
    const before = turns();
    await engine.commit(changes);
    return turns() - before;
  };
  expect(await commits([keep(1)])).toBe(1);
  expect(await commits(Array.from({ length: 20 }, (_, index) => keep(2 + index)))).toBe(3);
  expect(await commits([keep(30), refuse, keep(31)])).toBe(3);
  expect(await kept(engine)).toBe(21);
});

test('what fails after a guard that said no does not hide it, and what fails first is told', async () => {
  const { engine } = await countedEngine();
  await engine.commit([keep(1)]);
  expect(await engine.commit([keep(2), refuse, keep(1)])).toEqual({ ok: false, guard: 'never' });
  await expect(engine.commit([keep(3), keep(1), refuse])).rejects.toBeInstanceOf(StoreConflictError);
  expect(await engine.commit([keep(4), keep(5)])).toMatchObject({ ok: true });
  expect(await kept(engine)).toBe(3);
});
