import type { Account, AccountStatus, AccountWithMemberships, Membership } from '../accounts/account.ts';
import { byOrganisation } from '../accounts/account.ts';
import { KIND_BITS } from '../accounts/identifier.ts';
import type { Change, Engine, Row } from './engine.ts';
import { organisationColumns, organisationOf } from './organisations.ts';
import type { RevocationReason } from './revocations.ts';
import { roleOf } from './roles.ts';
import { flag, integer, jsonObject, optionalInteger, optionalText, text } from './rows.ts';
import { endAccountSessions, endOtherSessions } from './sessions.ts';

/** One canonical form and the kinds of identifier it may match, as bits (see KIND_BITS). */
export interface IdentifierLookup {
  readonly canonical: string;
  readonly kinds: number;
}

const SELECT = `SELECT a.id, a.number, a.username, a.email, a.phone, a.password_hash, a.status, a.email_validated,
  a.phone_validated, a.created_at, a.factor_email, a.totp_sealed, a.reset_by_mail_at,
  CASE WHEN EXISTS (SELECT 1 FROM passkeys p WHERE p.account_id = a.id) THEN 1 ELSE 0 END AS has_passkey,
  a.recognise_devices, a.role, a.stats, a.attributes, a.epoch,
  a.sign_ins, a.failed_sign_ins, u.id AS user_id, u.name AS user_name, u.first_name, u.last_name, u.avatar,
  r.permissions AS role_permissions, r.admin AS role_admin, ${organisationColumns('h', 'home_')}
  FROM accounts a JOIN users u ON u.id = a.user_id
  LEFT JOIN organisations h ON h.id = a.home_id LEFT JOIN roles r ON r.name = a.role`;

/** The ids of an organisation, which is the statement's `$3`, and of those below it. */
export const SUBTREE = `WITH RECURSIVE subtree (id) AS (SELECT id FROM organisations WHERE id = $3
  UNION SELECT o.id FROM organisations o JOIN subtree below ON o.parent_id = below.id) SELECT id FROM subtree`;

const NAMED = `${SELECT} JOIN identifiers i ON i.account_id = a.id WHERE i.canonical = $1 AND (i.kinds & $2) <> 0`;
const ORDER = 'ORDER BY CASE WHEN a.home_id IS NULL THEN 0 ELSE 1 END, a.created_at, a.number LIMIT 100';
const FIND_ANYWHERE = `${NAMED} ${ORDER}`;
const FIND_IN_SUBTREE = `${NAMED} AND a.home_id IN (${SUBTREE}) ${ORDER}`;

const MEMBERSHIPS = `SELECT m.role, r.permissions, r.admin, ${organisationColumns('o', 'organisation_')}
  FROM memberships m JOIN organisations o ON o.id = m.organisation_id JOIN roles r ON r.name = m.role WHERE m.account_id = $1`;

/** Looks accounts up. */
export function accountReader(engine: Engine) {
  async function withMemberships(account: Account): Promise<AccountWithMemberships> {
    const rows = await engine.read({ sql: MEMBERSHIPS, params: [account.id] });
    return { ...account, memberships: rows.map(membershipOf).sort(byOrganisation) };
  }

  return {
    /**
     * The accounts that an identifier names, a hundred at most: that of the shared home first, then the oldest.
     * @param home an organisation's id: only accounts whose home is in its subtree
     */
    async named(lookup: IdentifierLookup, home: string | null): Promise<AccountWithMemberships[]> {
      const found = await engine.read({
        sql: home === null ? FIND_ANYWHERE : FIND_IN_SUBTREE,
        params: home === null ? [lookup.canonical, lookup.kinds] : [lookup.canonical, lookup.kinds, home],
      });
      return Promise.all(found.map(accountOf).map(withMemberships));
    },

    /** The account with that id. */
    async byId(id: string): Promise<AccountWithMemberships | null> {
      const [row] = await engine.read({ sql: `${SELECT} WHERE a.id = $1`, params: [id] });
      return row ? withMemberships(accountOf(row)) : null;
    },

    /** How many accounts there are. */
    async count(): Promise<number> {
      const [row] = await engine.read({ sql: 'SELECT count(*) AS accounts FROM accounts', params: [] });
      return Number(row?.accounts ?? 0);
    },
  };
}

/** The account in a row of SELECT. */
function accountOf(row: Row): Account {
  return {
    id: text(row, 'id'),
    number: integer(row, 'number'),
    home: organisationOf(row, 'home_'),
    user: {
      id: text(row, 'user_id'),
      name: text(row, 'user_name'),
      firstName: optionalText(row, 'first_name'),
      lastName: optionalText(row, 'last_name'),
      avatar: optionalText(row, 'avatar'),
    },
    username: optionalText(row, 'username'),
    email: optionalText(row, 'email'),
    phone: optionalText(row, 'phone'),
    passwordHash: optionalText(row, 'password_hash'),
    status: text(row, 'status') as AccountStatus,
    emailValidated: flag(row, 'email_validated'),
    phoneValidated: flag(row, 'phone_validated'),
    createdAt: integer(row, 'created_at'),
    factors: {
      email: flag(row, 'factor_email'),
      totpSealed: optionalText(row, 'totp_sealed'),
      hasPasskey: flag(row, 'has_passkey'),
    },
    resetByMailAt: optionalInteger(row, 'reset_by_mail_at'),
    recogniseDevices: flag(row, 'recognise_devices'),
    role: roleOf(row, 'role', 'role_permissions', 'role_admin'),
    stats: jsonObject(row, 'stats'),
    locale: localeOf(jsonObject(row, 'attributes')),
    epoch: integer(row, 'epoch'),
    signIns: integer(row, 'sign_ins'),
    failedSignIns: integer(row, 'failed_sign_ins'),
  };
}

function localeOf({ locale }: Readonly<Record<string, unknown>>): string | null {
  return typeof locale === 'string' && locale !== '' ? locale : null;
}

function membershipOf(row: Row): Membership {
  const organisation = organisationOf(row, 'organisation_');
  const role = roleOf(row, 'role', 'permissions', 'admin');
  if (!organisation || !role) throw new TypeError('a membership without its organisation or role');
  return { organisation, role };
}

/**
 * Counts a completed sign-in and, at the last moment, makes sure that the account may still have one: it is active, in
 * the epoch in which its credentials were verified, its home is not suspended, and the role that it picked is there and
 * not suspended; where none was picked, not all that it has are. Guard `account`.
 * @returns the account's totals, this sign-in included
 */
export function recordSignIn(signIn: {
  accountId: string;
  epoch: number;
  /** The role that was picked: an account's own has no organisation, and is empty where it has none. */
  picked: Picked;
  at: number;
}): Change {
  const { picked } = signIn;
  const [condition, ...names] = standing(picked);
  return {
    guard: 'account',
    sql: `UPDATE accounts SET sign_ins = sign_ins + 1, last_sign_in_at = $3
      WHERE id = $1 AND epoch = $2 AND status = 'active'
      AND NOT EXISTS (SELECT 1 FROM organisations h WHERE h.id = accounts.home_id AND h.is_suspended <> 0)
      AND ${condition} RETURNING sign_ins, failed_sign_ins`,
    params: [signIn.accountId, signIn.epoch, signIn.at, ...names],
  };
}

type Picked = { readonly organisationId: string | null; readonly role: string } | null;

/** A condition on `accounts`, its parameters from $4 on. */
function standing(picked: Picked): [string, ...string[]] {
  if (picked === null) return [hasStandingRole('accounts')];
  const { organisationId, role } = picked;
  return organisationId === null ? [OWN_ROLE, role] : [ROLE_ELSEWHERE, role, organisationId];
}

const membersOf = (account: string): string => `SELECT 1 FROM memberships m
  JOIN organisations o ON o.id = m.organisation_id WHERE m.account_id = ${account}.id`;

/**
 * A condition: an account has roles elsewhere than only in organisations that are suspended, or none at all.
 * @param account what the statement calls it
 */
export function hasStandingRole(account: string): string {
  const members = membersOf(account);
  return `(${account}.role IS NOT NULL OR NOT EXISTS (${members}) OR EXISTS (${members} AND o.is_suspended = 0))`;
}

const OWN_ROLE = "COALESCE(accounts.role, '') = $4";
const ROLE_ELSEWHERE = `EXISTS (${membersOf('accounts')} AND m.role = $4 AND m.organisation_id = $5 AND o.is_suspended = 0)`;

/** Counts a refused password or code in the account's totals. */
export function recordFailedSignIn(accountId: string): Change {
  return {
    sql: 'UPDATE accounts SET failed_sign_ins = failed_sign_ins + 1 WHERE id = $1',
    params: [accountId],
  };
}

/** Replaces a hash by a newer one of the same password, unless the password was changed in the meantime. */
export function replacePasswordHash(
  table: 'accounts' | 'installations',
  id: string,
  verified: string,
  renewed: string,
): Change {
  return {
    sql: `UPDATE ${table} SET password_hash = $3 WHERE id = $1 AND password_hash = $2`,
    params: [id, verified, renewed],
  };
}

/**
 * Changes an account's state and ends what was issued before: its sessions and tickets belong to an older epoch.
 * Guard `account`: there is one and it was in another state.
 */
export function setAccountStatus(accountId: string, status: AccountStatus, now: number): Change[] {
  return [
    ...endAccountSessions([accountId], 'account-disabled', now),
    {
      guard: 'account',
      sql: 'UPDATE accounts SET status = $2, epoch = epoch + 1 WHERE id = $1 AND status <> $2 RETURNING id',
      params: [accountId, status],
    },
  ];
}

/** Ends everything that was issued to an account so far. Guard `account`: there is one. */
export function signAccountOut(accountId: string, now: number): Change[] {
  return [
    ...endAccountSessions([accountId], 'signed-out-by-operator', now),
    {
      guard: 'account',
      sql: 'UPDATE accounts SET epoch = epoch + 1 WHERE id = $1 RETURNING id',
      params: [accountId],
    },
  ];
}

/**
 * Ends everything that was issued to an account so far but one session, which goes on: what signs in has changed. Guard
 * `account`: nothing else had changed since it was read.
 * @param epoch in which the account was read
 * @param keptSessionId null to end them all
 */
export function endAllButOne(
  accountId: string,
  epoch: number,
  keptSessionId: string | null,
  reason: RevocationReason,
  now: number,
): Change[] {
  const ended =
    keptSessionId === null
      ? endAccountSessions([accountId], reason, now)
      : endOtherSessions(accountId, keptSessionId, reason, now);
  return [
    ...ended,
    {
      guard: 'account',
      sql: 'UPDATE accounts SET epoch = epoch + 1 WHERE id = $1 AND epoch = $2 RETURNING id',
      params: [accountId, epoch],
    },
    {
      sql: 'UPDATE sessions SET epoch = epoch + 1 WHERE id = $1 AND account_id = $2 AND ended_at IS NULL',
      params: [keptSessionId ?? '', accountId],
    },
  ];
}

/**
 * Keeps an account as it was read until the commit is over: of several that change what was issued to it, one comes after the
 * other. Guard `account`: it is active, and nothing has ended what was issued to it since.
 */
export function holdAccount(accountId: string, epoch: number): Change {
  return {
    guard: 'account',
    sql: "UPDATE accounts SET epoch = epoch WHERE id = $1 AND epoch = $2 AND status = 'active' RETURNING id",
    params: [accountId, epoch],
  };
}

/** Puts a new password in the place of the present one. Guard `account`: it is active, in that epoch. */
export function replacePassword(accountId: string, epoch: number, passwordHash: string): Change {
  return {
    guard: 'account',
    sql: "UPDATE accounts SET password_hash = $3 WHERE id = $1 AND epoch = $2 AND status = 'active' RETURNING id",
    params: [accountId, epoch, passwordHash],
  };
}

/** Notes that an account's password was set by a code that was mailed. */
export function noteResetByMail(accountId: string, now: number): Change {
  return { sql: 'UPDATE accounts SET reset_by_mail_at = $2 WHERE id = $1', params: [accountId, now] };
}

/**
 * Marks an account's e-mail address as proven. Guard `address`: it is still the one, in canonical form, that the code was
 * mailed to.
 */
export function validateEmail(accountId: string, canonical: string): Change {
  return {
    guard: 'address',
    sql: `UPDATE accounts SET email_validated = 1 WHERE id = $1 AND EXISTS (SELECT 1 FROM identifiers i
          WHERE i.account_id = accounts.id AND i.canonical = $2 AND (i.kinds & ${KIND_BITS.email}) <> 0) RETURNING id`,
    params: [accountId, canonical],
  };
}
