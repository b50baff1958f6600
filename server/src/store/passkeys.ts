import type { Change, Engine, Row } from './engine.ts';
import { flag, integer, optionalInteger, optionalText, text } from './rows.ts';

/** The most passkeys that an account can have: browsers are told all of them whenever one is asked for. */
export const PASSKEY_LIMIT = 20;

/** A public key of an account's (WebAuthn: credential record). Times are milliseconds since 1970. */
export interface Passkey {
  /** The credential id, in base64url. */
  readonly id: string;
  readonly accountId: string;
  /** COSE, in base64url. */
  readonly publicKey: string;
  /** How often the authenticator says that it has signed; 0 where it does not count. */
  readonly counter: number;
  /** How browsers may reach it, as they said when it was made. */
  readonly transports: readonly string[];
  /** Whether it stays in one device, or is synchronised between several. */
  readonly deviceType: 'singleDevice' | 'multiDevice';
  readonly isBackedUp: boolean;
  readonly name: string | null;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
}

/** Looks passkeys up. What one has signed is taken by `consumePasskeyCounter` only. */
export function passkeyReader(engine: Engine) {
  return {
    /** The passkey with that credential id, whoever has it. */
    async byId(id: string): Promise<Passkey | null> {
      const [row] = await engine.read({
        sql: 'SELECT * FROM passkeys WHERE credential_id = $1',
        params: [id],
      });
      return row ? passkeyOf(row) : null;
    },

    /** An account's passkeys, the oldest first. */
    async ofAccount(accountId: string): Promise<Passkey[]> {
      const rows = await engine.read({
        sql: 'SELECT * FROM passkeys WHERE account_id = $1 ORDER BY created_at, credential_id',
        params: [accountId],
      });
      return rows.map(passkeyOf);
    },
  };
}

function passkeyOf(row: Row): Passkey {
  return {
    id: text(row, 'credential_id'),
    accountId: text(row, 'account_id'),
    publicKey: text(row, 'public_key'),
    counter: integer(row, 'counter'),
    transports: text(row, 'transports').split(' ').filter(Boolean),
    deviceType: text(row, 'device_type') as Passkey['deviceType'],
    isBackedUp: flag(row, 'is_backed_up'),
    name: optionalText(row, 'name'),
    createdAt: integer(row, 'created_at'),
    lastUsedAt: optionalInteger(row, 'last_used_at'),
  };
}

/** Gives an account a passkey. Guard `passkey`: nobody has one with that credential id. */
export function addPasskey(passkey: Passkey): Change {
  return {
    guard: 'passkey',
    sql: `INSERT INTO passkeys (credential_id, account_id, public_key, counter, transports, device_type, is_backed_up, name,
            created_at, last_used_at)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (credential_id) DO NOTHING RETURNING credential_id`,
    params: [
      passkey.id,
      passkey.accountId,
      passkey.publicKey,
      passkey.counter,
      passkey.transports.join(' '),
      passkey.deviceType,
      passkey.isBackedUp ? 1 : 0,
      passkey.name,
      passkey.createdAt,
      passkey.lastUsedAt,
    ],
  };
}

/** Takes a passkey from an account. Guard `passkey`: it is the account's. */
export function removePasskey(accountId: string, id: string): Change {
  return {
    guard: 'passkey',
    sql: 'DELETE FROM passkeys WHERE account_id = $1 AND credential_id = $2 RETURNING credential_id',
    params: [accountId, id],
  };
}

/** Takes all passkeys from an account. */
export function forgetPasskeys(accountId: string): Change {
  return { sql: 'DELETE FROM passkeys WHERE account_id = $1', params: [accountId] };
}
