import type { AuditEvent } from '../src/audit/event.ts';
import type { TestCore } from './core.ts';

/** The events of an account, the oldest first. */
export function eventsOf(core: Pick<TestCore, 'store'>, accountId: string): Promise<readonly AuditEvent[]> {
  return core.store.audit.events({ afterSequence: 0, since: 0, accountId, limit: 1000 });
}
