import { type IdentifierKind, KIND_BITS } from '../accounts/identifier.ts';
import type { Change } from './engine.ts';

type ReachableKind = Exclude<IdentifierKind, 'username'>;

const COLUMNS = {
  email: { address: 'email', isValidated: 'email_validated' },
  phone: { address: 'phone', isValidated: 'phone_validated' },
} as const satisfies Record<ReachableKind, unknown>;

/**
 * Marks an account's address as proven. Guard `address`: it is still the very one that was proven, to the letter; another
 * spelling can be another mailbox.
 */
export function validateAddress(accountId: string, kind: ReachableKind, address: string): Change {
  const column = COLUMNS[kind];
  return {
    guard: 'address',
    sql: `UPDATE accounts SET ${column.isValidated} = 1 WHERE id = $1 AND ${column.address} = $2 RETURNING id`,
    params: [accountId, address],
  };
}

/**
 * Puts an address that was proven in the place of an account's present one, as an identifier too. Guard `address`: no other
 * account of the same home has it, as whatever kind of identifier.
 */
export function replaceAddress(
  accountId: string,
  kind: ReachableKind,
  proven: { readonly address: string; readonly canonical: string },
): Change[] {
  const column = COLUMNS[kind];
  const bit = KIND_BITS[kind];
  return [
    {
      sql: `UPDATE accounts SET ${column.address} = $2, ${column.isValidated} = 1 WHERE id = $1`,
      params: [accountId, proven.address],
    },
    {
      sql: `UPDATE identifiers SET kinds = kinds - ${bit} WHERE account_id = $1 AND (kinds & ${bit}) <> 0`,
      params: [accountId],
    },
    { sql: 'DELETE FROM identifiers WHERE account_id = $1 AND kinds = 0', params: [accountId] },
    {
      guard: 'address',
      sql: `INSERT INTO identifiers (home_key, canonical, account_id, kinds)
            SELECT COALESCE(a.home_id, ''), $2, a.id, ${bit} FROM accounts a WHERE a.id = $1
            ON CONFLICT (home_key, canonical) DO UPDATE SET kinds = identifiers.kinds + ${bit}
            WHERE identifiers.account_id = excluded.account_id RETURNING canonical`,
      params: [accountId, proven.canonical],
    },
  ];
}
