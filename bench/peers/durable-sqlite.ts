import { join } from 'node:path';
import Database from 'better-sqlite3';
import { order } from './order.ts';

/** Opens the peer's file as durable as Latchkey opens its own: a log of what is written, synced at every commit. */
export function openDatabase(): Database.Database {
  const database = new Database(join(order.directory, 'peer.db'));
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  return database;
}
