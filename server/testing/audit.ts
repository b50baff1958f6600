import type { AuditEvent } from '../src/audit/event.ts';
import type { TestCore } from './core.ts';

/** The events of an account, the oldest first. */
export function eventsOf(core: Pick<TestCore, 'store'>, accountId: string): Promise<readonly AuditEvent[]> {
  return core.store.audit.events({ afterSequence: 0, since: 0, accountId, limit: 1000 });
}

/** The events of everybody that are written while something is done, the oldest first. */
export async function eventsDuring(
  core: Pick<TestCore, 'store'>,
  work: () => Promise<unknown>,
): Promise<readonly AuditEvent[]> {
  const all = (afterSequence: number) =>
    core.store.audit.events({ afterSequence, since: 0, accountId: null, limit: 10_000 });
  // By its number, not by how many there are: what was not committed leaves gaps.
  const last = (await all(0)).at(-1)?.sequence ?? 0;
  await work();
  return all(last);
}

/** What comes of something, and the events that are written meanwhile. */
export async function outcomeAndEvents<Outcome>(
  core: Pick<TestCore, 'store'>,
  work: () => Promise<Outcome>,
): Promise<{ readonly outcome: Outcome | undefined; readonly events: readonly AuditEvent[] }> {
  let outcome: Outcome | undefined;
  const events = await eventsDuring(core, async () => {
    outcome = await work();
  });
  return { outcome, events };
}
