import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { ENGINES, freshStoreAddress } from '../../testing/engines.ts';
import { keptLog, movableClock } from '../../testing/ports.ts';
import type { Engine, Row } from './engine.ts';
import { migrate, requireCurrentSchema } from './migrate.ts';
import { MIGRATIONS, migrationsFor, readMigration } from './migration-files.ts';
import { openPostgresEngine } from './postgres/engine.ts';
import { openSqliteEngine } from './sqlite/engine.ts';

const clock = movableClock();

/** A program's migrations: those that there are, and more. */
function folderWith(files: Readonly<Record<string, string>>): URL {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-migrations-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  cpSync(MIGRATIONS, directory, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return pathToFileURL(`${directory}/`);
}

const COLUMN = 'ALTER TABLE facts ADD COLUMN note TEXT;';
const EXPANDS = `-- expand: nobody has to write it.\n${COLUMN}`;
const FILLS = '-- batches: things by id after 0\nUPDATE things SET n = n + 1 WHERE id > $1 AND id <= $2;';
const INDEX = `CREATE UNIQUE INDEX /* postgres: CONCURRENTLY */ IF NOT EXISTS things_by_word ON things (word);`;

/** SQLite builds an index in one go. This is one by another name, filled in while others write. */
const INDEX_AS_TABLE = {
  '9001-words.sql': `-- expand: triggers write it for whoever does not know it.
CREATE TABLE things_by_word (word TEXT NOT NULL, id BIGINT NOT NULL, PRIMARY KEY (word, id)) WITHOUT ROWID;
CREATE TRIGGER things_by_word_added AFTER INSERT ON things BEGIN
  INSERT OR IGNORE INTO things_by_word VALUES (new.word, new.id);
END;
CREATE TRIGGER things_by_word_changed AFTER UPDATE OF word, id ON things BEGIN
  DELETE FROM things_by_word WHERE word = old.word AND id = old.id;
  INSERT OR IGNORE INTO things_by_word VALUES (new.word, new.id);
END;
CREATE TRIGGER things_by_word_removed AFTER DELETE ON things BEGIN
  DELETE FROM things_by_word WHERE word = old.word AND id = old.id;
END;`,
  '9002-words-before.sql': `-- batches: things by id after 0
INSERT OR IGNORE INTO things_by_word SELECT word, id FROM things WHERE id > $1 AND id <= $2;`,
};

describe.each(ENGINES)('a migration, on %s', (kind) => {
  let url: string;
  beforeEach(async () => {
    const address = await freshStoreAddress(kind);
    onTestFinished(address.remove);
    url = address.url;
  });

  /** A process's way to the store. */
  function open(): Engine {
    const engine =
      kind === 'sqlite' ? openSqliteEngine(url.replace('sqlite:', '')) : openPostgresEngine(url, keptLog());
    onTestFinished(() => engine.close());
    return engine;
  }
  const rows = (engine: Engine, sql: string): Promise<readonly Row[]> => engine.read({ sql, params: [] });
  const change = (engine: Engine, sql: string) => engine.commit([{ sql, params: [] }]);

  test('that says that it expands is lived with by the version before, and only then', async () => {
    const engine = open();
    await migrate(engine, clock, { folder: folderWith({ '9001-adds.sql': EXPANDS }) });
    expect(await requireCurrentSchema(engine)).toEqual(['adds']);
    expect(await migrate(engine, clock)).toEqual([]);
    const more = { '9001-adds.sql': EXPANDS, '9002-takes.sql': 'DROP TABLE spent_challenges;' };
    await migrate(engine, clock, { folder: folderWith(more) });
    await expect(requireCurrentSchema(engine)).rejects.toThrow(/version 9002, newer than this program's/);
    await expect(migrate(engine, clock)).rejects.toThrow(/Install a newer latchkey/);
  });

  test('of which nothing is said, as by the version that did not know of it, is not lived with', async () => {
    const folder = folderWith({});
    for (const file of readdirSync(folder)) if (file >= '0023') rmSync(new URL(file, folder));
    const engine = open();
    await migrate(engine, clock, { folder });
    await expect(requireCurrentSchema(engine)).rejects.toThrow(/version 22, this program needs \d+/);
    await change(
      engine,
      "INSERT INTO schema_migrations (version, name, applied_at) VALUES (9001, 'later', 1)",
    );
    await expect(requireCurrentSchema(engine, folder)).rejects.toThrow(/version 9001, newer/);
    await expect(migrate(engine, clock)).rejects.toThrow(/version 9001, newer/);
  });

  test('is applied though a later one has been', async () => {
    const engine = open();
    await migrate(engine, clock, { folder: folderWith({ '9002-later.sql': EXPANDS }) });
    const folder = folderWith({
      '9001-before.sql': 'CREATE TABLE things (id BIGINT);',
      '9002-later.sql': EXPANDS,
    });
    await expect(requireCurrentSchema(engine, folder)).rejects.toThrow(
      /version 9002 without before, this program needs 9002\. Run: latchkey migrate/,
    );
    expect(await migrate(engine, clock, { folder })).toEqual(['before']);
    expect(await requireCurrentSchema(engine, folder)).toEqual([]);
  });

  test('that fills rows in goes on where it was interrupted, and does each once', async () => {
    const engine = open();
    await migrate(engine, clock);
    await change(
      engine,
      'CREATE TABLE things (id BIGINT PRIMARY KEY, n BIGINT, most BIGINT, CHECK (n <= most))',
    );
    await change(
      engine,
      `WITH RECURSIVE numbers (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM numbers WHERE id < 3500)
       INSERT INTO things SELECT id, 0, CASE id WHEN 2500 THEN 0 ELSE 1 END FROM numbers`,
    );
    const folder = folderWith({ '9001-fills.sql': FILLS });
    const done = () => rows(engine, 'SELECT count(*) AS rows FROM things WHERE n = 1');
    await expect(migrate(engine, clock, { folder })).rejects.toThrow(/constraint/i);
    expect(await done()).toEqual([{ rows: 2000 }]);
    await expect(requireCurrentSchema(engine, folder)).rejects.toThrow(/Run: latchkey migrate/);
    await change(engine, 'UPDATE things SET most = 1');
    // Two processes go on at once.
    const both = await Promise.all([engine, open()].map((each) => migrate(each, clock, { folder })));
    expect(both.flat()).toEqual(['fills']);
    expect(await done()).toEqual([{ rows: 3500 }]);
    expect(await rows(engine, "SELECT name FROM facts WHERE name LIKE 'migration:%'")).toEqual([]);
  });

  test('that builds an index builds it after it was interrupted', async () => {
    const engine = open();
    await migrate(engine, clock);
    await change(engine, 'CREATE TABLE things (word TEXT)');
    await change(engine, "INSERT INTO things VALUES ('twice'), ('twice')");
    const folder = folderWith({ '9001-index.sql': INDEX });
    await expect(migrate(engine, clock, { folder })).rejects.toThrow();
    await change(engine, 'DELETE FROM things');
    const both = await Promise.all([engine, open()].map((each) => migrate(each, clock, { folder })));
    expect(both.flat()).toEqual(['index']);
    await change(engine, "INSERT INTO things VALUES ('twice')");
    await expect(change(engine, "INSERT INTO things VALUES ('twice')")).rejects.toThrow();
  });
});

describe('an index of many rows, on the embedded store', () => {
  test('is a table that is filled in, and holds what was written meanwhile', async () => {
    const address = await freshStoreAddress('sqlite');
    onTestFinished(address.remove);
    const open = () => {
      const engine = openSqliteEngine(address.url.replace('sqlite:', ''));
      onTestFinished(() => engine.close());
      return engine;
    };
    const [engine, other] = [open(), open()];
    const change = (sql: string) => other.commit([{ sql, params: [] }]);
    const rows = (sql: string) => other.read({ sql, params: [] });
    await migrate(engine, clock);
    await change('CREATE TABLE things (id BIGINT PRIMARY KEY, word TEXT NOT NULL) WITHOUT ROWID');
    await change(
      `WITH RECURSIVE numbers (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM numbers WHERE id < 5000)
       INSERT INTO things SELECT 2 * id, 'word' || (id * 7919 % 1000) FROM numbers`,
    );
    const migrating = migrate(engine, clock, { folder: folderWith(INDEX_AS_TABLE) });
    for (let turn = 0; turn < 50; turn += 1) {
      const id = 2 * Math.floor(Math.random() * 5000) + 2;
      await change(`UPDATE things SET word = 'new${turn}' WHERE id = ${id}`);
      await change(`INSERT OR IGNORE INTO things VALUES (${id + 1}, 'late${turn}')`);
      await change(`DELETE FROM things WHERE id = ${10_000 - turn}`);
    }
    expect(await migrating).toEqual(['words', 'words-before']);
    expect(await rows('SELECT word, id FROM things_by_word ORDER BY word, id')).toEqual(
      await rows('SELECT word, id FROM things ORDER BY word, id'),
    );
    const [plan] = await rows(`EXPLAIN QUERY PLAN SELECT id FROM things_by_word WHERE word = 'new1'`);
    expect(String(plan?.detail)).toMatch(/SEARCH things_by_word USING PRIMARY KEY/);
  });
});

describe('a migration on PostgreSQL', () => {
  async function migrated() {
    const { url } = await freshStoreAddress('postgres');
    const engine = openPostgresEngine(url, keptLog());
    onTestFinished(() => engine.close());
    await migrate(engine, clock);
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    onTestFinished(() => other.end());
    return { engine, other };
  }

  test('does not wait for its lock for long, says so, and tries again', async () => {
    const { engine, other } = await migrated();
    await other.query('BEGIN; SELECT name FROM facts');
    const told: string[] = [];
    const folder = folderWith({ '9001-adds.sql': EXPANDS });
    const running = migrate(engine, clock, { folder, tell: (text) => told.push(text) });
    await expect.poll(() => told.length, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(told[0]).toMatch(/adds: its table is in use/);
    // It stands in nobody's way meanwhile.
    expect(await engine.read({ sql: 'SELECT count(*) AS facts FROM facts', params: [] })).toHaveLength(1);
    await other.query('COMMIT');
    expect(await running).toEqual(['adds']);
  });

  test('completes an index that was left incomplete', async () => {
    const { engine, other } = await migrated();
    await other.query("CREATE TABLE things (word TEXT); INSERT INTO things VALUES ('twice'), ('twice')");
    const folder = folderWith({ '9001-index.sql': INDEX });
    await expect(migrate(engine, clock, { folder })).rejects.toThrow(/could not create unique index/);
    const isComplete = async () =>
      (await other.query("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('things_by_word')"))
        .rows[0];
    expect(await isComplete()).toEqual({ indisvalid: false });
    await other.query('DELETE FROM things');
    expect(await migrate(engine, clock, { folder })).toEqual(['index']);
    expect(await isComplete()).toEqual({ indisvalid: true });
  });
});

test.each(ENGINES)('no migration up to the one that began it says on %s that it expands', (dialect) => {
  const expanding = migrationsFor(dialect, MIGRATIONS).filter((each) => readMigration(dialect, each).expands);
  expect(expanding.filter(({ version }) => version <= 23)).toEqual([]);
});
