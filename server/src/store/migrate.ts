import { readdirSync, readFileSync } from 'node:fs';
import { OperatorError, StoreConflictError } from '../errors.ts';
import type { Clock } from '../ports.ts';
import type { Engine } from './engine.ts';

const MIGRATIONS = new URL('../../migrations/', import.meta.url);

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly file: string;
}

/** The versions of the schema that were applied just now, in order. Empty when it was current. */
export type Applied = readonly string[];

/**
 * Brings the schema up to the newest version, one migration a transaction, so that an interrupted run goes on where it
 * stopped. Several processes may run it at once: each migration is applied by one of them.
 */
export async function migrate(engine: Engine, clock: Clock): Promise<Applied> {
  await createLedger(engine);
  const applied: string[] = [];
  for (const migration of migrationsFor(engine.dialect)) {
    if ((await currentVersion(engine)) >= migration.version) continue;
    if (await apply(engine, migration, clock.now())) applied.push(migration.name);
  }
  await requireCurrentSchema(engine);
  return applied;
}

/**
 * Refuses a store whose schema is not the one this program was built for.
 * @throws OperatorError saying which is older and what to do
 */
export async function requireCurrentSchema(engine: Engine): Promise<void> {
  const newest = migrationsFor(engine.dialect).at(-1)?.version ?? 0;
  const current = await currentVersion(engine);
  if (current < newest) {
    throw new OperatorError(
      `the store's schema is version ${current}, this program needs ${newest}. Run: latchkey migrate`,
    );
  }
  if (current > newest) {
    throw new OperatorError(
      `the store's schema is version ${current}, newer than this program's ${newest}. Install a newer latchkey.`,
    );
  }
}

async function createLedger(engine: Engine): Promise<void> {
  const columns = 'version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL';
  try {
    await engine.runScript(`CREATE TABLE IF NOT EXISTS schema_migrations (${columns})`);
  } catch (error) {
    // Two processes made it at the same moment: PostgreSQL lets one of them fail although it exists now.
    if (!(error instanceof StoreConflictError)) throw error;
  }
}

async function currentVersion(engine: Engine): Promise<number> {
  const catalogue =
    engine.dialect === 'sqlite'
      ? "SELECT count(*) AS present FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'"
      : "SELECT count(*) AS present FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'schema_migrations'";
  const [table] = await engine.read({ sql: catalogue, params: [] });
  if (!table?.present) return 0;
  const [row] = await engine.read({
    sql: 'SELECT max(version) AS version FROM schema_migrations',
    params: [],
  });
  return Number(row?.version ?? 0);
}

/** Whether this process was the one that applied it. */
async function apply(engine: Engine, migration: Migration, now: number): Promise<boolean> {
  const script = scriptFor(engine.dialect, readFileSync(new URL(migration.file, MIGRATIONS), 'utf8'));
  // The row comes first: of two processes, the second waits for it and then finds it taken.
  const claim = `INSERT INTO schema_migrations (version, name, applied_at) VALUES (${migration.version}, '${migration.name}', ${now});`;
  try {
    await engine.runScript(`${claim}\n${script}`);
    return true;
  } catch (error) {
    if (error instanceof StoreConflictError) return false;
    throw error;
  }
}

/** What stands in a comment that begins with an engine's name is part of the script on that engine. */
function scriptFor(dialect: Engine['dialect'], script: string): string {
  const own = script.replaceAll(
    /\/\* (sqlite|postgres): ([\s\S]*?)\*\//g,
    (_, engine: string, text: string) => (engine === dialect ? text : ''),
  );
  if (/\b(sqlite|postgres): /.test(own)) throw new Error(`a part for one engine was not understood: ${own}`);
  return own;
}

/** NNNN-name.sql for both engines, or a NNNN-name.sqlite.sql and a NNNN-name.postgres.sql where they must differ. */
function migrationsFor(dialect: Engine['dialect']): Migration[] {
  const found: Migration[] = [];
  for (const file of readdirSync(MIGRATIONS).sort()) {
    const match = /^(\d{4})-([a-z-]+)(?:\.(sqlite|postgres))?\.sql$/.exec(file);
    if (!match?.[1] || !match[2]) continue;
    if (match[3] && match[3] !== dialect) continue;
    found.push({ version: Number(match[1]), name: match[2], file });
  }
  return found;
}
