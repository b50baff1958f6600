import type { Role } from '../accounts/account.ts';
import { type BulkInsert, insertRows } from './bulk.ts';
import type { Change, Engine, Row } from './engine.ts';
import { optionalText, text } from './rows.ts';

const TABLE: BulkInsert = {
  table: 'roles',
  columns: ['name', 'permissions', 'admin'],
  key: ['name'],
  onConflict: 'update',
};

/** The role in a row of a join that has these three columns; null where an outer join found none. */
export function roleOf(row: Row, name: string, permissions: string, admin: string): Role | null {
  if (row[permissions] == null) return null;
  return {
    name: text(row, name),
    permissions: JSON.parse(text(row, permissions)) as string[],
    admin: optionalText(row, admin) as Role['admin'],
  };
}

/** Looks roles up. */
export function roleReader(engine: Engine) {
  return {
    /** Every role, in the order of names. */
    async all(): Promise<Role[]> {
      const rows = await engine.read({
        sql: 'SELECT name, permissions, admin FROM roles ORDER BY name',
        params: [],
      });
      return rows.flatMap((row) => roleOf(row, 'name', 'permissions', 'admin') ?? []);
    },
  };
}

/** Makes roles, or brings those that exist to what is given. */
export function saveRoles(roles: readonly Role[]): Change[] {
  return insertRows(
    TABLE,
    roles.map((role) => [role.name, JSON.stringify(role.permissions), role.admin]),
  );
}
