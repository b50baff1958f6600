import type { Change, Engine } from './engine.ts';
import { integer, text } from './rows.ts';

/** How a message goes: to a mailbox, or as a text to a phone. */
export type Channel = 'mail' | 'sms';

/** A message that waits to be sent. What it says is sealed: it may hold a code. */
export interface QueuedMail {
  readonly id: string;
  readonly channel: Channel;
  /** Which template; for logs and counts. */
  readonly kind: string;
  readonly mailSealed: string;
  readonly createdAt: number;
  /** After this it is of no use and is not sent. */
  readonly expiresAt: number;
}

/** A message taken for sending, and how often it was tried before. */
export interface ClaimedMail extends QueuedMail {
  readonly tries: number;
}

/** How long a claim holds: a sender that died gives its mails back. */
const CLAIM_MILLISECONDS = 60_000;

/** Reads the queue's state. */
export function outboxReader(engine: Engine) {
  return {
    /** How many messages wait, and how many were given up. */
    async depth(): Promise<{ waiting: number; dead: number }> {
      const [row] = await engine.read({
        sql: 'SELECT count(*) AS every, count(dead_at) AS dead FROM outbox',
        params: [],
      });
      return { waiting: Number(row?.every ?? 0) - Number(row?.dead ?? 0), dead: Number(row?.dead ?? 0) };
    },
  };
}

/** Queues a message, in the same commit as what it tells. */
export function enqueueMail(mail: QueuedMail): Change {
  return {
    sql: `INSERT INTO outbox (id, channel, kind, mail_sealed, created_at, next_attempt_at, expires_at) VALUES ($1, $2, $3, $4, $5, $5, $6)`,
    params: [mail.id, mail.channel, mail.kind, mail.mailSealed, mail.createdAt, mail.expiresAt],
  };
}

/**
 * Queues a mail about a lock, when the failure counted before it in the same commit was the one that locked.
 * @param lockedUntil the time that the lock ends if it began just now
 */
export function enqueueMailIfLocked(mail: QueuedMail, key: string, lockedUntil: number): Change {
  return {
    sql: `INSERT INTO outbox (id, channel, kind, mail_sealed, created_at, next_attempt_at, expires_at)
          SELECT $1, $2, $3, $4, CAST($5 AS BIGINT), CAST($5 AS BIGINT), CAST($6 AS BIGINT)
          FROM attempts WHERE key = $7 AND locked_until = $8`,
    params: [
      mail.id,
      mail.channel,
      mail.kind,
      mail.mailSealed,
      mail.createdAt,
      mail.expiresAt,
      key,
      lockedUntil,
    ],
  };
}

/**
 * Queues a notice of a device, when what was noted before it in the same commit (`noteSeenDevice`) names it: the sign-in was
 * the first from there.
 */
export function enqueueMailIfNoticed(mail: QueuedMail, accountId: string): Change {
  return {
    sql: `INSERT INTO outbox (id, channel, kind, mail_sealed, created_at, next_attempt_at, expires_at)
          SELECT $1, $2, $3, $4, CAST($5 AS BIGINT), CAST($5 AS BIGINT), CAST($6 AS BIGINT)
          WHERE EXISTS (SELECT 1 FROM seen_devices WHERE account_id = $7 AND notice_id = $1)`,
    params: [mail.id, mail.channel, mail.kind, mail.mailSealed, mail.createdAt, mail.expiresAt, accountId],
  };
}

/**
 * Takes messages of one channel that are due, so that no other sender does. Returns their rows, which `claimedMails`
 * reads.
 */
export function claimDueMails(channel: Channel, now: number, limit: number): Change {
  return {
    sql: `UPDATE outbox SET next_attempt_at = $3 WHERE next_attempt_at <= $1 AND dead_at IS NULL AND id IN
            (SELECT id FROM outbox WHERE next_attempt_at <= $1 AND dead_at IS NULL AND channel = $4
             ORDER BY next_attempt_at, id LIMIT $2)
          RETURNING id, channel, kind, mail_sealed, created_at, expires_at, tries`,
    params: [now, limit, now + CLAIM_MILLISECONDS, channel],
  };
}

/** The messages in the rows that `claimDueMails` returned. */
export function claimedMails(rows: readonly Parameters<typeof text>[0][]): ClaimedMail[] {
  return rows.map((row) => ({
    id: text(row, 'id'),
    channel: text(row, 'channel') === 'sms' ? 'sms' : 'mail',
    kind: text(row, 'kind'),
    mailSealed: text(row, 'mail_sealed'),
    createdAt: integer(row, 'created_at'),
    expiresAt: integer(row, 'expires_at'),
    tries: integer(row, 'tries'),
  }));
}

/** The message was handed over: nothing of it is kept. */
export function removeMail(id: string): Change {
  return { sql: 'DELETE FROM outbox WHERE id = $1', params: [id] };
}

/** The message could not be sent and is tried again at that time. */
export function postponeMail(id: string, nextAttemptAt: number, error: string): Change {
  return {
    sql: 'UPDATE outbox SET next_attempt_at = $2, tries = tries + 1, last_error = $3 WHERE id = $1',
    params: [id, nextAttemptAt, error],
  };
}

/** The message came too late to be of use. It stays visible, without what it said. */
export function buryMail(id: string, now: number, error: string): Change {
  return {
    sql: "UPDATE outbox SET dead_at = $2, last_error = $3, mail_sealed = '' WHERE id = $1",
    params: [id, now, error],
  };
}

/**
 * Makes every waiting message of a channel due now: a start is a reason to try again, also what a sender that was killed
 * had claimed. One that another node is sending at this moment may go out twice, with the same id.
 */
export function retryAllMails(channel: Channel, now: number): Change {
  return {
    sql: 'UPDATE outbox SET next_attempt_at = $1 WHERE dead_at IS NULL AND channel = $2',
    params: [now, channel],
  };
}
