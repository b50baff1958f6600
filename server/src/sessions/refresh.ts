import { type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor, fromSession } from '../sign-in/corridor.ts';
import { sessionTokens } from '../sign-in/issue.ts';
import { consumeRefresh } from '../store/consume.ts';
import { endSession, type Session } from '../store/sessions.ts';
import { subjectOf } from './authenticate.ts';
import { type StandingSession, standingOf } from './standing.ts';

/**
 * Redeems a refresh token. The current one rotates the session's counter. The one before it, inside the grace, answers
 * with the same child again: a lost answer, a second tab, a retry. An older one, or one after the grace, was stolen from
 * or by somebody: the session ends.
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
      return refuseRefresh(
        corridor,
        found ? fromSession(corridor, attempt, found.session) : attempt,
        token.sessionId,
        {
          reason: standing.fallen,
          accountId: found?.session.accountId ?? null,
        },
      );
    const { session } = standing;

    if (token.counter === session.counter) {
      const rotated = await rotate(corridor, attempt, session, now);
      if (rotated) return refreshed(corridor, attempt, { ...standing, session: rotated }, now);
      // Somebody was faster: the session says what became of this token.
      continue;
    }
    const inGrace = now - session.rotatedAt <= corridor.limits.graceSeconds * 1000;
    if (token.counter === session.counter - 1 && inGrace) return refreshed(corridor, attempt, standing, now);
    return endReused(corridor, attempt, session, token.counter);
  }
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

async function refuseRefresh(
  corridor: Corridor,
  attempt: Attempt,
  sessionId: string,
  known: { readonly reason: string; readonly accountId: string | null },
): Promise<Outcome> {
  if (corridor.refusedRefreshes.take(`${sessionId} ${known.reason}`))
    await corridor.store.commit([
      auditAttempt(attempt, corridor.clock.now(), 'session.refresh-refused', { ...known, sessionId }),
    ]);
  return refused('token-invalid');
}

async function endReused(
  corridor: Corridor,
  attempt: Attempt,
  session: Session,
  counter: number,
): Promise<Outcome> {
  const now = corridor.clock.now();
  await corridor.store.commit([
    ...endSession(session.id, 'refresh-token-reused', now),
    auditAttempt(fromSession(corridor, attempt, session), now, 'session.reused', {
      accountId: session.accountId,
      detail: { presented: counter, current: session.counter },
    }),
  ]);
  return refused('token-invalid');
}
