import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StoreUnavailableError } from '../../errors.ts';
import type { Change } from '../engine.ts';
import { openSqlite, type SqliteConnection } from './driver.ts';
import { openSqliteEngine } from './engine.ts';
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

  test('waits for another process’s transaction', async () => {
    const other = openSqliteEngine(join(directory, 'store.db'));
    connection.beginWriting();
    connection.query(put('h').sql, ['h']);
    let isWritten = false;
    const written = other.commit([put('i')]).then(() => {
      isWritten = true;
    });
    // Many times as long as the other looks whether its turn has come.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(isWritten).toBe(false);
    connection.query('COMMIT', []);
    await written;
    await other.close();
  });

  test('waits for it no longer than some seconds', { timeout: 20_000 }, async () => {
    const other = openSqliteEngine(join(directory, 'store.db'));
    connection.beginWriting();
    await expect(other.commit([put('j')])).rejects.toBeInstanceOf(StoreUnavailableError);
    connection.query('ROLLBACK', []);
    await other.commit([put('j')]);
    await other.close();
  });

  test.each([
    ['writes', undefined],
    ['of a bulk load writes', { isBulkLoad: true }],
  ])('%s to no temporary file what a refusal would put back, and puts it back', (name, use) => {
    const connection = openSqlite(join(directory, `${name}.db`), use);
    connection.execute(
      'CREATE TABLE pages (number INTEGER PRIMARY KEY, text TEXT NOT NULL, turn INTEGER NOT NULL)',
    );
    const fill = Array.from(
      { length: 64 },
      (_, number): Change => ({
        sql: 'INSERT INTO pages VALUES ($1, $2, 0)',
        params: [number, 'x'.repeat(3000)],
      }),
    );
    expect(writeBatch(connection, [fill])).toMatchObject([{ ok: true }]);
    const turn = (value: number): Change => ({ sql: 'UPDATE pages SET turn = $1', params: [value] });
    const refusal: Change = { sql: 'SELECT 1 AS one WHERE 1 = $1', params: [0], guard: 'no' };
    const seen: string[] = [];
    const watched: SqliteConnection = {
      ...connection,
      query(sql, params) {
        const rows = connection.query(sql, params);
        seen.push(...openFiles());
        return rows;
      },
    };
    const batch = [[turn(1)], [turn(2), refusal]];
    expect(writeBatch(watched, batch)).toMatchObject([{ ok: true }, { ok: false, guard: 'no' }]);
    expect(seen.some((file) => file.startsWith(directory))).toBe(true);
    expect(seen.filter((file) => file.includes('etilqs_'))).toEqual([]);
    expect(connection.query('SELECT DISTINCT turn FROM pages', [])).toMatchObject([{ turn: 1 }]);
    connection.close();
  });

  test('has written all of it', () => {
    const names = connection.query('SELECT name FROM things ORDER BY name', []).map(({ name }) => name);
    expect(names).toEqual([...'abcdefghij']);
  });
});

/** The files that this process has open now. What SQLite makes for a while has a name that begins with `etilqs_`. */
function openFiles(): string[] {
  const folder = '/proc/self/fd';
  return readdirSync(folder)
    .map((descriptor) => join(folder, descriptor))
    .filter((link) => existsSync(link))
    .map((link) => readlinkSync(link));
}

const module = (file: string) => JSON.stringify(new URL(file, import.meta.url));

// The bound is a whole process's: so it is another process's.
test('a batch that there is no memory for is told that it may come again', () => {
  const program = `
    import { execFileSync } from 'node:child_process';
    import { readFileSync } from 'node:fs';
    import { openSqlite } from ${module('driver.ts')};
    import { writeBatch } from ${module('write-batch.ts')};
    const connection = openSqlite(':memory:');
    connection.execute('CREATE TABLE things (name TEXT)');
    const put = (mebibytes) => ({ sql: 'INSERT INTO things VALUES (hex(zeroblob($1)))', params: [mebibytes * 1048576] });
    const used = /^VmData:\\s+(\\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
    execFileSync('prlimit', ['--pid', process.pid, '--data=' + (Number(used) + 131072) * 1024 + ':']);
    const batches = [[[put(400)]], [[put(1)], [put(400)]], [[put(1)], [put(2)]]];
    console.log(JSON.stringify(batches.map((batch) => writeBatch(connection, batch))));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--eval', program], { encoding: 'utf8' });
  expect(stderr).toBe('');
  const unavailable = { ok: false, failure: 'unavailable', message: 'out of memory' };
  const done = { ok: true, rows: [[]] };
  expect(JSON.parse(stdout)).toEqual([[unavailable], [unavailable, unavailable], [done, done]]);
});
