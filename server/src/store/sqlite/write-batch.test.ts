import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Change } from '../engine.ts';
import { openSqlite, type SqliteConnection } from './driver.ts';
import { writeBatch } from './write-batch.ts';

// Whether a commit waited for the disk cannot be seen from outside while the machine runs: the setting that it was made
// with can.
describe('a batch', () => {
  let directory: string;
  let connection: SqliteConnection;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'latchkey-batch-'));
    connection = openSqlite(join(directory, 'store.db'));
    connection.execute('CREATE TABLE things (name TEXT PRIMARY KEY) WITHOUT ROWID');
  });
  afterAll(() => {
    connection.close();
    rmSync(directory, { recursive: true });
  });

  const NORMAL = 1;
  const FULL = 2;
  const synchronous = () => connection.query('PRAGMA synchronous', [])[0]?.synchronous;
  const put = (name: string): Change => ({ sql: 'INSERT INTO things (name) VALUES ($1)', params: [name] });
  const provisional = (name: string): Change => ({ ...put(name), provisional: true });

  test('waits for the disk from the start', () => {
    expect(synchronous()).toBe(FULL);
  });

  test.each([
    ['of provisional changes does not wait for the disk', [[provisional('a')], [provisional('b')]], NORMAL],
    ['with any other among them does', [[provisional('c')], [provisional('d'), put('e')]], FULL],
    ['of one provisional transition does not', [[provisional('f')]], NORMAL],
    ['of one other does', [[put('g')]], FULL],
  ])('%s', (_what, batch, expected) => {
    expect(writeBatch(connection, batch).every((result) => result.ok)).toBe(true);
    expect(synchronous()).toBe(expected);
  });

  test('has written all of it', () => {
    const names = connection.query('SELECT name FROM things ORDER BY name', []).map(({ name }) => name);
    expect(names).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  });
});
