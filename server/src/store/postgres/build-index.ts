import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import type { IndexToBuild } from '../engine.ts';

const LOOK_AGAIN_MILLISECONDS = 500;

/**
 * Builds an index while others write, outside of a transaction. Of several processes one builds: the others look again and
 * again, since PostgreSQL, before it completes an index, waits for everybody who waits inside a statement.
 */
export async function buildIndex(client: pg.Client, { name, sql }: IndexToBuild): Promise<void> {
  const key = "hashtext('latchkey.migrate-index')";
  const isMine = async () => {
    const { rows } = await client.query(`SELECT pg_try_advisory_lock(${key}) AS mine`);
    return rows[0].mine as boolean;
  };
  // A process that was killed has it for as long as its connection is at the index.
  while (!(await isMine())) await pause(LOOK_AGAIN_MILLISECONDS);
  const { rows } = await client.query(
    'SELECT indisvalid AS complete FROM pg_index WHERE indexrelid = to_regclass($1)',
    [name],
  );
  // What was interrupted stays, is not used, and is in the way of the next.
  if (rows[0]?.complete === false) await client.query(`DROP INDEX CONCURRENTLY ${name}`);
  await client.query(sql);
}
