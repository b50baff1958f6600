import { padded, places } from './bulk.ts';
import type { Change } from './engine.ts';

/**
 * Forgets what whoever made an account may have attached to it before its e-mail address was proven: the owner of the
 * address takes over an account, not a stranger's keys to it. Comes before the address is marked as proven in the same commit,
 * and does nothing where it is already. Sessions and devices end with the change itself; a second factor by mail stays, since it
 * goes to the owner; so does a seed that a directory file gave, which no stranger could.
 */
export function forgetAttached(accountId: string): Change[] {
  return [
    {
      sql: `UPDATE accounts SET phone_validated = 0,
              totp_sealed = CASE WHEN totp_sealed = vouched_totp THEN totp_sealed ELSE NULL END
            WHERE id = $1 AND email_validated = 0`,
      params: [accountId],
    },
    { sql: `DELETE FROM passkeys WHERE ${OF_UNPROVEN}`, params: [accountId] },
    { sql: `DELETE FROM recovery_codes WHERE ${OF_UNPROVEN}`, params: [accountId] },
  ];
}

const OF_UNPROVEN =
  'account_id = $1 AND EXISTS (SELECT 1 FROM accounts a WHERE a.id = $1 AND a.email_validated = 0)';

/**
 * Takes the password away that whoever made an account may have given it before its e-mail address was proven. For a proof that
 * comes without it; like `forgetAttached`, it comes first and does nothing to an account whose address is proven.
 */
export function forgetUnprovenPassword(accountId: string): Change {
  return {
    sql: 'UPDATE accounts SET password_hash = NULL WHERE id = $1 AND email_validated = 0',
    params: [accountId],
  };
}

/** Takes the seeds that accounts have in this commit for the operator's word. */
export function vouchForSeeds(accountIds: readonly string[]): Change[] {
  if (accountIds.length === 0) return [];
  const params = padded(accountIds);
  const sql = `UPDATE accounts SET vouched_totp = totp_sealed WHERE id IN (${places(params.length)})`;
  return [{ sql, params }];
}
