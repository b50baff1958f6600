import { TICKET_ATTEMPTS } from './count-attempt.ts';
import type { Change, Engine } from './engine.ts';
import { integer, optionalInteger, optionalText, text } from './rows.ts';

/** What a ticket is good for. A ticket of one purpose is nothing to the others. */
export type TicketPurpose =
  | 'pick'
  | 'prove'
  | 'resend-validation'
  | 'switch'
  | 'prove-again'
  | 'validate'
  | 'reset'
  | 'enrol-passkey'
  | 'enrol-totp'
  | 'enrol-email'
  | 'validate-email'
  | 'change-email'
  | 'validate-phone'
  | 'change-phone';

/** A code that was mailed for a ticket: a keyed hash, and until when it is good. */
export interface MailedCode {
  readonly hash: string;
  readonly sentAt: number;
  readonly expiresAt: number;
}

/** What is still due. */
export type Step = 'second-factor' | 'device';

/** What stands between a verified credential and a session. The secret itself is with the client only. */
export interface Ticket {
  readonly secretHash: string;
  readonly purpose: TicketPurpose;
  /** The mount where the sign-in began: the only one, beside `/v1`, that takes it. */
  readonly mount: string;
  readonly accountId: string;
  readonly epoch: number;
  /** The membership that was picked, where one was. */
  readonly membership: { readonly organisationId: string | null; readonly role: string } | null;
  /** The session that it goes on from: one that switches its role or is proven again, or that is given a factor. */
  readonly sessionId: string | null;
  readonly step: Step | null;
  readonly device: { readonly fingerprintHash: string; readonly fingerprintSealed: string } | null;
  readonly code: MailedCode | null;
  /** What it carries beside whom it is for, sealed. */
  readonly payloadSealed: string | null;
  readonly attempts: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly consumedAt: number | null;
}

/** Looks tickets up. Spending one is `consumeTicket`, trying a code `countTicketAttempt`. */
export function ticketReader(engine: Engine) {
  return {
    /** The ticket with that secret. */
    async bySecret(secretHash: string): Promise<Ticket | null> {
      const [row] = await engine.read({
        sql: `SELECT purpose, mount, account_id, epoch, organisation_id, role, step, fingerprint_hash, fingerprint_sealed, code_hash,
            code_sent_at, code_expires_at, attempts, created_at, expires_at, consumed_at, session_id, payload_sealed
          FROM tickets WHERE secret_hash = $1`,
        params: [secretHash],
      });
      if (!row) return null;
      const role = optionalText(row, 'role');
      const fingerprintHash = optionalText(row, 'fingerprint_hash');
      const codeHash = optionalText(row, 'code_hash');
      return {
        secretHash,
        purpose: text(row, 'purpose') as TicketPurpose,
        mount: text(row, 'mount'),
        accountId: text(row, 'account_id'),
        epoch: integer(row, 'epoch'),
        membership: role === null ? null : { organisationId: optionalText(row, 'organisation_id'), role },
        sessionId: optionalText(row, 'session_id'),
        step: optionalText(row, 'step') as Step | null,
        device:
          fingerprintHash === null
            ? null
            : { fingerprintHash, fingerprintSealed: text(row, 'fingerprint_sealed') },
        code:
          codeHash === null
            ? null
            : {
                hash: codeHash,
                sentAt: integer(row, 'code_sent_at'),
                expiresAt: integer(row, 'code_expires_at'),
              },
        payloadSealed: optionalText(row, 'payload_sealed'),
        attempts: integer(row, 'attempts'),
        createdAt: integer(row, 'created_at'),
        expiresAt: integer(row, 'expires_at'),
        consumedAt: optionalInteger(row, 'consumed_at'),
      };
    },
  };
}

/** Issues a ticket. */
export function issueTicket(ticket: Ticket): Change {
  return {
    sql: `INSERT INTO tickets (secret_hash, purpose, mount, account_id, epoch, organisation_id, role, step, fingerprint_hash,
            fingerprint_sealed, code_hash, code_sent_at, code_expires_at, attempts, created_at, expires_at, session_id, payload_sealed)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, $14, $15, $16, $17)`,
    params: [
      ticket.secretHash,
      ticket.purpose,
      ticket.mount,
      ticket.accountId,
      ticket.epoch,
      ticket.membership?.organisationId ?? null,
      ticket.membership?.role ?? null,
      ticket.step,
      ticket.device?.fingerprintHash ?? null,
      ticket.device?.fingerprintSealed ?? null,
      ticket.code?.hash ?? null,
      ticket.code?.sentAt ?? null,
      ticket.code?.expiresAt ?? null,
      ticket.createdAt,
      ticket.expiresAt,
      ticket.sessionId,
      ticket.payloadSealed,
    ],
  };
}

/**
 * Puts a new mailed code in the place of the old one, which is dead from then on. Guard `resend`: the ticket is alive
 * with a try left, and the last code was sent before the given time.
 */
export function replaceTicketCode(secretHash: string, code: MailedCode, lastSentBefore: number): Change {
  return {
    guard: 'resend',
    sql: `UPDATE tickets SET code_hash = $2, code_sent_at = $3, code_expires_at = $4
          WHERE secret_hash = $1 AND consumed_at IS NULL AND expires_at > $3 AND attempts < ${TICKET_ATTEMPTS}
          AND code_sent_at <= $5 RETURNING secret_hash`,
    params: [secretHash, code.hash, code.sentAt, code.expiresAt, lastSentBefore],
  };
}

/**
 * Notes that a mail was sent on the strength of a ticket, which stays good. Guard `resend`: the ticket is alive, and the last
 * one was sent before the given time.
 */
export function noteTicketMail(secretHash: string, now: number, lastSentBefore: number): Change {
  return {
    guard: 'resend',
    sql: `UPDATE tickets SET code_sent_at = $2 WHERE secret_hash = $1 AND consumed_at IS NULL AND expires_at > $2
          AND (code_sent_at IS NULL OR code_sent_at <= $3) RETURNING secret_hash`,
    params: [secretHash, now, lastSentBefore],
  };
}
