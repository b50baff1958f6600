import type { Installation } from '../accounts/account.ts';
import { raiseEpochs } from './account-records.ts';
import { accountReader, hasStandingRole, SUBTREE } from './accounts.ts';
import { type BulkInsert, insertRows } from './bulk.ts';
import type { Change, Engine, Row } from './engine.ts';
import { integer, optionalInteger, optionalText, text } from './rows.ts';

/** An installation as it is stored, its account by id. */
export interface InstallationRecord {
  readonly id: string;
  readonly passwordHash: string | null;
  /** The digest of the hash that a directory file gave last. */
  readonly importedHash: string | null;
  readonly accountId: string | null;
  readonly status: Installation['status'];
  readonly epoch: number;
}

const COLUMNS = ['id', 'password_hash', 'imported_hash', 'account_id', 'status', 'epoch'] as const;
const TABLE: BulkInsert = {
  table: 'installations',
  columns: COLUMNS,
  key: ['id'],
  onConflict: 'update',
  keeps: ['password_hash', 'epoch'],
};
const SELECT = `SELECT ${COLUMNS.join(', ')}, previous_hash, previous_until FROM installations`;

/** Looks installations up. */
export function installationReader(engine: Engine) {
  const accounts = accountReader(engine);
  return {
    /** The installation with that id, and the account it is bound to. */
    async byId(id: string): Promise<Installation | null> {
      const [row] = await engine.read({ sql: `${SELECT} WHERE id = $1`, params: [id] });
      if (!row) return null;
      const { accountId, ...record } = recordOf(row);
      const previous = previousOf(row);
      return { ...record, previous, account: accountId === null ? null : await accounts.byId(accountId) };
    },

    /** The installation with that id as it is stored. */
    async record(id: string): Promise<InstallationRecord | null> {
      const [row] = await engine.read({ sql: `${SELECT} WHERE id = $1`, params: [id] });
      return row ? recordOf(row) : null;
    },

    /** Up to that many installations after the given id, in the order of ids. */
    async page(afterId: string, limit: number): Promise<InstallationRecord[]> {
      const rows = await engine.read({
        sql: `${SELECT} WHERE id > $1 ORDER BY id LIMIT $2`,
        params: [afterId, limit],
      });
      return rows.map(recordOf);
    },
  };
}

function recordOf(row: Row): InstallationRecord {
  return {
    id: text(row, 'id'),
    passwordHash: optionalText(row, 'password_hash'),
    importedHash: optionalText(row, 'imported_hash'),
    accountId: optionalText(row, 'account_id'),
    status: text(row, 'status') as Installation['status'],
    epoch: integer(row, 'epoch'),
  };
}

function previousOf(row: Row): Installation['previous'] {
  const [passwordHash, until] = [optionalText(row, 'previous_hash'), optionalInteger(row, 'previous_until')];
  return passwordHash === null || until === null ? null : { passwordHash, until };
}

/** Makes installations, or brings those that exist to what is given. The password and epoch of one that exists stay. */
export function saveInstallations(installations: readonly InstallationRecord[]): Change[] {
  return insertRows(
    TABLE,
    installations.map((record) => [
      record.id,
      record.passwordHash,
      record.importedHash,
      record.accountId,
      record.status,
      record.epoch,
    ]),
  );
}

/** Makes an installation that acts for no account. Throws StoreConflictError when there is one with that id. */
export function insertInstallation(id: string, passwordHash: string): Change {
  return {
    sql: "INSERT INTO installations (id, password_hash, status) VALUES ($1, $2, 'active')",
    params: [id, passwordHash],
  };
}

/**
 * Gives an installation another password. The present one stays good beside it until then, and sessions go on: devices take
 * the new one over by and by. Guard `installation`: there is one.
 * @param until milliseconds since 1970
 */
export function rotateInstallationPassword(id: string, passwordHash: string, until: number): Change {
  return {
    guard: 'installation',
    sql: `UPDATE installations SET previous_hash = password_hash, previous_until = $3, password_hash = $2
          WHERE id = $1 RETURNING id`,
    params: [id, passwordHash, until],
  };
}

/**
 * Puts an installation in service, or out of it: then its sessions end, and so does a password before the present one. Guard `installation`: there is one, and it was in
 * another state.
 */
export function setInstallationStatus(id: string, status: 'active' | 'inactive', now: number): Change[] {
  return [
    {
      guard: 'installation',
      sql: `UPDATE installations SET status = $2, previous_hash = NULL, previous_until = NULL
            WHERE id = $1 AND status <> $2 RETURNING id`,
      params: [id, status],
    },
    ...(status === 'active' ? [] : raiseEpochs('installations', [id], 'installation-changed', now)),
  ];
}

/**
 * Makes sure, at the last moment, that an installation may have a session: it is active, and so is the account that it is
 * bound to, whose home is not suspended, nor every organisation that it has a role in. Guard `installation`; holds its row.
 * @param served an organisation's id: an account that it is bound to has its home in that subtree; null for any
 */
export function confirmInstallation(id: string, epoch: number, served: string | null): Change {
  const elsewhere =
    served === null ? '' : `OR NOT EXISTS (SELECT 1 FROM (${SUBTREE}) s WHERE s.id = accounts.home_id)`;
  return {
    guard: 'installation',
    sql: `UPDATE installations SET status = status WHERE id = $1 AND epoch = $2 AND status = 'active'
          AND NOT EXISTS (SELECT 1 FROM accounts LEFT JOIN organisations h ON h.id = accounts.home_id
            WHERE accounts.id = installations.account_id AND (accounts.status <> 'active' OR h.is_suspended <> 0
              OR NOT ${hasStandingRole('accounts')} ${elsewhere})) RETURNING id`,
    params: [id, epoch, ...(served === null ? [] : [served])],
  };
}
