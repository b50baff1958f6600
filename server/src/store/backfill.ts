import { setTimeout as pause } from 'node:timers/promises';
import type { Engine } from './engine.ts';
import { factReader, forgetFact, replaceFact, stateFact } from './facts.ts';
import type { Batches } from './migration-files.ts';

/** Small enough for others not to notice that its rows are locked. */
const BATCH_ROWS = 1000;

/**
 * Fills rows in, each batch in a short transaction that also says how far it has come: what was interrupted goes on
 * there, and of two processes each batch is done by one. Rests as long as a batch took, so that servers get their turn.
 * @param fact the name of the fact that says how far it has come
 * @param isApplied whether the migration is in the table of those that were
 */
export async function backfill(
  engine: Engine,
  fact: string,
  batches: Batches,
  isApplied: () => Promise<boolean>,
): Promise<void> {
  const { table, key, before, sql } = batches;
  await engine.commit([stateFact(fact, JSON.stringify(before))]);
  // Another process had come to the end, and forgotten the fact, before it was stated here.
  if (await isApplied()) return void (await engine.commit([forgetFact(fact)]));
  for (;;) {
    const begun = performance.now();
    const from = await factReader(engine).value(fact);
    // Another process has come to the end meanwhile.
    if (from === null) return;
    const position = JSON.parse(from) as string | number;
    const [batch] = await engine.read({
      sql: `SELECT max(${key}) AS last FROM
              (SELECT ${key} FROM ${table} WHERE ${key} > $1 ORDER BY ${key} LIMIT ${BATCH_ROWS}) AS batch`,
      params: [position],
    });
    const last = batch?.last ?? null;
    if (last === null) return;
    await engine.commit([replaceFact(fact, from, JSON.stringify(last)), { sql, params: [position, last] }]);
    await pause(performance.now() - begun);
  }
}
