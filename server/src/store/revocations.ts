import type { Change, Engine, Value } from './engine.ts';
import { integer, text } from './rows.ts';
import type { PrincipalKind } from './sessions.ts';

/** Why the tokens of a session are taken no longer. */
export type RevocationReason =
  | 'signed-out'
  | 'ended-by-owner'
  | 'switched-role'
  | 'proven-again'
  | 'refresh-token-reused'
  | 'signed-out-by-operator'
  | 'account-disabled'
  | 'password-changed'
  | 'address-changed'
  | 'factors-changed'
  | 'factors-changed-by-owner'
  | 'second-factor-missing'
  | 'installation-changed'
  | 'membership-removed'
  | 'organisation-suspended'
  | 'account-changed'
  | 'store-restored';

/** A session whose tokens are taken no longer. */
export interface Revocation {
  /** Rises with every revocation, in the order of commits. */
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly sessionId: string;
  readonly principal: { readonly kind: PrincipalKind; readonly id: string };
  readonly reason: RevocationReason;
}

/** Reads the list that resource servers follow. */
export function revocationReader(engine: Engine) {
  return {
    /** Up to that many after a number, of those not older than a time, in their order. */
    async after(sequence: number, since: number, limit: number): Promise<Revocation[]> {
      const rows = await engine.read({
        sql: `SELECT sequence, at, session_id, principal_kind, principal_id, reason FROM revocations
              WHERE sequence > $1 AND at >= $2 ORDER BY sequence LIMIT $3`,
        params: [sequence, since, limit],
      });
      return rows.map((row) => ({
        sequence: integer(row, 'sequence'),
        at: integer(row, 'at'),
        sessionId: text(row, 'session_id'),
        principal: { kind: text(row, 'principal_kind') as PrincipalKind, id: text(row, 'principal_id') },
        reason: text(row, 'reason') as RevocationReason,
      }));
    },

    /** The number of the newest; 0 without any. */
    async newest(): Promise<number> {
      const [row] = await engine.read({
        sql: 'SELECT max(sequence) AS newest FROM revocations',
        params: [],
      });
      return Number(row?.newest ?? 0);
    },
  };
}

/**
 * Writes down that the tokens of sessions are taken no longer. Comes before whatever ends them in the same commit: only
 * those that have not ended are found.
 * @param which a condition on `sessions s`, its parameters from $4 on
 */
export function revoke(
  which: string,
  params: readonly Value[],
  reason: RevocationReason,
  now: number,
): Change {
  return {
    sessions: 'ends',
    sql: `INSERT INTO revocations (at, session_id, principal_kind, principal_id, reason)
          SELECT CAST($1 AS BIGINT), s.id, s.principal_kind, s.principal_id, CAST($2 AS TEXT) FROM sessions s
          WHERE s.ended_at IS NULL AND s.expires_at > $3 AND (${which})`,
    params: [now, reason, now, ...params],
  };
}
