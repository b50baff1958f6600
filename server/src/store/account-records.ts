import type { AccountStatus, User } from '../accounts/account.ts';
import { type BulkInsert, insertRows, padded, places } from './bulk.ts';
import type { Change, Engine, Row } from './engine.ts';
import { rememberPassword } from './former-passwords.ts';
import type { RevocationReason } from './revocations.ts';
import { flag, integer, optionalText, text } from './rows.ts';
import { endAccountSessions, endInstallationSessions } from './sessions.ts';

/** An account as the directory knows it: what import writes and export reads, references by id. */
export interface AccountRecord {
  readonly id: string;
  readonly number: number;
  readonly homeId: string | null;
  readonly user: User;
  readonly username: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly passwordHash: string | null;
  /** The digest of the hash that a directory file gave last. */
  readonly importedHash: string | null;
  readonly status: AccountStatus;
  readonly emailValidated: boolean;
  readonly phoneValidated: boolean;
  readonly createdAt: number;
  readonly factorEmail: boolean;
  readonly totpSealed: string | null;
  readonly recogniseDevices: boolean;
  readonly role: string | null;
  /** The text of a JSON object. */
  readonly stats: string;
  readonly attributes: string;
  readonly epoch: number;
}

/** A canonical form of an account's, in its home; `kinds` as bits (see KIND_BITS). */
export interface IdentifierRecord {
  readonly accountId: string;
  readonly homeId: string | null;
  readonly canonical: string;
  readonly kinds: number;
}

const COLUMNS = [
  'id',
  'number',
  'home_id',
  'user_id',
  'username',
  'email',
  'phone',
  'password_hash',
  'imported_hash',
  'status',
  'email_validated',
  'phone_validated',
  'created_at',
  'factor_email',
  'totp_sealed',
  'recognise_devices',
  'role',
  'stats',
  'attributes',
  'epoch',
] as const;
const ACCOUNTS: BulkInsert = {
  table: 'accounts',
  columns: COLUMNS,
  key: ['id'],
  onConflict: 'update',
  keeps: ['number', 'password_hash', 'epoch'],
};
const USERS: BulkInsert = {
  table: 'users',
  columns: ['id', 'name', 'first_name', 'last_name', 'avatar'],
  key: ['id'],
  onConflict: 'update',
};
const IDENTIFIERS: BulkInsert = {
  table: 'identifiers',
  columns: ['home_key', 'canonical', 'account_id', 'kinds'],
  key: ['home_key', 'canonical'],
  onConflict: 'fail',
};
const SELECT = `SELECT ${COLUMNS.map((column) => `a.${column}`).join(', ')}, u.name, u.first_name, u.last_name, u.avatar
  FROM accounts a JOIN users u ON u.id = a.user_id`;

/** Reads accounts as records. */
export function accountRecordReader(engine: Engine) {
  return {
    /** The accounts with these ids. */
    async byIds(ids: readonly string[]): Promise<AccountRecord[]> {
      if (ids.length === 0) return [];
      const params = padded(ids);
      const rows = await engine.read({ sql: `${SELECT} WHERE a.id IN (${places(params.length)})`, params });
      return rows.map(recordOf);
    },

    /** Up to that many accounts whose number is above the given one, in the order of numbers. */
    async page(afterNumber: number, limit: number): Promise<AccountRecord[]> {
      const rows = await engine.read({
        sql: `${SELECT} WHERE a.number > $1 ORDER BY a.number LIMIT $2`,
        params: [afterNumber, limit],
      });
      return rows.map(recordOf);
    },

    /** Which of these ids are accounts. */
    async existing(ids: readonly string[]): Promise<ReadonlySet<string>> {
      if (ids.length === 0) return new Set();
      const params = padded(ids);
      const rows = await engine.read({
        sql: `SELECT id FROM accounts WHERE id IN (${places(params.length)})`,
        params,
      });
      return new Set(rows.map((row) => text(row, 'id')));
    },

    /** Who has these canonical forms, in any home. */
    async owners(canonicals: readonly string[]): Promise<IdentifierRecord[]> {
      if (canonicals.length === 0) return [];
      const params = padded(canonicals);
      const sql = `SELECT home_key, canonical, account_id, kinds FROM identifiers WHERE canonical IN (${places(params.length)})`;
      return (await engine.read({ sql, params })).map(identifierOf);
    },

    /** The canonical forms of these accounts. */
    async identifiersOf(accountIds: readonly string[]): Promise<IdentifierRecord[]> {
      if (accountIds.length === 0) return [];
      const params = padded(accountIds);
      const sql = `SELECT home_key, canonical, account_id, kinds FROM identifiers WHERE account_id IN (${places(params.length)})`;
      return (await engine.read({ sql, params })).map(identifierOf);
    },

    /** The sealed fingerprints of these accounts' devices, with their hashes. */
    async devicesOf(
      accountIds: readonly string[],
    ): Promise<{ accountId: string; fingerprintHash: string; fingerprintSealed: string }[]> {
      if (accountIds.length === 0) return [];
      const params = padded(accountIds);
      const sql = `SELECT account_id, fingerprint_hash, fingerprint_sealed FROM devices
                   WHERE account_id IN (${places(params.length)}) AND forgotten = 0
                   ORDER BY account_id, created_at, fingerprint_hash`;
      return (await engine.read({ sql, params })).map((row) => ({
        accountId: text(row, 'account_id'),
        fingerprintHash: text(row, 'fingerprint_hash'),
        fingerprintSealed: text(row, 'fingerprint_sealed'),
      }));
    },
  };
}

function recordOf(row: Row): AccountRecord {
  return {
    id: text(row, 'id'),
    number: integer(row, 'number'),
    homeId: optionalText(row, 'home_id'),
    user: {
      id: text(row, 'user_id'),
      name: text(row, 'name'),
      firstName: optionalText(row, 'first_name'),
      lastName: optionalText(row, 'last_name'),
      avatar: optionalText(row, 'avatar'),
    },
    username: optionalText(row, 'username'),
    email: optionalText(row, 'email'),
    phone: optionalText(row, 'phone'),
    passwordHash: optionalText(row, 'password_hash'),
    importedHash: optionalText(row, 'imported_hash'),
    status: text(row, 'status') as AccountStatus,
    emailValidated: flag(row, 'email_validated'),
    phoneValidated: flag(row, 'phone_validated'),
    createdAt: integer(row, 'created_at'),
    factorEmail: flag(row, 'factor_email'),
    totpSealed: optionalText(row, 'totp_sealed'),
    recogniseDevices: flag(row, 'recognise_devices'),
    role: optionalText(row, 'role'),
    stats: text(row, 'stats'),
    attributes: text(row, 'attributes'),
    epoch: integer(row, 'epoch'),
  };
}

function identifierOf(row: Row): IdentifierRecord {
  const home = text(row, 'home_key');
  return {
    accountId: text(row, 'account_id'),
    homeId: home === '' ? null : home,
    canonical: text(row, 'canonical'),
    kinds: integer(row, 'kinds'),
  };
}

/**
 * Makes accounts, or brings those that exist to what is given, with their users and identifiers. The number, password
 * and epoch of an account that exists stay: `setPasswordHash` and `raiseEpochs` change those.
 * @param existing the ids of those that exist: their old identifiers go
 * @param onConflict `fail` refuses the commit where one that should be new is there by now
 */
export function saveAccounts(
  records: readonly AccountRecord[],
  identifiers: readonly IdentifierRecord[],
  existing: readonly string[],
  onConflict: 'update' | 'fail' = 'update',
): Change[] {
  const users = new Map(
    records.map(({ user }) => [user.id, [user.id, user.name, user.firstName, user.lastName, user.avatar]]),
  );
  const replaced = padded(existing);
  return [
    ...insertRows(USERS, [...users.values()]),
    ...insertRows({ ...ACCOUNTS, onConflict }, records.map(rowOf)),
    ...(existing.length === 0
      ? []
      : [
          {
            sql: `DELETE FROM identifiers WHERE account_id IN (${places(replaced.length)})`,
            params: replaced,
          },
        ]),
    ...insertRows(
      IDENTIFIERS,
      identifiers.map((identifier) => [
        identifier.homeId ?? '',
        identifier.canonical,
        identifier.accountId,
        identifier.kinds,
      ]),
    ),
  ];
}

function rowOf(record: AccountRecord): (string | number | null)[] {
  return [
    record.id,
    record.number,
    record.homeId,
    record.user.id,
    record.username,
    record.email,
    record.phone,
    record.passwordHash,
    record.importedHash,
    record.status,
    Number(record.emailValidated),
    Number(record.phoneValidated),
    record.createdAt,
    Number(record.factorEmail),
    record.totpSealed,
    Number(record.recogniseDevices),
    record.role,
    record.stats,
    record.attributes,
    record.epoch,
  ];
}

/** Sets a password, and ends what was issued before. An account's present one is remembered as a former one. */
export function setPasswordHash(
  table: 'accounts' | 'installations',
  id: string,
  passwordHash: string | null,
  now: number,
): Change[] {
  return [
    ...endSessionsOf[table]([id], 'password-changed', now),
    ...(table === 'accounts' ? rememberPassword(id) : []),
    {
      sql: `UPDATE ${table} SET password_hash = $2, epoch = epoch + 1${table === 'installations' ? ', previous_hash = NULL' : ''} WHERE id = $1`,
      params: [id, passwordHash],
    },
  ];
}

/** Ends everything that was issued to these so far. */
export function raiseEpochs(
  table: 'accounts' | 'installations',
  ids: readonly string[],
  reason: RevocationReason,
  now: number,
): Change[] {
  if (ids.length === 0) return [];
  const params = padded(ids);
  return [
    ...endSessionsOf[table](ids, reason, now),
    { sql: `UPDATE ${table} SET epoch = epoch + 1 WHERE id IN (${places(params.length)})`, params },
  ];
}

const endSessionsOf = { accounts: endAccountSessions, installations: endInstallationSessions } as const;
