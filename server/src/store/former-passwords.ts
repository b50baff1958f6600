import type { Change, Engine } from './engine.ts';
import { text } from './rows.ts';

/** How many passwords are remembered beside the present one. */
const REMEMBERED = 4;

/** Reads the hashes of passwords that accounts had before. */
export function formerPasswordReader(engine: Engine) {
  return {
    /** Those of an account that may not come back, the newest first. */
    async of(accountId: string): Promise<string[]> {
      const rows = await engine.read({
        sql: `SELECT password_hash FROM former_passwords WHERE account_id = $1 ORDER BY epoch DESC LIMIT ${REMEMBERED}`,
        params: [accountId],
      });
      return rows.map((row) => text(row, 'password_hash'));
    },
  };
}

/**
 * Remembers an account's present password as a former one, and forgets those that are too old. Comes before the epoch rises
 * in the commit that replaces it. A hash that was renewed meanwhile is still the same password, and counts once.
 */
export function rememberPassword(accountId: string): Change[] {
  return [
    {
      sql: `INSERT INTO former_passwords (account_id, epoch, password_hash)
            SELECT id, epoch, password_hash FROM accounts WHERE id = $1 AND password_hash IS NOT NULL
            ON CONFLICT (account_id, epoch) DO NOTHING`,
      params: [accountId],
    },
    {
      sql: `DELETE FROM former_passwords WHERE account_id = $1 AND epoch NOT IN
            (SELECT epoch FROM former_passwords WHERE account_id = $1 ORDER BY epoch DESC LIMIT ${REMEMBERED})`,
      params: [accountId],
    },
  ];
}
