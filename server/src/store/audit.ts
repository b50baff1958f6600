import type { AuditEvent } from '../audit/event.ts';
import type { Change, Engine, Row } from './engine.ts';
import { integer, optionalInteger, optionalText, text } from './rows.ts';

/** An event with its place in the log. */
export interface AuditRecord extends AuditEvent {
  /** In the order of writing. */
  readonly sequence: number;
  /** Its place in the chain, from 1 without a gap; null until it has one, which is within a second or two. */
  readonly link: number | null;
  /** A keyed hash over the event and the seal before it; null until it has a place. */
  readonly seal: string | null;
}

/** Which events to read. */
export interface AuditFilter {
  readonly afterSequence: number;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly accountId: string | null;
  readonly limit: number;
}

/** How far the chain has come: the highest row number and the latest time among its last events. */
export interface Newest {
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Of how many events at the end of the chain that is taken: more than one commit gives their places. */
const LAST_EVENTS = 256;

/**
 * How long after it was written an event may be committed. A statement has five seconds and waits for a connection no longer
 * than a client does; a machine that stood still has this much.
 */
const LATEST_MILLISECONDS = 600_000;

/** Without a place, although events that were numbered after it and written long after it have theirs. */
const STRAYED = 'sequence < $2 AND at < $3';
const strayedBefore = ({ sequence, at }: Newest) => [sequence, at - LATEST_MILLISECONDS];

const COLUMNS = `sequence, at, event, actor, reason, account_id, organisation_id, mount, contract, factor, device, session_id,
  address, request_id, detail, link, seal`;

// The plus keeps the index by time out of it: read in the order of writing, the rows that are wanted come first.
const PAGE = 'sequence > $1 AND +at >= $2 ORDER BY sequence LIMIT $3';
const OF_ALL = `SELECT ${COLUMNS} FROM audit WHERE ${PAGE}`;
const OF_ACCOUNT = `SELECT ${COLUMNS} FROM audit WHERE account_id = $4 AND ${PAGE}`;

/** Events that servers write at once come in another order than their times: how many of them are looked at. */
const NEAR_EVENTS = 10_000;

/** Reads the audit log. */
export function auditReader(engine: Engine) {
  async function records(sql: string, params: readonly (string | number | null)[]): Promise<AuditRecord[]> {
    return (await engine.read({ sql, params })).map(recordOf);
  }
  /** No event from that time on was written before this one. */
  async function firstSince(time: number): Promise<number> {
    const [row] = await engine.read({
      sql: `SELECT min(sequence) AS first FROM (SELECT sequence FROM audit WHERE at >= $1 ORDER BY at LIMIT ${NEAR_EVENTS}) near`,
      params: [time],
    });
    return Number(row?.first ?? 0);
  }
  return {
    /** Events in the order of writing. */
    async events({ afterSequence, since, accountId, limit }: AuditFilter): Promise<AuditRecord[]> {
      if (accountId !== null) return records(OF_ACCOUNT, [afterSequence, since, limit, accountId]);
      const after = Math.max(afterSequence, since === 0 ? 0 : (await firstSince(since)) - 1);
      return records(OF_ALL, [after, since, limit]);
    },

    /** When the first event was written that has no place in the chain, in milliseconds since 1970; null when all have theirs. */
    async waitingSince(): Promise<number | null> {
      const sql = 'SELECT at FROM audit WHERE link IS NULL ORDER BY sequence LIMIT 1';
      const [row] = await engine.read({ sql, params: [] });
      return row ? integer(row, 'at') : null;
    },

    /** Events that have no place in the chain yet, in the order of writing. */
    withoutLink: (limit: number, newest: Newest): Promise<AuditRecord[]> =>
      records(
        `SELECT ${COLUMNS} FROM audit WHERE link IS NULL AND NOT (${STRAYED}) ORDER BY sequence LIMIT $1`,
        [limit, ...strayedBefore(newest)],
      ),

    /** Events without a place that can no longer be given one: they had one, or were put in later. */
    strayed: (limit: number, newest: Newest): Promise<AuditRecord[]> =>
      records(`SELECT ${COLUMNS} FROM audit WHERE link IS NULL AND ${STRAYED} ORDER BY sequence LIMIT $1`, [
        limit,
        ...strayedBefore(newest),
      ]),

    /** How far the chain has come that ends with a place. */
    async newest(link: number): Promise<Newest> {
      const [row] = await engine.read({
        sql: 'SELECT max(sequence) AS sequence, max(at) AS at FROM audit WHERE link > $1 AND link <= $2',
        params: [link - LAST_EVENTS, link],
      });
      return { sequence: Number(row?.sequence ?? 0), at: Number(row?.at ?? 0) };
    },

    /** Events of the chain after a place, in its order. */
    afterLink: (link: number, limit: number): Promise<AuditRecord[]> =>
      records(`SELECT ${COLUMNS} FROM audit WHERE link > $1 ORDER BY link LIMIT $2`, [link, limit]),

    /** The last event of the chain; null without one. */
    async last(): Promise<AuditRecord | null> {
      const sql = `SELECT ${COLUMNS} FROM audit WHERE link IS NOT NULL ORDER BY link DESC LIMIT 1`;
      return (await records(sql, []))[0] ?? null;
    },
  };
}

function recordOf(row: Row): AuditRecord {
  return {
    sequence: integer(row, 'sequence'),
    at: integer(row, 'at'),
    event: text(row, 'event') as AuditEvent['event'],
    actor: optionalText(row, 'actor'),
    reason: optionalText(row, 'reason'),
    accountId: optionalText(row, 'account_id'),
    organisationId: optionalText(row, 'organisation_id'),
    mount: optionalText(row, 'mount'),
    contract: optionalText(row, 'contract'),
    factor: optionalText(row, 'factor'),
    device: optionalText(row, 'device'),
    sessionId: optionalText(row, 'session_id'),
    address: optionalText(row, 'address'),
    requestId: optionalText(row, 'request_id'),
    detail: row.detail == null ? null : (JSON.parse(text(row, 'detail')) as Record<string, unknown>),
    link: optionalInteger(row, 'link'),
    seal: optionalText(row, 'seal'),
  };
}

/** Writes an event, in the same commit as what it tells. */
export function recordAudit(event: AuditEvent): Change {
  return {
    sql: `INSERT INTO audit (at, event, reason, account_id, organisation_id, mount, session_id, address, request_id, detail,
            actor, contract, factor, device)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
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
      event.actor,
      event.contract,
      event.factor,
      event.device,
    ],
  };
}

/** Gives an event its place in the chain, once. */
export function linkAudit(sequence: number, link: number, seal: string): Change {
  return {
    guard: 'link',
    sql: 'UPDATE audit SET link = $2, seal = $3 WHERE sequence = $1 AND link IS NULL RETURNING link',
    params: [sequence, link, seal],
  };
}

/** Removes events from the beginning of the chain. A fact must say so before, in the same commit. */
export function removeAuditTo(link: number): Change {
  return { sql: 'DELETE FROM audit WHERE link <= $1', params: [link] };
}
