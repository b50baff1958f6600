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
  const all = () => core.store.audit.events({ afterSequence: 0, since: 0, accountId: null, limit: 10_000 });
  const before = (await all()).length;
  await work();
  // Not by their sequence: what was undone may leave a gap there.
  return (await all()).slice(before);
}
