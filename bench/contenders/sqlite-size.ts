import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { StoreSize } from './contender.ts';

/** What a file takes that nobody has open, with what was still in its log. */
export function sqliteSize(path: string): StoreSize {
  const database = new DatabaseSync(path);
  const table = database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('session', 'sessions')")
    .get()?.name;
  const sessions = table === undefined ? 0 : database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n;
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
  return { bytes: statSync(path).size, sessions: Number(sessions) };
}
