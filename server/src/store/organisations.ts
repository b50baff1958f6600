import type { Organisation } from '../accounts/account.ts';
import { type BulkInsert, insertRows } from './bulk.ts';
import type { Change, Engine, Row } from './engine.ts';
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
    settings: row[`${prefix}settings`] == null ? null : jsonObject(row, `${prefix}settings`),
  };
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
export function setOrganisationSuspended(id: string, suspended: boolean): Change {
  return {
    guard: 'organisation',
    sql: 'UPDATE organisations SET is_suspended = $2 WHERE id = $1 AND is_suspended <> $2 RETURNING id',
    params: [id, Number(suspended)],
  };
}
