import type { Device } from '../accounts/fingerprint.ts';
import { padded, places } from './bulk.ts';
import type { Change, Engine } from './engine.ts';
import { flag, integer, optionalText, text } from './rows.ts';

/** The most devices an account can have: the one that was not used for longest goes first. */
export const DEVICE_LIMIT = 50;

/** A device that an account knows. Times are milliseconds since 1970. */
export interface KnownDevice {
  /** As `deviceName` makes it: unique among the account's devices. */
  readonly id: string;
  /** What its owner calls it. */
  readonly name: string | null;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  /** Whether the session that was asked about was begun on it. */
  readonly isCurrent: boolean;
}

/** How a device is named by the beginning of its hash; see `deviceName`. */
const ID = 'substr(fingerprint_hash, 1, 12)';

/**
 * Looks devices up. One that was forgotten is none, but that the account has had it; and so is one that was not used since
 * `usedSince`, milliseconds since 1970.
 */
export function deviceReader(engine: Engine) {
  return {
    /** Whether the account has completed a sign-in from that fingerprint. */
    async isKnown(accountId: string, fingerprintHash: string, usedSince: number): Promise<boolean> {
      const rows = await engine.read({
        sql: `SELECT 1 AS known FROM devices
              WHERE account_id = $1 AND fingerprint_hash = $2 AND forgotten = 0 AND last_used_at >= $3`,
        params: [accountId, fingerprintHash, usedSince],
      });
      return rows.length > 0;
    },

    /** Whether the account has, or ever had, a device. */
    async hasHadOne(accountId: string): Promise<boolean> {
      const rows = await engine.read({
        sql: 'SELECT 1 AS had FROM devices WHERE account_id = $1 LIMIT 1',
        params: [accountId],
      });
      return rows.length > 0;
    },

    /** The account's devices, the oldest first. */
    async ofAccount(accountId: string): Promise<Device[]> {
      const rows = await engine.read({
        sql: `SELECT fingerprint_hash, fingerprint_sealed FROM devices WHERE account_id = $1 AND forgotten = 0
              ORDER BY created_at, fingerprint_hash`,
        params: [accountId],
      });
      return rows.map((row) => ({
        accountId,
        fingerprintHash: text(row, 'fingerprint_hash'),
        fingerprintSealed: text(row, 'fingerprint_sealed'),
      }));
    },

    /** The account's devices as their owner may see them, those used last first. @param sessionId the one that asks, or null */
    async known(accountId: string, sessionId: string | null, usedSince: number): Promise<KnownDevice[]> {
      const rows = await engine.read({
        sql: `SELECT ${ID} AS id, d.name, d.created_at, d.last_used_at,
                CASE WHEN EXISTS (SELECT 1 FROM sessions s WHERE s.id = $2 AND s.account_id = d.account_id
                  AND s.fingerprint_hash = d.fingerprint_hash) THEN 1 ELSE 0 END AS is_current
              FROM devices d WHERE d.account_id = $1 AND d.forgotten = 0 AND d.last_used_at >= $3 ORDER BY d.last_used_at DESC, d.fingerprint_hash`,
        params: [accountId, sessionId, usedSince],
      });
      return rows.map((row) => ({
        id: text(row, 'id'),
        name: optionalText(row, 'name'),
        createdAt: integer(row, 'created_at'),
        lastUsedAt: integer(row, 'last_used_at'),
        isCurrent: flag(row, 'is_current'),
      }));
    },
  };
}

/** Makes a device known, or notes that it was used, and keeps the account's list within its limit. */
export function rememberDevice(device: Device, now: number): Change[] {
  return [
    {
      sql: `INSERT INTO devices (account_id, fingerprint_hash, fingerprint_sealed, created_at, last_used_at) VALUES ($1, $2, $3, $4, $4)
            ON CONFLICT (account_id, fingerprint_hash) DO UPDATE SET
              created_at = CASE WHEN devices.forgotten = 0 THEN devices.created_at ELSE excluded.created_at END,
              fingerprint_sealed = CASE WHEN devices.forgotten = 0 THEN devices.fingerprint_sealed ELSE excluded.fingerprint_sealed END,
              last_used_at = excluded.last_used_at, forgotten = 0`,
      params: [device.accountId, device.fingerprintHash, device.fingerprintSealed, now],
    },
    {
      sql: `DELETE FROM devices WHERE account_id = $1 AND fingerprint_hash NOT IN
            (SELECT fingerprint_hash FROM devices WHERE account_id = $1
             ORDER BY forgotten, last_used_at DESC, fingerprint_hash LIMIT ${DEVICE_LIMIT})`,
      params: [device.accountId],
    },
  ];
}

/**
 * Makes a device known as the first that the account has. It comes after something that holds the account's row: of two at
 * once, one is the first. Guard `device`: the account has none and never had any.
 */
export function rememberFirstDevice(device: Device, now: number): Change {
  return {
    guard: 'device',
    sql: `INSERT INTO devices (account_id, fingerprint_hash, fingerprint_sealed, created_at, last_used_at)
          SELECT $1, $2, $3, CAST($4 AS BIGINT), CAST($4 AS BIGINT)
          WHERE NOT EXISTS (SELECT 1 FROM devices WHERE account_id = $1) RETURNING fingerprint_hash`,
    params: [device.accountId, device.fingerprintHash, device.fingerprintSealed, now],
  };
}

/** Gives a device a name. Guard `device`: the account knows it. @param id as in `KnownDevice` */
export function nameDevice(accountId: string, id: string, name: string): Change {
  return {
    guard: 'device',
    sql: `UPDATE devices SET name = $3 WHERE account_id = $1 AND ${ID} = $2 AND forgotten = 0 RETURNING fingerprint_hash`,
    params: [accountId, id, name],
  };
}

/** Forgets one device. Guard `device`: the account knows it. @param id as in `KnownDevice` */
export function forgetDevice(accountId: string, id: string): Change {
  return {
    guard: 'device',
    sql: `UPDATE devices SET forgotten = 1, fingerprint_sealed = '', name = NULL
          WHERE account_id = $1 AND ${ID} = $2 AND forgotten = 0 RETURNING fingerprint_hash`,
    params: [accountId, id],
  };
}

/** Forgets every device of an account. Returns a row for each. */
export function forgetDevices(accountId: string): Change {
  return {
    sql: `UPDATE devices SET forgotten = 1, fingerprint_sealed = '', name = NULL
          WHERE account_id = $1 AND forgotten = 0 RETURNING fingerprint_hash`,
    params: [accountId],
  };
}

/** Forgets every device of an account but some. @param kept their hashes, no more than an account can have */
export function forgetOtherDevices(accountId: string, kept: readonly string[]): Change {
  if (kept.length === 0) return forgetDevices(accountId);
  const params = padded(kept);
  return {
    sql: `UPDATE devices SET forgotten = 1, fingerprint_sealed = '', name = NULL
          WHERE account_id = $1 AND forgotten = 0 AND fingerprint_hash NOT IN (${places(params.length, 2)})
          RETURNING fingerprint_hash`,
    params: [accountId, ...params],
  };
}
