import type { Row } from './engine.ts';

/** A column that is never null and holds text. */
export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new TypeError(`column ${column} is not text`);
  return value;
}

/** A column that holds text or null. */
export function optionalText(row: Row, column: string): string | null {
  return row[column] == null ? null : text(row, column);
}

/** A column that is never null and holds an integer. */
export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new TypeError(`column ${column} is not a number`);
  return value;
}

/** A column that holds an integer or null. */
export function optionalInteger(row: Row, column: string): number | null {
  return row[column] == null ? null : integer(row, column);
}

/** A column that holds 0 or 1. */
export function flag(row: Row, column: string): boolean {
  return integer(row, column) !== 0;
}

/** A column that holds the text of a JSON object. */
export function jsonObject(row: Row, column: string): Record<string, unknown> {
  return JSON.parse(text(row, column)) as Record<string, unknown>;
}
