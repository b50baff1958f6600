import type { Change, Engine } from './engine.ts';
import { integer } from './rows.ts';

/** How much may be sent for one key in a window of time. */
export interface SendingBudget {
  /** The guard's name: which limit it is. */
  readonly limitName: string;
  readonly key: string;
  readonly limit: number;
  /** The window begins with the first message that is counted in it. */
  readonly windowSeconds: number;
}

/** Reads what was counted. Whether a code may go is `countSending`'s to say. */
export function sendingBudgetReader(engine: Engine) {
  return {
    /** How many messages were withheld, over all windows that have not ended. */
    async withheld(now: number): Promise<number> {
      const [row] = await engine.read({
        sql: 'SELECT sum(withheld) AS withheld FROM sending_budgets WHERE window_ends_at > $1',
        params: [now],
      });
      return Number(row?.withheld ?? 0);
    },

    /** What was counted for a key in the window that is open; null for nothing. What `countSent` counts goes by this. */
    async window(key: string, now: number): Promise<{ sent: number; endsAt: number } | null> {
      const [row] = await engine.read({
        sql: 'SELECT sent, window_ends_at FROM sending_budgets WHERE key = $1 AND window_ends_at > $2',
        params: [key, now],
      });
      return row ? { sent: Number(row.sent), endsAt: integer(row, 'window_ends_at') } : null;
    },
  };
}

/**
 * Counts a message before it is queued: the only way to send one that is limited. Provisional: one that is lost with the
 * machine is lost with its message. Guard `limitName`: there was room in the budget.
 */
export function countSending(budget: SendingBudget, now: number): Change {
  return {
    guard: budget.limitName,
    provisional: true,
    sql: `INSERT INTO sending_budgets (key, window_ends_at, sent) VALUES ($1, $3, 1)
      ON CONFLICT (key) DO UPDATE SET
        sent = CASE WHEN sending_budgets.window_ends_at <= $2 THEN 1 ELSE sending_budgets.sent + 1 END,
        withheld = CASE WHEN sending_budgets.window_ends_at <= $2 THEN 0 ELSE sending_budgets.withheld END,
        window_ends_at = CASE WHEN sending_budgets.window_ends_at <= $2 THEN $3 ELSE sending_budgets.window_ends_at END
      WHERE sending_budgets.window_ends_at <= $2 OR sending_budgets.sent < $4
      RETURNING sent`,
    params: [budget.key, now, now + budget.windowSeconds * 1000, budget.limit],
  };
}

/**
 * Counts a message in the commit that queues it, whatever was counted before: for what is committed anyway, with or without
 * a message, and one account's after the other.
 */
export function countSent(key: string, windowSeconds: number, now: number): Change {
  return {
    sql: `INSERT INTO sending_budgets (key, window_ends_at, sent) VALUES ($1, $3, 1)
      ON CONFLICT (key) DO UPDATE SET
        sent = CASE WHEN sending_budgets.window_ends_at <= $2 THEN 1 ELSE sending_budgets.sent + 1 END,
        withheld = CASE WHEN sending_budgets.window_ends_at <= $2 THEN 0 ELSE sending_budgets.withheld END,
        window_ends_at = CASE WHEN sending_budgets.window_ends_at <= $2 THEN $3 ELSE sending_budgets.window_ends_at END`,
    params: [key, now, now + windowSeconds * 1000],
  };
}

/** Counts a message that was not sent for want of room in a budget. */
export function countWithheld(key: string): Change {
  return { sql: 'UPDATE sending_budgets SET withheld = withheld + 1 WHERE key = $1', params: [key] };
}
