import { insertRows } from './bulk.ts';
import type { Change, Engine } from './engine.ts';

/** Looks recovery codes up. Spending one is `consumeRecoveryCode`. */
export function recoveryCodeReader(engine: Engine) {
  return {
    /** The hashes of those that an account has left. */
    async leftOf(accountId: string): Promise<ReadonlySet<string>> {
      const rows = await engine.read({
        sql: 'SELECT code_hash FROM recovery_codes WHERE account_id = $1',
        params: [accountId],
      });
      return new Set(rows.map((row) => String(row.code_hash)));
    },
  };
}

/** Gives an account a set of codes, by their keyed hashes. Those that it had are void. */
export function replaceRecoveryCodes(
  accountId: string,
  codeHashes: readonly string[],
  now: number,
): Change[] {
  const columns = ['account_id', 'code_hash', 'created_at'];
  return [
    removeRecoveryCodes(accountId),
    ...insertRows(
      { table: 'recovery_codes', columns, key: columns.slice(0, 2), onConflict: 'fail' },
      codeHashes.map((codeHash) => [accountId, codeHash, now]),
    ),
  ];
}

/** Takes an account's codes away. */
export function removeRecoveryCodes(accountId: string): Change {
  return { sql: 'DELETE FROM recovery_codes WHERE account_id = $1', params: [accountId] };
}

/** Takes them away from an account that has no factor any more which they could stand in for. */
export function removeRecoveryCodesWithoutFactor(accountId: string): Change {
  return {
    sql: `DELETE FROM recovery_codes WHERE account_id = $1
          AND NOT EXISTS (SELECT 1 FROM accounts WHERE id = $1 AND (factor_email <> 0 OR totp_sealed IS NOT NULL))
          AND NOT EXISTS (SELECT 1 FROM passkeys WHERE account_id = $1)`,
    params: [accountId],
  };
}
