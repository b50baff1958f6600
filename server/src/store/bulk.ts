import type { Change, Value } from './engine.ts';

/** Rows a statement takes. A few fixed sizes, so that each table has a few statements to prepare and no more. */
const BLOCK_SIZES = [128, 16, 1] as const;

/** A table, its columns in the order of the rows, and what an insert does when the key is there already. */
export interface BulkInsert {
  readonly table: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
  /** `update` overwrites every column that is not part of the key; `keep` leaves the row as it is. */
  readonly onConflict: 'update' | 'keep' | 'fail';
  /** Columns that an update leaves as they are: others change them while we look away. */
  readonly keeps?: readonly string[];
}

/** Inserts many rows with few statements. No two rows may have the same key. */
export function insertRows(into: BulkInsert, rows: readonly (readonly Value[])[]): Change[] {
  const changes: Change[] = [];
  let at = 0;
  for (const size of BLOCK_SIZES) {
    for (; rows.length - at >= size; at += size) {
      changes.push({ sql: insertSql(into, size), params: rows.slice(at, at + size).flat() });
    }
  }
  return changes;
}

function insertSql(into: BulkInsert, rowCount: number): string {
  const width = into.columns.length;
  const tuples = Array.from({ length: rowCount }, (_, row) => {
    const places = into.columns.map((_, column) => `$${row * width + column + 1}`);
    return `(${places.join(', ')})`;
  });
  const insert = `INSERT INTO ${into.table} (${into.columns.join(', ')}) VALUES ${tuples.join(', ')}`;
  if (into.onConflict === 'fail') return insert;
  const kept = new Set([...into.key, ...(into.keeps ?? [])]);
  const updates = into.columns
    .filter((column) => !kept.has(column))
    .map((column) => `${column} = excluded.${column}`);
  const action =
    into.onConflict === 'keep' || updates.length === 0 ? 'DO NOTHING' : `DO UPDATE SET ${updates.join(', ')}`;
  return `${insert} ON CONFLICT (${into.key.join(', ')}) ${action}`;
}

/** `$1, $2, …` for a list of that many values. Lists are filled up to one of a few sizes by `padded`. */
export function places(count: number, first = 1): string {
  return Array.from({ length: count }, (_, index) => `$${first + index}`).join(', ');
}

const LIST_SIZES = [1, 8, 64, 512] as const;

/** The values, repeated up to one of a few lengths: a look-up by a list then has few statements to prepare. */
export function padded(values: readonly Value[]): Value[] {
  const size = LIST_SIZES.find((candidate) => candidate >= values.length);
  if (size === undefined)
    throw new RangeError(`a list of ${values.length} values is too long for one statement`);
  return [...values, ...new Array<Value>(size - values.length).fill(values.at(-1) ?? null)];
}
