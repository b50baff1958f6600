import { CUT_OFF_FACT, type Piece } from './cut-off.ts';
import type { Change } from './engine.ts';
import type { ResourceCode } from './resource-codes.ts';
import type { TicketPurpose } from './tickets.ts';

// Every thing that can be spent, and the only statements that spend it: one conditional update each, so that of any
// number of callers on any number of nodes one gets it.

/** Spends a ticket. Guard `ticket`: it is alive, and its account is in the epoch in which it was issued. */
export function consumeTicket(secretHash: string, now: number): Change {
  return {
    guard: 'ticket',
    sql: `UPDATE tickets SET consumed_at = $2 WHERE secret_hash = $1 AND consumed_at IS NULL AND expires_at > $2
          AND epoch = (SELECT a.epoch FROM accounts a WHERE a.id = tickets.account_id) RETURNING secret_hash`,
    params: [secretHash, now],
  };
}

/** Ends every ticket of some purposes that an account holds, so that only one issued after it is good. */
export function voidTickets(accountId: string, purposes: readonly TicketPurpose[], now: number): Change {
  const places = purposes.map((_, index) => `$${index + 3}`).join(', ');
  return {
    sql: `UPDATE tickets SET consumed_at = $2 WHERE account_id = $1 AND consumed_at IS NULL AND purpose IN (${places})`,
    params: [accountId, now, ...purposes],
  };
}

/** Spends a TOTP time step, and with it all earlier ones. Guard `code`: no code of that step or a later one was used. */
export function consumeTotpStep(accountId: string, step: number): Change {
  return {
    guard: 'code',
    sql: 'UPDATE accounts SET totp_step = $2 WHERE id = $1 AND totp_step < $2 RETURNING totp_step',
    params: [accountId, step],
  };
}

/**
 * Takes what a passkey has signed. Guard `code`: it is the account's, and its counter has risen, or it never counted. One that
 * has not risen was copied (WebAuthn §7.2).
 */
export function consumePasskeyCounter(signed: {
  credentialId: string;
  accountId: string;
  counter: number;
  isBackedUp: boolean;
  at: number;
}): Change {
  return {
    guard: 'code',
    sql: `UPDATE passkeys SET counter = $3, is_backed_up = $4, last_used_at = $5
          WHERE credential_id = $1 AND account_id = $2 AND (counter < $3 OR (counter = 0 AND $3 = 0)) RETURNING counter`,
    params: [signed.credentialId, signed.accountId, signed.counter, signed.isBackedUp ? 1 : 0, signed.at],
  };
}

/**
 * Spends a challenge that no ticket stands for. Guard `ticket`: nobody has answered it, and it was made after the last cut-off:
 * a store that was restored does not know which had been answered.
 * @param expiresAt milliseconds since 1970
 * @param lifeSeconds how long before that it was made
 */
export function consumeChallenge(challengeHash: string, expiresAt: number, lifeSeconds: number): Change {
  return {
    guard: 'ticket',
    sql: `INSERT INTO spent_challenges (challenge_hash, expires_at) SELECT $1, CAST($2 AS BIGINT)
          WHERE NOT EXISTS (SELECT 1 FROM facts WHERE name = '${CUT_OFF_FACT}'
            AND CAST(value AS BIGINT) >= CAST($3 AS BIGINT))
          ON CONFLICT (challenge_hash) DO NOTHING RETURNING challenge_hash`,
    params: [challengeHash, expiresAt, expiresAt - lifeSeconds * 1000],
  };
}

/** Spends a time step of a seed that takes the place of another: whatever was spent of the old one stays spent. */
export function raiseTotpStep(accountId: string, step: number): Change {
  return {
    sql: 'UPDATE accounts SET totp_step = $2 WHERE id = $1 AND totp_step < $2',
    params: [accountId, step],
  };
}

/** Spends every time step up to one, for all accounts of a piece whose codes have them. */
export function spendTotpSteps({ after, last }: Piece, step: number): Change {
  return {
    sql: `UPDATE accounts SET totp_step = $3 WHERE id > $1 AND id <= $2 AND totp_sealed IS NOT NULL AND totp_step < $3`,
    params: [after, last, step],
  };
}

/** Spends a recovery code: it is gone. Guard `code`: the account had it. */
export function consumeRecoveryCode(accountId: string, codeHash: string): Change {
  return {
    guard: 'code',
    sql: 'DELETE FROM recovery_codes WHERE account_id = $1 AND code_hash = $2 RETURNING code_hash',
    params: [accountId, codeHash],
  };
}

/** Takes one use of a resource code. Guard `resource-code`: it is live and has one left. */
export function consumeResourceCode(context: string, codeHash: string, now: number): Change {
  return {
    guard: 'resource-code',
    sql: `UPDATE resource_codes SET uses = uses + 1
          WHERE context = $1 AND code_hash = $2 AND revoked = 0 AND (expires_at IS NULL OR expires_at > $3)
          AND (max_uses = 0 OR uses < max_uses) RETURNING expires_at`,
    params: [context, codeHash, now],
  };
}

/**
 * Spends the refresh token of a counter: the session's counter goes up by one. Guard `refresh`: it was the current one,
 * of a session that has not ended.
 */
export function consumeRefresh(
  sessionId: string,
  counter: number,
  now: number,
  refreshExpiresAt: number,
): Change {
  return {
    guard: 'refresh',
    sql: `UPDATE sessions SET counter = counter + 1, rotated_at = $3, last_used_at = $3, refresh_expires_at = $4
          WHERE id = $1 AND counter = $2 AND ended_at IS NULL AND refresh_expires_at > $3
          AND (account_id IS NULL OR epoch = (SELECT a.epoch FROM accounts a WHERE a.id = sessions.account_id)) RETURNING counter`,
    params: [sessionId, counter, now, refreshExpiresAt],
  };
}

/** Spends the uses of a resource code that were spent elsewhere: brings the count up to what is given, never down. */
export function raiseResourceCodeUses(code: ResourceCode): Change {
  return {
    sql: 'UPDATE resource_codes SET uses = $3 WHERE context = $1 AND code_hash = $2 AND uses < $3',
    params: [code.context, code.codeHash, code.uses],
  };
}
