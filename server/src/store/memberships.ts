import { insertRows, padded, places } from './bulk.ts';
import type { Change, Engine, Row } from './engine.ts';
import { text } from './rows.ts';

/** A membership by its three names. */
export interface MembershipKey {
  readonly accountId: string;
  readonly organisationId: string;
  readonly role: string;
}

/** Lists memberships. */
export function membershipReader(engine: Engine) {
  return {
    /** Whether each of these memberships is there, in their order. */
    async existing(keys: readonly MembershipKey[]): Promise<boolean[]> {
      if (keys.length === 0) return [];
      const accounts = padded([...new Set(keys.map((key) => key.accountId))]);
      const sql = `SELECT account_id, organisation_id, role FROM memberships WHERE account_id IN (${places(accounts.length)})`;
      const found = new Set((await engine.read({ sql, params: accounts })).map(keyOf).map(joined));
      return keys.map((key) => found.has(joined(key)));
    },

    /** Up to that many memberships after the given one, ordered by account, organisation and role. */
    async page(after: MembershipKey, limit: number): Promise<MembershipKey[]> {
      const rows = await engine.read({
        sql: `SELECT account_id, organisation_id, role FROM memberships
              WHERE (account_id, organisation_id, role) > ($1, $2, $3) ORDER BY account_id, organisation_id, role LIMIT $4`,
        params: [after.accountId, after.organisationId, after.role, limit],
      });
      return rows.map(keyOf);
    },
  };
}

function keyOf(row: Row): MembershipKey {
  return {
    accountId: text(row, 'account_id'),
    organisationId: text(row, 'organisation_id'),
    role: text(row, 'role'),
  };
}

function joined(key: MembershipKey): string {
  return `${key.accountId}\0${key.organisationId}\0${key.role}`;
}

/** Adds memberships; those that exist stay as they are. */
export function addMemberships(memberships: readonly MembershipKey[]): Change[] {
  const columns = ['account_id', 'organisation_id', 'role'];
  return insertRows(
    { table: 'memberships', columns, key: columns, onConflict: 'keep' },
    memberships.map((membership) => [membership.accountId, membership.organisationId, membership.role]),
  );
}

/** Removes a membership. Guard `membership`: there was one. */
export function removeMembership(membership: MembershipKey): Change {
  return {
    guard: 'membership',
    sql: 'DELETE FROM memberships WHERE account_id = $1 AND organisation_id = $2 AND role = $3 RETURNING role',
    params: [membership.accountId, membership.organisationId, membership.role],
  };
}
