import type { Device } from '../accounts/fingerprint.ts';
import type { Change, Engine } from './engine.ts';
import { text } from './rows.ts';

/** The most devices an account can have: the one that was not used for longest goes first. */
export const DEVICE_LIMIT = 50;

/** Looks devices up. */
export function deviceReader(engine: Engine) {
  return {
    /** Whether the account has completed a sign-in from that fingerprint. */
    async isKnown(accountId: string, fingerprintHash: string): Promise<boolean> {
      const rows = await engine.read({
        sql: 'SELECT 1 AS known FROM devices WHERE account_id = $1 AND fingerprint_hash = $2',
        params: [accountId, fingerprintHash],
      });
      return rows.length > 0;
    },

    /** The account's devices, the oldest first. */
    async ofAccount(accountId: string): Promise<Device[]> {
      const rows = await engine.read({
        sql: `SELECT fingerprint_hash, fingerprint_sealed FROM devices WHERE account_id = $1 ORDER BY created_at, fingerprint_hash`,
        params: [accountId],
      });
      return rows.map((row) => ({
        accountId,
        fingerprintHash: text(row, 'fingerprint_hash'),
        fingerprintSealed: text(row, 'fingerprint_sealed'),
      }));
    },
  };
}

/** Makes a device known, or notes that it was used, and keeps the account's list within its limit. */
export function rememberDevice(device: Device, now: number): Change[] {
  return [
    {
      sql: `INSERT INTO devices (account_id, fingerprint_hash, fingerprint_sealed, created_at, last_used_at) VALUES ($1, $2, $3, $4, $4)
            ON CONFLICT (account_id, fingerprint_hash) DO UPDATE SET last_used_at = excluded.last_used_at`,
      params: [device.accountId, device.fingerprintHash, device.fingerprintSealed, now],
    },
    {
      sql: `DELETE FROM devices WHERE account_id = $1 AND fingerprint_hash NOT IN
            (SELECT fingerprint_hash FROM devices WHERE account_id = $1 ORDER BY last_used_at DESC, fingerprint_hash LIMIT ${DEVICE_LIMIT})`,
      params: [device.accountId],
    },
  ];
}

/** Forgets every device of an account. */
export function forgetDevices(accountId: string): Change {
  return { sql: 'DELETE FROM devices WHERE account_id = $1', params: [accountId] };
}
