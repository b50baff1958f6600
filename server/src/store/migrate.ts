import { setTimeout as pause } from 'node:timers/promises';
import { OperatorError, StoreBusyError, StoreConflictError } from '../errors.ts';
import type { Clock } from '../ports.ts';
import { backfill } from './backfill.ts';
import type { Engine } from './engine.ts';
import { MIGRATIONS, type Migration, migrationsFor, readMigration } from './migration-files.ts';

/** The versions of the schema that were applied just now, in order. Empty when it was current. */
export type Applied = readonly string[];

/** What else there is to say about bringing a schema up to date. */
export interface MigrateOptions {
  /** Is told what it waits for. */
  readonly tell?: (text: string) => void;
  /** Where the migrations are, for tests. */
  readonly folder?: URL;
}

/** From this one on, the table of migrations says which ones expand. */
const EXPANDING_VERSION = 23;

const LOCK_MILLISECONDS = 200;
const LOCK_ATTEMPTS = 30;
const LOCK_PAUSE_MILLISECONDS = 1000;

/**
 * What the servers that run do waits behind whoever waits for a lock on their table: so that is short. Before that, of two
 * processes that migrate one waits for the other, as long as it takes.
 */
const POSTGRES = {
  first: `SELECT pg_advisory_xact_lock(hashtext('latchkey.migrate'));`,
  locks: `SET LOCAL lock_timeout = ${LOCK_MILLISECONDS};`,
};

/**
 * Brings the schema up to the newest version. Each migration is one transaction, an index, or batches that say how far they
 * have come, so that an interrupted run goes on where it stopped. Several processes may run it at once, and beside servers.
 */
export async function migrate(engine: Engine, clock: Clock, options: MigrateOptions = {}): Promise<Applied> {
  const { folder = MIGRATIONS, tell = () => undefined } = options;
  await createLedger(engine);
  await requireKnownSchema(engine, folder);
  const applied: string[] = [];
  for (const migration of migrationsFor(engine.dialect, folder)) {
    if ((await appliedMigrations(engine)).has(migration.version)) continue;
    if (await apply(engine, migration, clock.now(), tell)) applied.push(migration.name);
  }
  await requireCurrentSchema(engine, folder);
  return applied;
}

/**
 * Refuses a store whose schema this program cannot work with.
 * @returns the migrations that it does not know and can live with
 * @throws OperatorError saying which is older and what to do
 */
export async function requireCurrentSchema(engine: Engine, folder = MIGRATIONS): Promise<readonly string[]> {
  const unknown = await requireKnownSchema(engine, folder);
  const applied = await appliedMigrations(engine);
  const known = migrationsFor(engine.dialect, folder);
  const missing = known.filter(({ version }) => !applied.has(version));
  if (missing.length > 0) {
    const newest = newestOf(applied);
    const passedOver = missing.flatMap(({ version, name }) => (version < newest ? [name] : []));
    const without = passedOver.length === 0 ? '' : ` without ${passedOver.join(', ')}`;
    throw new OperatorError(
      `the store's schema is version ${newest}${without}, this program needs ${known.at(-1)?.version}. Run: latchkey migrate`,
    );
  }
  return unknown;
}

/** Refuses a schema with a migration that this program does not know, unless that one has said that it only expands. */
async function requireKnownSchema(engine: Engine, folder: URL): Promise<readonly string[]> {
  const applied = await appliedMigrations(engine);
  const known = migrationsFor(engine.dialect, folder);
  const unknown = [...applied].filter(([version]) => known.every((each) => each.version !== version));
  const expanding = unknown.length === 0 ? new Set() : await expandingVersions(engine, applied);
  if (unknown.some(([version]) => !expanding.has(version))) {
    throw new OperatorError(
      `the store's schema is version ${newestOf(applied)}, newer than this program's ${known.at(-1)?.version}. Install a newer latchkey.`,
    );
  }
  return unknown.map(([, name]) => name);
}

const newestOf = (applied: ReadonlyMap<number, string>): number => Math.max(0, ...applied.keys());

async function createLedger(engine: Engine): Promise<void> {
  const columns = 'version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL';
  try {
    await engine.runScript(`CREATE TABLE IF NOT EXISTS schema_migrations (${columns})`);
  } catch (error) {
    // Two processes made it at the same moment: PostgreSQL lets one of them fail although it exists now.
    if (!(error instanceof StoreConflictError)) throw error;
  }
}

/** Their names, by version. */
async function appliedMigrations(engine: Engine): Promise<ReadonlyMap<number, string>> {
  const catalogue =
    engine.dialect === 'sqlite'
      ? "SELECT count(*) AS present FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'"
      : "SELECT count(*) AS present FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'schema_migrations'";
  const [table] = await engine.read({ sql: catalogue, params: [] });
  if (!table?.present) return new Map();
  const sql = 'SELECT version, name FROM schema_migrations ORDER BY version';
  const rows = await engine.read({ sql, params: [] });
  return new Map(rows.map(({ version, name }) => [Number(version), String(name)]));
}

async function expandingVersions(engine: Engine, applied: ReadonlyMap<number, string>): Promise<Set<number>> {
  // Whoever wrote the table did not say.
  if (!applied.has(EXPANDING_VERSION)) return new Set();
  const sql = 'SELECT version FROM schema_migrations WHERE expands = 1';
  return new Set((await engine.read({ sql, params: [] })).map(({ version }) => Number(version)));
}

/** Whether this process was the one that applied it. */
async function apply(
  engine: Engine,
  migration: Migration,
  now: number,
  tell: (text: string) => void,
): Promise<boolean> {
  const { version, name } = migration;
  const { expands, script, index, batches } = readMigration(engine.dialect, migration);
  const progress = `migration:${version}`;
  if (index) await engine.buildIndex(index);
  const isApplied = async () => (await appliedMigrations(engine)).has(version);
  if (batches) await backfill(engine, progress, batches, isApplied);
  const { first, locks } = engine.dialect === 'postgres' ? POSTGRES : { first: '', locks: '' };
  const lines = [
    first,
    // The row comes before the script: of two processes, the second finds it taken.
    `INSERT INTO schema_migrations (version, name, applied_at) VALUES (${version}, '${name}', ${now});`,
    locks,
    script,
    expands ? `UPDATE schema_migrations SET expands = 1 WHERE version = ${version};` : '',
    batches ? `DELETE FROM facts WHERE name = '${progress}';` : '',
  ];
  try {
    await withLocks(migration, tell, () => engine.runScript(lines.join('\n')));
    return true;
  } catch (error) {
    if (error instanceof StoreConflictError) return false;
    throw error;
  }
}

/** Tries again and again, for as long as somebody else has what it changes. */
async function withLocks(
  { version, name }: Migration,
  tell: (text: string) => void,
  work: () => Promise<void>,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreBusyError)) throw error;
      if (attempt === LOCK_ATTEMPTS) {
        throw new OperatorError(
          `migration ${version} (${name}) found its table in use ${attempt} times: ${error.message}. Nothing of it was applied. Wait for the long transaction that has it, such as a backup, to end, and run latchkey migrate again.`,
        );
      }
      tell(`${name}: its table is in use, tried again (${attempt} of ${LOCK_ATTEMPTS})`);
      await pause(LOCK_PAUSE_MILLISECONDS);
    }
  }
}
