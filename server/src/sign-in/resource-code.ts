import { resourceCodeHash, resourceSessionId } from '../accounts/resource-code.ts';
import { consumeResourceCode } from '../store/consume.ts';
import type { Credential, Outcome } from './attempt.ts';
import { type Attempt, auditAttempt, type Corridor } from './corridor.ts';
import { issueForThing } from './issue.ts';

/**
 * Signs in whoever holds a resource code, which spends one use of it. A code is not somebody's: guesses are counted for
 * the address they come from.
 */
export async function beginWithResourceCode(
  corridor: Corridor,
  attempt: Attempt,
  credential: Extract<Credential, { kind: 'resource-code' }>,
): Promise<Outcome> {
  const { context, code, resource } = credential;
  const now = corridor.clock.now();
  const codeHash = resourceCodeHash(corridor.vault, context, code);
  const known = await corridor.store.resourceCodes.byHash(context, codeHash);
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
  if (outcome.kind === 'refused') {
    await corridor.store.commit([
      auditAttempt(attempt, now, 'sign-in.refused', { reason: 'resource-code-refused', detail: { context } }),
    ]);
    await corridor.addressLimit.fail(attempt.caller.address);
  }
  return outcome;
}
