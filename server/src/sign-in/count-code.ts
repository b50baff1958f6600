import { type AttemptLimit, countTicketAttempt } from '../store/count-attempt.ts';
import type { Change } from '../store/engine.ts';
import type { Ticket } from '../store/tickets.ts';
import { type Outcome, refused } from './attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from './corridor.ts';
import { countFailure } from './gate.ts';
import { factorKey, failHolds, type Hold, releaseHolds } from './throttle.ts';

/**
 * Wrong codes in a row, over everything, after which none that can be guessed is taken for an account: what is left is a
 * factor that cannot be guessed, or an operator who unlocks (NIST SP 800-63B, 5.2.2). Only who knows the password gets there.
 */
export const MOST_WRONG_CODES = 100;

/** How many wrong codes an account may have before each further one waits; they are never forgotten by time. */
function factorLimit(corridor: Corridor): AttemptLimit {
  return {
    maxFailures: corridor.limits.maxFailures,
    waitSeconds: corridor.limits.lockSeconds,
    lockAfter: null,
    forgets: false,
  };
}

/** Counts a code before it is looked at, on its account and on its ticket. */
export async function admitCode(
  corridor: Corridor,
  attempt: Attempt,
  ticket: Ticket,
): Promise<Hold | Outcome> {
  const counted = { key: factorKey(ticket.accountId), limit: factorLimit(corridor) };
  const admission = await corridor.throttle.admit(counted, attempt.caller.arrivedAt);
  if (admission.kind !== 'held') return admission;
  const committed = await corridor.store.commit([
    countTicketAttempt(ticket.secretHash, corridor.clock.now()),
  ]);
  if (committed.ok) return admission.hold;
  await corridor.throttle.release([admission.hold]);
  return refused('ticket-invalid');
}

/** Whether only what cannot be guessed is taken now. */
export function isClosedToGuesses(hold: Hold): boolean {
  return hold.failures >= MOST_WRONG_CODES;
}

/** A code that was admitted and is wrong. */
interface RefusedCode {
  readonly accountId: string;
  readonly hold: Hold;
  /** What it was for. */
  readonly reason: string;
  /** What it would have been a proof of. */
  readonly factor: string;
}

/**
 * Refuses a code that was admitted. It counts, unless it was not even looked at.
 * @param beside what else the refusal changes
 */
export async function refuseCode(
  corridor: Corridor,
  attempt: Attempt,
  { accountId, hold, reason, factor }: RefusedCode,
  beside: readonly Change[] = [],
): Promise<Outcome> {
  const now = corridor.clock.now();
  const isClosed = isClosedToGuesses(hold);
  await corridor.store.commit([
    ...beside,
    ...(isClosed ? releaseHolds([hold]) : failHolds([hold], now)),
    auditAttempt(attempt, now, 'code.refused', {
      accountId,
      reason,
      factor,
      detail: isClosed ? { closed: true } : null,
    }),
  ]);
  const late = await countFailure(corridor, attempt);
  corridor.throttle.settled([hold]);
  return late ?? refused('code-invalid');
}
