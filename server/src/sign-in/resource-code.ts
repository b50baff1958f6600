import { resourceCodeHash, resourceSessionId } from '../accounts/resource-code.ts';
import type { Counted } from '../limits/windows.ts';
import { consumeResourceCode } from '../store/consume.ts';
import type { Credential, Outcome } from './attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from './corridor.ts';
import { countFailure, mustWait, wideWindows } from './gate.ts';
import { issueForThing } from './issue.ts';

/**
 * Signs in whoever holds a resource code, which spends one use of it. A code is not somebody's, and a guess is one at all
 * codes of its context: guesses are counted for the address they come from and for the context.
 */
export async function beginWithResourceCode(
  corridor: Corridor,
  attempt: Attempt,
  credential: Extract<Credential, { kind: 'resource-code' }>,
): Promise<Outcome> {
  const { context, code, resource } = credential;
  const counted: Counted[] = [
    { window: 'context', key: corridor.vault.hash('limit', context) },
    ...wideWindows(attempt),
  ];
  const throttled = await mustWait(corridor, attempt, counted);
  if (throttled !== null) return throttled;
  const now = corridor.clock.now();
  const codeHash = resourceCodeHash(corridor.vault, context, code);
  const known = await corridor.store.resourceCodes.byHash(context, codeHash);
  // Whoever guessed right among many at once is told no more than they are.
  const late = known === null ? null : await mustWait(corridor, attempt, counted);
  if (late !== null) return late;
  const outcome = await issueForThing(corridor, attempt, {
    principal: { kind: 'resource', resource },
    subject: `resource:${resource}`,
    session: {
      principal: { kind: 'resource', id: resourceSessionId(corridor.vault, resource) },
      accountId: null,
      epoch: 0,
      membership: null,
      methods: ['code'],
    },
    confirms: [consumeResourceCode(context, codeHash, now)],
    settles: [],
    notAfter: known?.expiresAt ?? null,
  });
  if (outcome.kind !== 'refused') return outcome;
  const [beyond] = await Promise.all([
    countFailure(corridor, attempt, counted),
    corridor.store.commit([
      auditAttempt(attempt, now, 'sign-in.refused', { reason: 'resource-code-refused', detail: { context } }),
    ]),
  ]);
  return beyond ?? outcome;
}
