import { askOne } from '../../server/testing/postgres.ts';
import { type Figure, none } from './fault.ts';

// What is in the database itself, whatever clients were told: each effect is there once with all that belongs to it, or
// not at all.

/** What must not be there, and the statement that counts it. */
const DOUBLES: Readonly<Record<string, string>> = {
  'sessions without just one event of their beginning': `SELECT count(*)::int AS answer FROM sessions s
    WHERE (SELECT count(*) FROM audit a WHERE a.event = 'sign-in.completed' AND a.session_id = s.id) <> 1`,
  'beginnings of sessions that are not there': `SELECT count(*)::int AS answer FROM audit a
    WHERE a.event = 'sign-in.completed' AND NOT EXISTS (SELECT FROM sessions s WHERE s.id = a.session_id)`,
  'sessions that were signed out of twice, or have not ended': `SELECT count(*)::int AS answer FROM sessions s,
    LATERAL (SELECT count(*) AS times FROM audit a WHERE a.event = 'session.signed-out' AND a.session_id = s.id) ends
    WHERE ends.times > 1 OR (ends.times = 1 AND s.ended_at IS NULL)`,
  'passwords that one person changed twice': `SELECT count(*)::int AS answer FROM
    (SELECT FROM audit WHERE event = 'password.changed' GROUP BY account_id HAVING count(*) > 1) twice`,
  'codes that were spent without a session, or more often than they are good for': `SELECT
    ((SELECT abs(sum(uses) - (SELECT count(*) FROM sessions WHERE principal_kind = 'resource')) FROM resource_codes)
    + (SELECT count(*) FROM resource_codes WHERE max_uses > 0 AND uses > max_uses))::int AS answer`,
  'failures counted that are no events': `SELECT count(*)::int AS answer FROM accounts c
    JOIN attempts t ON t.key = 'password:account:' || c.id
    WHERE c.username LIKE 'guessed%' AND t.failures <> (SELECT count(*) FROM audit a
      WHERE a.account_id = c.id AND a.event = 'sign-in.refused' AND a.reason = 'wrong-password')`,
  'accounts that signed themselves up without just one event': `SELECT count(*)::int AS answer FROM accounts c
    WHERE c.email LIKE '%@example.org'
    AND (SELECT count(*) FROM audit a WHERE a.event = 'account.signed-up' AND a.account_id = c.id) <> 1`,
};

/** Looks for effects that are there twice, or by half. @param url of a PostgreSQL database in which effects were made */
export async function doubleFigures(url: string): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [what, sql] of Object.entries(DOUBLES)) figures.push(none(what, Number(await askOne(url, sql))));
  return figures;
}
