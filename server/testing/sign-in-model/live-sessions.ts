import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';

/** The sessions in a store, past the product. */
export interface LiveSessions {
  /** The ids of those of some accounts that have not ended, in order. */
  of(accountIds: readonly string[]): Promise<string[]>;
  close(): Promise<void>;
}

/** Reads them from the database at that address. */
export async function openLiveSessions(url: string): Promise<LiveSessions> {
  if (url.startsWith('sqlite:')) {
    const database = new DatabaseSync(url.slice('sqlite:'.length), { readOnly: true });
    const live = database.prepare(
      'SELECT s.id FROM sessions s JOIN json_each(?) a ON s.account_id = a.value WHERE s.ended_at IS NULL',
    );
    return {
      of: async (ids) => idsOf(live.all(JSON.stringify(ids))),
      close: async () => database.close(),
    };
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const live = 'SELECT id FROM sessions WHERE account_id = ANY($1) AND ended_at IS NULL';
  return {
    of: async (ids) => idsOf((await client.query(live, [ids])).rows),
    close: () => client.end(),
  };
}

function idsOf(rows: readonly Record<string, unknown>[]): string[] {
  return rows.map(({ id }) => String(id)).sort();
}
