import { deviceName } from '../accounts/fingerprint.ts';
import { userAgentInWords } from '../accounts/user-agent.ts';
import { type Outcome, refused } from '../sign-in/attempt.ts';
import { type Attempt, auditAttempt, type Corridor, fromSession } from '../sign-in/corridor.ts';
import { endOtherSessions, endOwnSession, endSession } from '../store/sessions.ts';
import { type Authenticated, authenticate } from './authenticate.ts';

/** Ends the session behind a token, but not one that a resource code began: it is nobody's, and ends by itself. */
export async function signOut(corridor: Corridor, attempt: Attempt, token: string): Promise<Outcome> {
  const known = await authenticate(corridor, attempt, token);
  if ('kind' in known) return known;
  if (known.principal.kind === 'resource') return refused('token-invalid');
  const now = corridor.clock.now();
  const { id, accountId } = known.session;
  const origin = fromSession(corridor, attempt, known.session);
  await corridor.store.commit([
    ...endSession(id, 'signed-out', now),
    auditAttempt(origin, now, 'session.signed-out', { accountId }),
  ]);
  return { kind: 'signed-out' };
}

/** Lists the sessions of the account behind a token, those used last first. */
export async function listSessions(corridor: Corridor, attempt: Attempt, token: string): Promise<Outcome> {
  const known = await accountBehind(corridor, attempt, token);
  if ('kind' in known) return known;
  const sessions = await corridor.store.sessions.liveOf(known.accountId, corridor.clock.now());
  return {
    kind: 'sessions',
    sessions: sessions.map(({ fingerprintHash, userAgent, ...session }) => ({
      ...session,
      isCurrent: session.id === known.session.id,
      device: fingerprintHash === null ? null : deviceName(fingerprintHash),
      userAgent: userAgentInWords(userAgent),
    })),
  };
}

/** Ends one session of the account behind a token. Somebody else's is as unknown as one that never was. */
export async function endOne(
  corridor: Corridor,
  attempt: Attempt,
  token: string,
  sessionId: string,
): Promise<Outcome> {
  const known = await accountBehind(corridor, attempt, token);
  if ('kind' in known) return known;
  const now = corridor.clock.now();
  const committed = await corridor.store.commit([
    ...endOwnSession(known.accountId, sessionId, 'ended-by-owner', now),
    auditAttempt(fromSession(corridor, attempt, known.session), now, 'session.ended', {
      sessionId,
      accountId: known.accountId,
    }),
  ]);
  return committed.ok ? { kind: 'sessions-ended', count: 1 } : refused('no-such-session');
}

/** Ends all sessions of the account behind a token, but the one that asks. */
export async function endOthers(corridor: Corridor, attempt: Attempt, token: string): Promise<Outcome> {
  const known = await accountBehind(corridor, attempt, token);
  if ('kind' in known) return known;
  const now = corridor.clock.now();
  const { accountId, session } = known;
  const committed = await corridor.store.commit([
    ...endOtherSessions(accountId, session.id, 'ended-by-owner', now),
    auditAttempt(fromSession(corridor, attempt, session), now, 'session.others-ended', { accountId }),
  ]);
  return { kind: 'sessions-ended', count: committed.ok ? (committed.rows[1]?.length ?? 0) : 0 };
}

/** What a token is for, if that is an account. */
async function accountBehind(
  corridor: Corridor,
  attempt: Attempt,
  token: string,
): Promise<(Authenticated & { accountId: string }) | Extract<Outcome, { kind: 'refused' }>> {
  const known = await authenticate(corridor, attempt, token);
  if ('kind' in known) return known;
  return known.principal.kind === 'account'
    ? { ...known, accountId: known.principal.id }
    : refused('token-invalid');
}
