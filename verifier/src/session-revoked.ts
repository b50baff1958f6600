/** The tokens of a session are taken no longer. */
export interface Revocation {
  readonly sessionId: string;
  /** When that happened, in seconds since 1970. */
  readonly revokedAt: number;
  /**
   * Tokens of the session that were issued then or before are revoked, in seconds since 1970. Null where all of them are,
   * whenever they were issued: the session has ended.
   */
  readonly issuedUntil: number | null;
  /** Why, in one word of the server's; null where it says nothing. */
  readonly reason: string | null;
}

const SESSION_REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';

/**
 * Reads the claims of a security event token (RFC 8417) that says that a session was revoked (CAEP).
 * @throws Error when it says anything else: a revocation that is not understood must not get lost
 */
export function readSessionRevoked(data: string, issuer: string): Revocation {
  const claims = parse(data);
  const event = memberOf(memberOf(claims, 'events'), SESSION_REVOKED);
  const sessionId = memberOf(memberOf(memberOf(claims, 'sub_id'), 'session'), 'id');
  const revokedAt = memberOf(event, 'event_timestamp');
  const issuedUntil = memberOf(event, 'tokens_issued_until') ?? null;
  const reason = memberOf(memberOf(event, 'reason_admin'), 'en');
  if (memberOf(claims, 'iss') !== issuer) throw new Error('the feed speaks for another issuer');
  if (
    typeof sessionId !== 'string' ||
    sessionId === '' ||
    !isTime(revokedAt) ||
    !(issuedUntil === null || isTime(issuedUntil))
  )
    throw new Error('the feed sent a revocation that cannot be read');
  return { sessionId, revokedAt, issuedUntil, reason: typeof reason === 'string' ? reason : null };
}

function isTime(value: unknown): value is number {
  return Number.isFinite(value);
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new Error('the feed sent a revocation that is no JSON', { cause });
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
