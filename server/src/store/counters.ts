import type { Change, Committed } from './engine.ts';
import { integer } from './rows.ts';

/** What numbers are handed out for. */
export type Counter = 'account' | 'resource-code';

/** Takes that many numbers. `firstTaken` reads the first of them from the commit's result. */
export function takeNumbers(counter: Counter, count: number): Change {
  return {
    sql: 'UPDATE counters SET value = value + $2 WHERE name = $1 RETURNING value',
    params: [counter, count],
  };
}

/** The first of the numbers that a commit of `takeNumbers` alone took. */
export function firstTaken(committed: Committed, count: number): number {
  const [row] = (committed.ok && committed.rows[0]) || [];
  if (!row) throw new Error('the store has no such counter');
  return integer(row, 'value') - count + 1;
}

/** Makes sure that numbers given from outside are never handed out. */
export function reserveNumbers(counter: Counter, highest: number): Change {
  return { sql: 'UPDATE counters SET value = $2 WHERE name = $1 AND value < $2', params: [counter, highest] };
}
