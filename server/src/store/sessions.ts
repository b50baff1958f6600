import type { Change } from './engine.ts';
import type { MembershipKey } from './memberships.ts';

/** Who a session is for. */
export type PrincipalKind = 'account' | 'installation' | 'resource';

/** A session as it is stored. Times are milliseconds since 1970. */
export interface Session {
  readonly id: string;
  readonly principal: { readonly kind: PrincipalKind; readonly id: string };
  /** The account it acts for: an installation may be bound to one, a resource has none. */
  readonly accountId: string | null;
  readonly epoch: number;
  readonly mount: string;
  /** The one membership it was made for, where one was picked; an account's own role has no organisation. */
  readonly membership: { readonly organisationId: string | null; readonly role: string } | null;
  /** How the principal was authenticated (RFC 8176 names). */
  readonly methods: readonly string[];
  /** Which refresh token is the current one, and when it became that. */
  readonly counter: number;
  readonly rotatedAt: number;
  readonly createdAt: number;
  /** Until when the current refresh token is good. */
  readonly refreshExpiresAt: number;
  /** Until when the session lives, however often it is refreshed. */
  readonly expiresAt: number;
  readonly endedAt: number | null;
}

/** What is kept about where a session began. */
export interface SessionOrigin {
  /** The hash of the opaque token that stands for the session at introspection, where the contract hands one out. */
  readonly opaqueHash: string | null;
  readonly fingerprintHash: string | null;
  readonly address: string;
  readonly userAgent: string | null;
}

/** Stores a new session. Only `sign-in/issue.ts` may. */
export function insertSession(session: Session, origin: SessionOrigin): Change {
  return {
    sql: `INSERT INTO sessions (id, principal_kind, principal_id, account_id, epoch, mount, organisation_id, role, methods, counter,
            rotated_at, created_at, last_used_at, refresh_expires_at, expires_at, opaque_hash, fingerprint_hash, address, user_agent)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $11, $12, $13, $14, $15, $16, $17)`,
    params: [
      session.id,
      session.principal.kind,
      session.principal.id,
      session.accountId,
      session.epoch,
      session.mount,
      session.membership?.organisationId ?? null,
      session.membership?.role ?? null,
      session.methods.join(' '),
      session.counter,
      session.createdAt,
      session.refreshExpiresAt,
      session.expiresAt,
      origin.opaqueHash,
      origin.fingerprintHash,
      origin.address,
      origin.userAgent,
    ],
  };
}

/** Ends a session, once. */
export function endSession(sessionId: string, reason: string, now: number): Change {
  return {
    sql: 'UPDATE sessions SET ended_at = $3, ended_reason = $2 WHERE id = $1 AND ended_at IS NULL',
    params: [sessionId, reason, now],
  };
}

/** Ends every session of an account. */
export function endAccountSessions(accountId: string, reason: string, now: number): Change {
  return {
    sql: 'UPDATE sessions SET ended_at = $3, ended_reason = $2 WHERE account_id = $1 AND ended_at IS NULL',
    params: [accountId, reason, now],
  };
}

/** Ends every session of an account that is for one of its memberships. */
export function endMembershipSessions(membership: MembershipKey, reason: string, now: number): Change {
  return {
    sql: `UPDATE sessions SET ended_at = $5, ended_reason = $4
          WHERE account_id = $1 AND organisation_id = $2 AND role = $3 AND ended_at IS NULL`,
    params: [membership.accountId, membership.organisationId, membership.role, reason, now],
  };
}
