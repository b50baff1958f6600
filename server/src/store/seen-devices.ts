import type { Change, Engine } from './engine.ts';
import { optionalInteger } from './rows.ts';

/** The most that is remembered of an account: what was not seen for longest goes first. */
export const SEEN_DEVICE_LIMIT = 100;

/** How a device is told from others, as keyed hashes of the account and what the client sent. */
export interface DeviceTraits {
  /** Null where the contract has none. */
  readonly fingerprint: string | null;
  /** The browser and the system. */
  readonly userAgent: string;
}

/** What an account's earlier sign-ins say of a device. Times are milliseconds since 1970. */
export interface Glance {
  /** When a sign-in with that fingerprint was last noted; null when none was. */
  readonly fingerprintSeenAt: number | null;
  readonly userAgentSeenAt: number | null;
  /** How many traits, and fingerprints among them, the account was seen with. */
  readonly traits: number;
  readonly fingerprints: number;
  /** How many devices its owner was told of since the given time. */
  readonly noticed: number;
}

/** What stands before a hash, so that a fingerprint is never a browser. */
const [FINGERPRINT, USER_AGENT] = ['fingerprint.', 'user-agent.'];

/** Looks up where an account's sign-ins came from. */
export function seenDeviceReader(engine: Engine) {
  return {
    /** @param noticedSince milliseconds since 1970 */
    async glance(accountId: string, traits: DeviceTraits, noticedSince: number): Promise<Glance> {
      const [row] = await engine.read({
        sql: `SELECT max(CASE WHEN trait = $2 THEN seen_at END) AS fingerprint_seen_at,
                max(CASE WHEN trait = $3 THEN seen_at END) AS user_agent_seen_at, count(*) AS traits,
                sum(CASE WHEN trait LIKE '${FINGERPRINT}%' THEN 1 ELSE 0 END) AS fingerprints,
                count(DISTINCT CASE WHEN first_seen_at > $4 THEN notice_id END) AS noticed
              FROM seen_devices WHERE account_id = $1`,
        params: [
          accountId,
          FINGERPRINT + (traits.fingerprint ?? ''),
          USER_AGENT + traits.userAgent,
          noticedSince,
        ],
      });
      if (!row) throw new TypeError('a sum of nothing is a row too');
      return {
        fingerprintSeenAt: optionalInteger(row, 'fingerprint_seen_at'),
        userAgentSeenAt: optionalInteger(row, 'user_agent_seen_at'),
        traits: Number(row.traits),
        fingerprints: Number(row.fingerprints ?? 0),
        noticed: Number(row.noticed),
      };
    },
  };
}

/**
 * Notes a sign-in from a device. Of several at once from a new one, the first says which message tells of it.
 * @param noticeId the id of that message; null when none does
 */
export function noteSeenDevice(
  accountId: string,
  traits: DeviceTraits,
  now: number,
  noticeId: string | null,
): Change {
  const columns = '(account_id, trait, first_seen_at, seen_at, notice_id)';
  const onConflict = 'ON CONFLICT (account_id, trait) DO UPDATE SET seen_at = excluded.seen_at';
  const params = [accountId, USER_AGENT + traits.userAgent, now, noticeId];
  return traits.fingerprint === null
    ? { sql: `INSERT INTO seen_devices ${columns} VALUES ($1, $2, $3, $3, $4) ${onConflict}`, params }
    : {
        sql: `INSERT INTO seen_devices ${columns} VALUES ($1, $5, $3, $3, $4), ($1, $2, $3, $3, $4) ${onConflict}`,
        params: [...params, FINGERPRINT + traits.fingerprint],
      };
}

/** Keeps what is remembered of an account within its limit. */
export function trimSeenDevices(accountId: string): Change {
  return {
    sql: `DELETE FROM seen_devices WHERE account_id = $1 AND trait NOT IN
          (SELECT trait FROM seen_devices WHERE account_id = $1 ORDER BY seen_at DESC, trait LIMIT ${SEEN_DEVICE_LIMIT})`,
    params: [accountId],
  };
}
