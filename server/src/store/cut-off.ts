import type { Change, Engine } from './engine.ts';
import { factReader } from './facts.ts';
import { text } from './rows.ts';

/** How many rows one commit of a cut-off takes, at most, so that it never holds the store for long. */
const PIECE_ROWS = 500;

/** What a cut-off goes through, a piece at a time. */
export type CutOffTable = 'accounts' | 'installations' | 'sessions';

/** Where a piece begins, and the last key that is in it. */
export interface Piece {
  readonly after: string;
  readonly last: string;
}

/** The fact that says when the last cut-off was, in milliseconds since 1970. */
export const CUT_OFF_FACT = 'cut-off';

/** Reads what a cut-off goes by, and what it leaves. */
export function cutOffReader(engine: Engine) {
  const facts = factReader(engine);
  const count = async (sql: string, params: readonly number[]): Promise<number> => {
    const [row] = await engine.read({ sql, params });
    return Number(row?.every ?? 0);
  };
  return {
    /** When the last cut-off was, in milliseconds since 1970; 0 when there was none. */
    at: async (): Promise<number> => Number((await facts.value(CUT_OFF_FACT)) ?? 0),

    /** The piece of a table after a key; null when nothing is left. */
    async piece(table: CutOffTable, after: string): Promise<Piece | null> {
      const [row] = await engine.read({
        sql: `SELECT max(id) AS last FROM (SELECT id FROM ${table} WHERE id > $1 ORDER BY id LIMIT ${PIECE_ROWS}) piece`,
        params: [after],
      });
      return row?.last == null ? null : { after, last: text(row, 'last') };
    },

    /** How many resource codes have a use left that may have been spent since. */
    limitedCodes: (now: number): Promise<number> =>
      count(
        `SELECT count(*) AS every FROM resource_codes WHERE max_uses > 0 AND uses < max_uses AND revoked = 0
         AND (expires_at IS NULL OR expires_at > $1)`,
        [now],
      ),

    /** How many recovery codes there are: those that were used since are among them. */
    recoveryCodes: (): Promise<number> => count('SELECT count(*) AS every FROM recovery_codes', []),
  };
}

/** Says when the last cut-off was: challenges that were made before are good no longer, revocations are counted anew. */
export function stateCutOff(at: number): Change {
  return {
    sql: 'INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    params: [CUT_OFF_FACT, String(at)],
  };
}

/** Ends what was issued to the accounts of a piece: sessions and tickets are of an older epoch. Returns a row for each. */
export function cutAccountsOff({ after, last }: Piece): Change {
  return {
    sql: 'UPDATE accounts SET epoch = epoch + 1 WHERE id > $1 AND id <= $2 RETURNING 1 AS cut',
    params: [after, last],
  };
}

/** Forgets the devices of the accounts of a piece. Returns a row for each. */
export function forgetDevicesOf({ after, last }: Piece): Change {
  return {
    sql: `UPDATE devices SET forgotten = 1, fingerprint_sealed = '', name = NULL
          WHERE account_id > $1 AND account_id <= $2 AND forgotten = 0 RETURNING 1 AS forgotten`,
    params: [after, last],
  };
}

/** Ends what was issued to the installations of a piece. Returns a row for each. */
export function cutInstallationsOff({ after, last }: Piece): Change {
  return {
    sql: 'UPDATE installations SET epoch = epoch + 1 WHERE id > $1 AND id <= $2 RETURNING 1 AS cut',
    params: [after, last],
  };
}
