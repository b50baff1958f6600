import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../engine.ts';
import { openSqlite, type SqliteConnection } from './driver.ts';
import { openSqliteEngine } from './engine.ts';
import { turnsOfReads } from './turn-of-reads.ts';

describe('reads of one turn of the event loop', () => {
  let directory: string;
  let writer: SqliteConnection;
  let reader: SqliteConnection;
  let engine: Engine;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'latchkey-turn-'));
    writer = openSqlite(join(directory, 'store.db'));
    writer.execute('CREATE TABLE things (value INTEGER NOT NULL); INSERT INTO things VALUES (0)');
    reader = openSqlite(join(directory, 'store.db'));
    engine = openSqliteEngine(join(directory, 'store.db'));
  });
  afterAll(async () => {
    await engine.close();
    for (const connection of [reader, writer]) connection.close();
    rmSync(directory, { recursive: true });
  });

  const READ = 'SELECT value FROM things';
  const set = (value: number) => writer.query('UPDATE things SET value = $1', [value]);
  const readByEngine = async () => (await engine.read({ sql: READ, params: [] }))[0]?.value;

  test('see the same, and those of the next turn see what another process has committed', async () => {
    const turn = turnsOfReads(reader);
    const value = () => turn.query(READ, [])[0]?.value;
    const before = value();
    set(1);
    expect(value()).toBe(before);
    await nextTurn();
    expect(reader.inTransaction()).toBe(false);
    expect(value()).toBe(1);
    turn.end();
  });

  test('look anew when the turn is ended, and ending it twice is nothing', () => {
    const turn = turnsOfReads(reader);
    turn.query(READ, []);
    set(2);
    turn.end();
    turn.end();
    expect(turn.query(READ, [])[0]?.value).toBe(2);
    turn.end();
  });

  test('go on after a statement that is wrong', async () => {
    const turn = turnsOfReads(reader);
    expect(() => turn.query('SELECT value FROM absent', [])).toThrow('no such table');
    expect(turn.query(READ, [])).toHaveLength(1);
    await nextTurn();
    expect(reader.inTransaction()).toBe(false);
  });

  test('never hide a commit of this process from whoever was told of it', async () => {
    let isDone = false;
    // A view is open all the time, from one turn into the next.
    const others = (async () => {
      for (; !isDone; await nextTurn()) await readByEngine();
    })();
    for (let value = 3; value < 300; value += 1) {
      await engine.commit([{ sql: 'UPDATE things SET value = $1', params: [value] }]);
      expect(await readByEngine()).toBe(value);
    }
    isDone = true;
    await others;
  });

  test('stand in the way of no script', async () => {
    await readByEngine();
    await engine.runScript('UPDATE things SET value = 1000');
    expect(await readByEngine()).toBe(1000);
  });
});
