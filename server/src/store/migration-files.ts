import { readdirSync, readFileSync } from 'node:fs';
import type { Engine, IndexToBuild, Value } from './engine.ts';

/** Where the program's migrations are. */
export const MIGRATIONS = new URL('../../migrations/', import.meta.url);

/** A step of the schema, as it is known by its file's name. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly file: URL;
}

/** Rows that are filled in a batch at a time, in the order of a key. */
export interface Batches {
  readonly table: string;
  readonly key: string;
  /** What is below every key. */
  readonly before: string | number;
  /** Fills in the rows whose key is above `$1` and not above `$2`. */
  readonly sql: string;
}

/** What a migration does. */
export interface MigrationWork {
  /** Whether servers of the version before can live with it. */
  readonly expands: boolean;
  /** What is done in one transaction. */
  readonly script: string;
  /** An index that is built while others write. */
  readonly index: IndexToBuild | null;
  readonly batches: Batches | null;
}

/** NNNN-name.sql for both engines, or a NNNN-name.sqlite.sql and a NNNN-name.postgres.sql where they must differ. */
export function migrationsFor(dialect: Engine['dialect'], folder: URL): Migration[] {
  const found: Migration[] = [];
  for (const file of readdirSync(folder).sort()) {
    const match = /^(\d{4})-([a-z-]+)(?:\.(sqlite|postgres))?\.sql$/.exec(file);
    if (!match?.[1] || !match[2]) continue;
    if (match[3] && match[3] !== dialect) continue;
    found.push({ version: Number(match[1]), name: match[2], file: new URL(file, folder) });
  }
  return found;
}

/**
 * Reads what a migration does on that engine. `-- expand: WHY` declares that servers of the version before can live with
 * it. `-- batches: TABLE by KEY after VALUE` has its one statement run for a thousand rows at a time. One that makes an
 * index CONCURRENTLY does nothing else.
 */
export function readMigration(dialect: Engine['dialect'], migration: Migration): MigrationWork {
  const text = readFileSync(migration.file, 'utf8');
  const sql = sqlFor(dialect, text);
  const expands = /^-- expand: \S/m.test(text);
  const batches = batchesOf(text, sql);
  const index = indexOf(text, sql);
  return { expands, batches, index, script: batches || index ? '' : sql };
}

function batchesOf(text: string, sql: string): Batches | null {
  const [, table, key, before] = /^-- batches: (\w+) by (\w+) after (""|-?\d+)$/m.exec(text) ?? [];
  if (table === undefined || key === undefined || before === undefined) return null;
  return { table, key, before: JSON.parse(before) as Exclude<Value, null>, sql };
}

function indexOf(text: string, sql: string): IndexToBuild | null {
  if (!/\bCONCURRENTLY\b/.test(text)) return null;
  const name = /\bINDEX\s+(?:CONCURRENTLY\s+)?IF NOT EXISTS (\w+)/.exec(sql)?.[1];
  if (name === undefined) throw new Error(`an index is built by CREATE INDEX … IF NOT EXISTS: ${sql}`);
  return { name, sql };
}

/** What stands in a comment that begins with an engine's name is part of the script on that engine. */
function sqlFor(dialect: Engine['dialect'], script: string): string {
  const own = script.replaceAll(
    /\/\* (sqlite|postgres): ([\s\S]*?)\*\//g,
    (_, engine: string, text: string) => (engine === dialect ? text : ''),
  );
  if (/\b(sqlite|postgres): /.test(own)) throw new Error(`a part for one engine was not understood: ${own}`);
  return own;
}
