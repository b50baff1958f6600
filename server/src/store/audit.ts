import type { AuditEvent } from '../audit/event.ts';
import type { Change, Engine } from './engine.ts';
import { integer, optionalText, text } from './rows.ts';

/** An event with its place in the log. */
export interface AuditRecord extends AuditEvent {
  readonly sequence: number;
}

/** Which events to read. */
export interface AuditFilter {
  readonly afterSequence: number;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly accountId: string | null;
  readonly limit: number;
}

/** Reads the audit log. */
export function auditReader(engine: Engine) {
  return {
    /** Events in the order of writing. */
    async events(filter: AuditFilter): Promise<AuditRecord[]> {
      const rows = await engine.read({
        sql: `SELECT * FROM audit WHERE sequence > $1 AND at >= $2 AND (CAST($3 AS TEXT) IS NULL OR account_id = $3) ORDER BY sequence LIMIT $4`,
        params: [filter.afterSequence, filter.since, filter.accountId, filter.limit],
      });
      return rows.map((row) => ({
        sequence: integer(row, 'sequence'),
        at: integer(row, 'at'),
        event: text(row, 'event') as AuditEvent['event'],
        reason: optionalText(row, 'reason'),
        accountId: optionalText(row, 'account_id'),
        organisationId: optionalText(row, 'organisation_id'),
        mount: optionalText(row, 'mount'),
        sessionId: optionalText(row, 'session_id'),
        address: optionalText(row, 'address'),
        requestId: optionalText(row, 'request_id'),
        detail: row.detail == null ? null : (JSON.parse(text(row, 'detail')) as Record<string, unknown>),
      }));
    },
  };
}

/** Writes an event, in the same commit as what it tells. */
export function recordAudit(event: AuditEvent): Change {
  return {
    sql: `INSERT INTO audit (at, event, reason, account_id, organisation_id, mount, session_id, address, request_id, detail)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    params: [
      event.at,
      event.event,
      event.reason,
      event.accountId,
      event.organisationId,
      event.mount,
      event.sessionId,
      event.address,
      event.requestId,
      event.detail === null ? null : JSON.stringify(event.detail),
    ],
  };
}
