import { padded, places } from './bulk.ts';
import type { Piece } from './cut-off.ts';
import type { Change, Engine, Value } from './engine.ts';
import type { MembershipKey } from './memberships.ts';
import { type RevocationReason, revoke } from './revocations.ts';
import { integer, optionalText, text } from './rows.ts';

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
  /** Tells the device apart that it began on; null where that is not known. */
  readonly device: string | null;
  /** Which refresh token is the current one, and when it became that. */
  readonly counter: number;
  readonly rotatedAt: number;
  /** When who is there was last proven: by signing in, or since. One that goes on in another role keeps that time. */
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
export function insertSession(session: Omit<Session, 'device'>, origin: SessionOrigin): Change {
  return {
    sessions: 'issues',
    sql: `INSERT INTO sessions (id, principal_kind, principal_id, account_id, epoch, mount, organisation_id, role, methods, counter,
            rotated_at, created_at, last_used_at, refresh_expires_at, expires_at, opaque_hash, fingerprint_hash, address, user_agent)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $11, $13, $14, $15, $16, $17, $18)`,
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
      session.rotatedAt,
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

/** A session has shown more than it began with: its methods are these now. Guard `session`: it has not ended. */
export function setSessionMethods(sessionId: string, methods: readonly string[]): Change {
  return {
    guard: 'session',
    sql: 'UPDATE sessions SET methods = $2 WHERE id = $1 AND ended_at IS NULL RETURNING id',
    params: [sessionId, methods.join(' ')],
  };
}

/** Looks sessions up. What a session is good for is `current-principal.ts`'s to say. */
export function sessionReader(engine: Engine) {
  return {
    /** The sessions of an account that can still be used, those used last first; a hundred at most. */
    async liveOf(accountId: string, now: number): Promise<LiveSession[]> {
      const rows = await engine.read({
        sql: `SELECT s.id, s.mount, s.organisation_id, s.role, s.fingerprint_hash, s.address, s.user_agent, s.created_at, s.last_used_at
              FROM sessions s JOIN accounts a ON a.id = s.account_id AND a.epoch = s.epoch
              WHERE s.account_id = $1 AND s.principal_kind = 'account' AND s.ended_at IS NULL AND s.refresh_expires_at > $2
              ORDER BY s.last_used_at DESC, s.id DESC LIMIT 100`,
        params: [accountId, now],
      });
      return rows.map((row) => ({
        id: text(row, 'id'),
        mount: text(row, 'mount'),
        organisation: optionalText(row, 'organisation_id'),
        role: optionalText(row, 'role'),
        fingerprintHash: optionalText(row, 'fingerprint_hash'),
        address: optionalText(row, 'address'),
        userAgent: optionalText(row, 'user_agent'),
        createdAt: integer(row, 'created_at'),
        lastUsedAt: integer(row, 'last_used_at'),
      }));
    },

    /**
     * The session of an account that goes on in the place of one that has ended, however often its role was switched; null
     * without one.
     * @param family the first and the last id that it can have: most of it is that of the one before
     */
    async successorIn(
      family: readonly [first: string, last: string],
      accountId: string,
    ): Promise<string | null> {
      const [row] = await engine.read({
        sql: `SELECT id FROM sessions WHERE id >= $1 AND id <= $2 AND account_id = $3 AND ended_at IS NULL LIMIT 1`,
        params: [...family, accountId],
      });
      return row ? text(row, 'id') : null;
    },
  };
}

/** A session as its owner may see it. */
export interface LiveSession {
  readonly id: string;
  readonly mount: string;
  readonly organisation: string | null;
  readonly role: string | null;
  readonly fingerprintHash: string | null;
  readonly address: string | null;
  readonly userAgent: string | null;
  readonly createdAt: number;
  readonly lastUsedAt: number;
}

/** A condition on sessions, its parameters numbered from the given one on. */
type Which = (first: number) => string;

/** Ends a session, once. */
export function endSession(sessionId: string, reason: RevocationReason, now: number): Change[] {
  return end((first) => `id = $${first}`, [sessionId], reason, now);
}

/** Ends a session, whoever's it is. Guard `session`: there is one that had not ended. */
export function endAnySession(sessionId: string, reason: RevocationReason, now: number): Change[] {
  const [revoked, ended] = end((first) => `id = $${first}`, [sessionId], reason, now);
  return [revoked, { ...ended, guard: 'session' }];
}

/** Ends every session that acts for one of these accounts, those of installations included. */
export function endAccountSessions(
  accountIds: readonly string[],
  reason: RevocationReason,
  now: number,
): Change[] {
  if (accountIds.length === 0) return [];
  const ids = padded(accountIds);
  return end((first) => `account_id IN (${places(ids.length, first)})`, ids, reason, now);
}

/** Ends every session of these installations. */
export function endInstallationSessions(
  installationIds: readonly string[],
  reason: RevocationReason,
  now: number,
): Change[] {
  if (installationIds.length === 0) return [];
  const ids = padded(installationIds);
  const which: Which = (first) =>
    `principal_kind = 'installation' AND principal_id IN (${places(ids.length, first)})`;
  return end(which, ids, reason, now);
}

/**
 * Ends every session of an account that is for one of its memberships. Those that are for all its roles go on without it:
 * the tokens that still name it are revoked.
 */
export function endMembershipSessions(
  { accountId, organisationId, role }: MembershipKey,
  reason: RevocationReason,
  now: number,
): Change[] {
  const which: Which = (first) =>
    `account_id = $${first} AND organisation_id = $${first + 1} AND role = $${first + 2}`;
  return [
    ...end(which, [accountId, organisationId, role], reason, now),
    revoke(`${OF_ACCOUNTS} AND role IS NULL AND account_id = $4`, [accountId], 'account-changed', now),
  ];
}

const OF_ACCOUNTS = "principal_kind = 'account'";

/** Revokes the tokens of these accounts, whose sessions go on: what the tokens say is no longer so. */
export function revokeStaleTokens(accountIds: readonly string[], now: number): Change[] {
  if (accountIds.length === 0) return [];
  const ids = padded(accountIds);
  const which = `${OF_ACCOUNTS} AND account_id IN (${places(ids.length, 4)})`;
  return [revoke(which, ids, 'account-changed', now)];
}

/** Ends every session of a piece; the second change returns a row for each. */
export function endSessionsOfPiece(
  { after, last }: Piece,
  reason: RevocationReason,
  now: number,
): [Change, Change] {
  return end((first) => `id > $${first} AND id <= $${first + 1}`, [after, last], reason, now);
}

/** Ends one session of an account. Guard `session`: it is the account's, and had not ended. */
export function endOwnSession(
  accountId: string,
  sessionId: string,
  reason: RevocationReason,
  now: number,
): Change[] {
  const which: Which = (first) => `${OF_ACCOUNTS} AND id = $${first} AND account_id = $${first + 1}`;
  const [revoked, ended] = end(which, [sessionId, accountId], reason, now);
  return [revoked, { ...ended, guard: 'session' }];
}

/** Ends all sessions of an account but one; the second change returns a row for each. */
export function endOtherSessions(
  accountId: string,
  keptSessionId: string,
  reason: RevocationReason,
  now: number,
): Change[] {
  const which: Which = (first) => `${OF_ACCOUNTS} AND account_id = $${first} AND id <> $${first + 1}`;
  return end(which, [accountId, keptSessionId], reason, now);
}

/** Every end of a session is told to those who follow revocations, in the same commit. */
function end(
  which: Which,
  params: readonly Value[],
  reason: RevocationReason,
  now: number,
): [Change, Change] {
  return [
    revoke(which(4), params, reason, now),
    {
      sql: `UPDATE sessions SET ended_at = $1, ended_reason = $2 WHERE ${which(3)} AND ended_at IS NULL RETURNING id`,
      params: [now, reason, ...params],
    },
  ];
}
