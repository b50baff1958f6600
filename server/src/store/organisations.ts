import type { Organisation } from '../accounts/account.ts';
import { type BulkInsert, insertRows, padded, places } from './bulk.ts';
import type { Change, Engine, Row } from './engine.ts';
import { revoke } from './revocations.ts';
import { flag, jsonObject, optionalText, text } from './rows.ts';

const COLUMNS = [
  'id',
  'name',
  'account_name',
  'parent_id',
  'is_active',
  'is_suspended',
  'is_paid',
  'settings',
] as const;
const TABLE: BulkInsert = { table: 'organisations', columns: COLUMNS, key: ['id'], onConflict: 'update' };

/** The columns of one organisation in a join, each named with a prefix that `organisationOf` takes. */
export function organisationColumns(alias: string, prefix: string): string {
  return COLUMNS.map((column) => `${alias}.${column} AS ${prefix}${column}`).join(', ');
}

/** The organisation in a row of a join; null where an outer join found none. */
export function organisationOf(row: Row, prefix = ''): Organisation | null {
  if (row[`${prefix}id`] == null) return null;
  return {
    id: text(row, `${prefix}id`),
    name: text(row, `${prefix}name`),
    accountName: optionalText(row, `${prefix}account_name`),
    parentId: optionalText(row, `${prefix}parent_id`),
    isActive: flag(row, `${prefix}is_active`),
    isSuspended: flag(row, `${prefix}is_suspended`),
    isPaid: flag(row, `${prefix}is_paid`),
    settings: settingsOf(row, `${prefix}settings`),
  };
}

/** The settings in a column of a row; null for none. */
export function settingsOf(row: Row, column: string): Organisation['settings'] {
  return row[column] == null ? null : jsonObject(row, column);
}

/** Looks organisations up. */
export function organisationReader(engine: Engine) {
  const select = `SELECT ${organisationColumns('o', '')} FROM organisations o`;
  return {
    /** The organisation with that id. */
    async byId(id: string): Promise<Organisation | null> {
      const [row] = await engine.read({ sql: `${select} WHERE o.id = $1`, params: [id] });
      return row ? organisationOf(row) : null;
    },

    /** Every organisation, in the order of ids. */
    async all(): Promise<Organisation[]> {
      const rows = await engine.read({ sql: `${select} ORDER BY o.id`, params: [] });
      return rows.flatMap((row) => organisationOf(row) ?? []);
    },

    /** Its own id and those of the organisations above it, from the nearest on; empty when there is none of that id. */
    async lineage(id: string): Promise<string[]> {
      const rows = await engine.read({
        sql: `WITH RECURSIVE lineage (id, parent_id, depth) AS (
                SELECT id, parent_id, 0 FROM organisations WHERE id = $1
                UNION ALL SELECT o.id, o.parent_id, l.depth + 1 FROM organisations o JOIN lineage l ON o.id = l.parent_id
              ) SELECT id FROM lineage ORDER BY depth`,
        params: [id],
      });
      return rows.map((row) => text(row, 'id'));
    },

    /** How many accounts call it home, and how many are members. */
    async headcount(id: string): Promise<{ accounts: number; members: number }> {
      const [row] = await engine.read({
        sql: `SELECT (SELECT count(*) FROM accounts WHERE home_id = $1) AS accounts,
                     (SELECT count(DISTINCT account_id) FROM memberships WHERE organisation_id = $1) AS members`,
        params: [id],
      });
      return { accounts: Number(row?.accounts ?? 0), members: Number(row?.members ?? 0) };
    },
  };
}

/** Makes organisations, or brings those that exist to what is given. Parents come before their children. */
export function saveOrganisations(organisations: readonly Organisation[]): Change[] {
  const rows = organisations.map((organisation) => [
    organisation.id,
    organisation.name,
    organisation.accountName,
    organisation.parentId,
    Number(organisation.isActive),
    Number(organisation.isSuspended),
    Number(organisation.isPaid),
    organisation.settings === null ? null : JSON.stringify(organisation.settings),
  ]);
  return insertRows(TABLE, rows);
}

/** Suspends or resumes an organisation. Guard `organisation`: there is one and it was in the other state. */
export function setOrganisationSuspended(id: string, suspended: boolean, now: number): Change[] {
  return [
    ...(suspended ? revokeOrganisations([id], now) : []),
    {
      guard: 'organisation',
      sql: 'UPDATE organisations SET is_suspended = $2 WHERE id = $1 AND is_suspended <> $2 RETURNING id',
      params: [id, Number(suspended)],
    },
  ];
}

/**
 * Tells those who follow revocations of the sessions that stand still while these are suspended: those made for a role
 * there, those of accounts at home there, and those of accounts that have no role anywhere else, and of their installations.
 */
export function revokeOrganisations(ids: readonly string[], now: number): Change[] {
  if (ids.length === 0) return [];
  const params = padded(ids);
  const these = `(${places(params.length, 4)})`;
  // No part of it names the session's row within a query of its own: each is asked once, however many sessions there are.
  const which = `s.organisation_id IN ${these}
    OR s.account_id IN (SELECT a.id FROM accounts a WHERE a.home_id IN ${these})
    OR (s.role IS NULL AND s.account_id IN (
      SELECT m.account_id FROM memberships m JOIN accounts a ON a.id = m.account_id
      WHERE m.organisation_id IN ${these} AND a.role IS NULL AND NOT EXISTS (
        SELECT 1 FROM memberships other JOIN organisations o ON o.id = other.organisation_id
        WHERE other.account_id = a.id AND o.is_suspended = 0 AND o.id NOT IN ${these})))`;
  return [revoke(which, params, 'organisation-suspended', now)];
}
