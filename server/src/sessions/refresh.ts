import { familyOf } from '../crypto/secret-text.ts';
import { type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor, fromSession } from '../sign-in/corridor.ts';
import { sessionTokens } from '../sign-in/issue.ts';
import { consumeRefresh } from '../store/consume.ts';
import { endAnySession, type Session } from '../store/sessions.ts';
import { subjectOf } from './authenticate.ts';
import { type StandingSession, standingOf } from './standing.ts';

/**
 * Redeems a refresh token. The current one rotates the session's counter. The one before it, inside the grace, answers
 * with the same child again: a lost answer, a second tab, a retry. An older one, or one after the grace, was stolen from
 * or by somebody: the session ends, or what goes on in its place in another role.
 */
export async function refresh(corridor: Corridor, attempt: Attempt, presented: string): Promise<Outcome> {
  const token = corridor.refreshTokens.verify(presented);
  if (token === 'expired') return refused('token-expired');
  if (token === null) return refused('token-invalid');
  for (;;) {
    const now = corridor.clock.now();
    const found = await corridor.store.principals.bySession(token.sessionId);
    const standing = await standingOf(corridor, attempt, found, attempt.mount);
    if ('fallen' in standing)
      return refuseFallen(corridor, attempt, token, found?.session ?? null, standing.fallen);
    const { session } = standing;

    if (token.counter === session.counter) {
      // The token has ended since it was verified: rotating it would fail however often.
      if (session.refreshExpiresAt <= now) return refused('token-expired');
      const rotated = await rotate(corridor, attempt, session, now);
      if (rotated) return refreshed(corridor, attempt, { ...standing, session: rotated }, now);
      // Somebody was faster: the session says what became of this token.
      continue;
    }
    if (!isReuse(corridor, session, token.counter)) return refreshed(corridor, attempt, standing, now);
    if (await endReused(corridor, attempt, session, token.counter)) return refused('token-invalid');
    // It has just ended some other way: what goes on in its place is looked for.
  }
}

/** Whether a refresh token that is not good any more was spent longer ago than a lost answer or a second tab explains. */
function isReuse(
  { clock, limits }: Corridor,
  { counter, rotatedAt, endedAt }: Session,
  presented: number,
): boolean {
  const spentAt = presented === counter ? endedAt : presented === counter - 1 ? rotatedAt : 0;
  return spentAt !== null && clock.now() - spentAt > limits.graceSeconds * 1000;
}

async function rotate(
  corridor: Corridor,
  attempt: Attempt,
  session: Session,
  now: number,
): Promise<Session | null> {
  const lifeSeconds = attempt.mount.refreshTokenSeconds ?? attempt.mount.accessTokenSeconds;
  const refreshExpiresAt = Math.min(now + lifeSeconds * 1000, session.expiresAt);
  const committed = await corridor.store.commit([
    consumeRefresh(session.id, session.counter, now, refreshExpiresAt),
  ]);
  return committed.ok ? { ...session, counter: session.counter + 1, rotatedAt: now, refreshExpiresAt } : null;
}

function refreshed(
  corridor: Corridor,
  attempt: Attempt,
  { session, principal }: StandingSession,
  issuedAt: number,
): Outcome {
  return {
    kind: 'refreshed',
    tokens: sessionTokens(corridor, attempt, session, {
      principal,
      subject: subjectOf(session.principal),
      issuedAt,
      notAfter: null,
    }),
    principal,
    signedInAt: session.createdAt,
  };
}

async function refuseFallen(
  corridor: Corridor,
  attempt: Attempt,
  token: { readonly sessionId: string; readonly counter: number },
  session: Session | null,
  reason: string,
): Promise<Outcome> {
  const { sessionId } = token;
  if (session !== null && reason === 'session-ended' && isReuse(corridor, session, token.counter))
    if (await endSuccessor(corridor, attempt, session, token.counter)) return refused('token-invalid');
  const origin = session ? fromSession(corridor, attempt, session) : attempt;
  const accountId = session?.accountId ?? null;
  if (corridor.refusedRefreshes.take(`${sessionId} ${reason}`))
    await corridor.store.commit([
      auditAttempt(origin, corridor.clock.now(), 'session.refresh-refused', { reason, accountId, sessionId }),
    ]);
  return refused('token-invalid');
}

/** How often it is looked for what goes on, while that goes on again at the same time. */
const SUCCESSOR_TRIES = 10;

/**
 * Ends what goes on, in another role, in the place of a session that has ended: there are two who have its tokens.
 * @returns whether there was anything
 */
async function endSuccessor(
  corridor: Corridor,
  attempt: Attempt,
  ended: Session,
  presented: number,
): Promise<boolean> {
  const { store } = corridor;
  if (ended.accountId === null) return false;
  for (let tries = 0; tries < SUCCESSOR_TRIES; tries += 1) {
    const id = await store.sessions.successorIn(familyOf(ended.id), ended.accountId);
    const successor = id === null ? null : await store.principals.bySession(id);
    if (successor === null) return false;
    if (await endReused(corridor, attempt, successor.session, presented)) return true;
  }
  return false;
}

/** Ends a session whose tokens two have, once. @returns whether it had not ended */
async function endReused(
  corridor: Corridor,
  attempt: Attempt,
  session: Session,
  presented: number,
): Promise<boolean> {
  const now = corridor.clock.now();
  const committed = await corridor.store.commit([
    ...endAnySession(session.id, 'refresh-token-reused', now),
    auditAttempt(fromSession(corridor, attempt, session), now, 'session.reused', {
      accountId: session.accountId,
      detail: { presented, current: session.counter },
    }),
  ]);
  return committed.ok;
}
