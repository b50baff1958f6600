import { byOrganisation, type HeldRole, type RoleHolder } from '../accounts/account.ts';
import { deviceName } from '../accounts/fingerprint.ts';
import { hasStandingRole } from './accounts.ts';
import type { Engine, Row } from './engine.ts';
import { settingsOf } from './organisations.ts';
import { roleOf } from './roles.ts';
import { flag, integer, optionalInteger, optionalText, text } from './rows.ts';
import type { PrincipalKind, Session } from './sessions.ts';

const SELECT = `SELECT s.id, s.principal_kind, s.principal_id, s.account_id, s.epoch, s.mount, s.organisation_id, s.role, s.methods,
    s.counter, s.rotated_at, s.created_at, s.refresh_expires_at, s.expires_at, s.ended_at, s.fingerprint_hash,
    CASE WHEN s.account_id IS NOT NULL AND a.status <> 'active' THEN 'account-not-active'
      WHEN s.principal_kind = 'account' AND a.epoch <> s.epoch THEN 'credentials-changed'
      WHEN s.principal_kind = 'installation' AND (i.id IS NULL OR i.status <> 'active' OR i.epoch <> s.epoch) THEN 'installation-not-active'
      WHEN h.is_suspended <> 0 OR o.is_suspended <> 0 THEN 'organisation-suspended'
      WHEN s.principal_kind = 'installation' AND a.id IS NOT NULL AND NOT ${hasStandingRole('a')} THEN 'organisation-suspended'
      WHEN s.organisation_id IS NOT NULL AND m.role IS NULL THEN 'membership-removed'
      END AS obstacle,
    a.status, a.email_validated, a.factor_email, a.totp_sealed, a.home_id, h.settings AS home_settings,
    a.role AS own_role, r.permissions AS own_permissions, r.admin AS own_admin
  FROM sessions s
  LEFT JOIN accounts a ON a.id = s.account_id
  LEFT JOIN roles r ON r.name = a.role
  LEFT JOIN organisations h ON h.id = a.home_id
  LEFT JOIN organisations o ON o.id = s.organisation_id
  LEFT JOIN installations i ON s.principal_kind = 'installation' AND i.id = s.principal_id
  LEFT JOIN memberships m ON m.account_id = s.account_id AND m.organisation_id = s.organisation_id AND m.role = s.role`;

/** Why a session that has not ended gives no principal. */
export type SessionObstacle =
  | 'account-not-active'
  | 'credentials-changed'
  | 'installation-not-active'
  | 'organisation-suspended'
  | 'membership-removed';

/** A session and what stands in its way today. */
export interface SessionStanding {
  readonly session: Session;
  readonly obstacle: SessionObstacle | null;
  /** The account it acts for, without its memberships, which `rolesOf` reads. */
  readonly holder: Omit<RoleHolder, 'memberships'> | null;
}

const ROLES = `SELECT m.role, r.permissions, r.admin, o.id, o.name, o.is_suspended, o.settings
  FROM memberships m JOIN organisations o ON o.id = m.organisation_id JOIN roles r ON r.name = m.role WHERE m.account_id = $1`;

/**
 * The only way from a session to the principal behind it: one read that looks at the session and at everything it
 * depends on, so that whatever ended or changed elsewhere counts at once.
 */
export function currentPrincipalReader(engine: Engine) {
  async function standing(condition: string, key: string): Promise<SessionStanding | null> {
    const [row] = await engine.read({ sql: `${SELECT} WHERE ${condition}`, params: [key] });
    if (!row) return null;
    return {
      session: sessionOf(row),
      obstacle: optionalText(row, 'obstacle') as SessionObstacle | null,
      holder: holderOf(row),
    };
  }
  return {
    /** By the session's id. */
    bySession: (sessionId: string): Promise<SessionStanding | null> => standing('s.id = $1', sessionId),

    /** By the hash of the opaque token that stands for the session. */
    byOpaqueToken: (opaqueHash: string): Promise<SessionStanding | null> =>
      standing('s.opaque_hash = $1', opaqueHash),

    /** The roles that an account has in organisations, ordered by the organisation's name and then the role. */
    async rolesOf(accountId: string): Promise<HeldRole[]> {
      const rows = await engine.read({ sql: ROLES, params: [accountId] });
      return rows.map(heldRoleOf).sort(byOrganisation);
    },
  };
}

function holderOf(row: Row): SessionStanding['holder'] {
  if (row.status == null) return null;
  const home = optionalText(row, 'home_id');
  return {
    status: text(row, 'status') as RoleHolder['status'],
    emailValidated: flag(row, 'email_validated'),
    // A home that is suspended is an obstacle already.
    home: home === null ? null : { id: home, isSuspended: false, settings: settingsOf(row, 'home_settings') },
    factors: { email: flag(row, 'factor_email'), totpSealed: optionalText(row, 'totp_sealed') },
    role: roleOf(row, 'own_role', 'own_permissions', 'own_admin'),
  };
}

function heldRoleOf(row: Row): HeldRole {
  const role = roleOf(row, 'role', 'permissions', 'admin');
  if (!role) throw new TypeError('a membership without its role');
  return {
    organisation: {
      id: text(row, 'id'),
      name: text(row, 'name'),
      isSuspended: flag(row, 'is_suspended'),
      settings: settingsOf(row, 'settings'),
    },
    role,
  };
}

function sessionOf(row: Row): Session {
  const role = optionalText(row, 'role');
  const fingerprintHash = optionalText(row, 'fingerprint_hash');
  return {
    id: text(row, 'id'),
    principal: { kind: text(row, 'principal_kind') as PrincipalKind, id: text(row, 'principal_id') },
    accountId: optionalText(row, 'account_id'),
    epoch: integer(row, 'epoch'),
    mount: text(row, 'mount'),
    membership: role === null ? null : { organisationId: optionalText(row, 'organisation_id'), role },
    methods: text(row, 'methods').split(' '),
    device: fingerprintHash === null ? null : deviceName(fingerprintHash),
    counter: integer(row, 'counter'),
    rotatedAt: integer(row, 'rotated_at'),
    createdAt: integer(row, 'created_at'),
    refreshExpiresAt: integer(row, 'refresh_expires_at'),
    expiresAt: integer(row, 'expires_at'),
    endedAt: optionalInteger(row, 'ended_at'),
  };
}
