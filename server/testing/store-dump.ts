import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';

/** A row as the database has it, whatever the product makes of it. */
export type RawRow = Readonly<Record<string, unknown>>;

/** Every row of every table of a store. */
export async function readTables(url: string): Promise<Readonly<Record<string, readonly RawRow[]>>> {
  return url.startsWith('sqlite:') ? sqliteTables(pathOf(url)) : postgresTables(url);
}

/** Everything that a store keeps, in one piece that can be searched: every value of every row, and the bytes on disk. */
export async function dumpStore(url: string): Promise<Buffer> {
  const rows = Object.values(await readTables(url)).flat();
  const values = Buffer.from(rows.flatMap((row) => Object.values(row)).join('\n'));
  if (!url.startsWith('sqlite:')) return values;
  // The files have more: pages that were given up, and what the write-ahead log still holds.
  const files = ['', '-wal', '-shm', '-journal'].map((end) => `${pathOf(url)}${end}`);
  return Buffer.concat([
    ...files.filter((file) => existsSync(file)).map((file) => readFileSync(file)),
    values,
  ]);
}

const pathOf = (url: string): string => url.slice('sqlite:'.length);

function sqliteTables(path: string): Record<string, RawRow[]> {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    return Object.fromEntries(
      tables.map(({ name }) => [name, database.prepare(`SELECT * FROM "${name}"`).all() as RawRow[]]),
    );
  } finally {
    database.close();
  }
}

async function postgresTables(url: string): Promise<Record<string, RawRow[]>> {
  const asText = { getTypeParser: () => (value: unknown) => value };
  const client = new pg.Client({ connectionString: url, types: asText as pg.CustomTypesConfig });
  await client.connect();
  try {
    const found: Record<string, RawRow[]> = {};
    const tables = await client.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'");
    for (const { tablename } of tables.rows)
      found[tablename] = (await client.query(`SELECT * FROM "${tablename}"`)).rows;
    return found;
  } finally {
    await client.end();
  }
}
