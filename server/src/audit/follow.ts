import type { AuditRecord } from '../store/audit.ts';
import type { Store } from '../store/store.ts';

/** Which events to read. */
export interface WantedEvents {
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Null for everybody's. */
  readonly accountId: string | null;
}

const PAGE_EVENTS = 500;

/** What is written by now, a page at a time, in the order of the row numbers. */
export async function* writtenEvents(store: Store, wanted: WantedEvents): AsyncGenerator<AuditRecord[]> {
  for (let afterSequence = 0; ; ) {
    const page = await store.audit.events({ ...wanted, afterSequence, limit: PAGE_EVENTS });
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    afterSequence = last.sequence;
  }
}

/**
 * What is written by now and what is written from then on, each event once. New ones come in the order of the chain, once
 * they have their place in it: on PostgreSQL an event can be committed after others that have higher row numbers.
 * @param wait comes back when it is time to look again, and says whether to
 */
export async function* followedEvents(
  store: Store,
  wanted: WantedEvents,
  wait: () => Promise<boolean>,
): AsyncGenerator<AuditRecord[]> {
  let link = (await store.audit.last())?.link ?? 0;
  /** Those that were told before they had a place, or before their place was come to. */
  const told = new Set<number>();
  for await (const page of writtenEvents(store, wanted)) {
    for (const event of page) if (event.link === null || event.link > link) told.add(event.sequence);
    yield page;
  }
  do {
    for (;;) {
      const page = await store.audit.afterLink(link, PAGE_EVENTS);
      if (page.length === 0) break;
      link = page.at(-1)?.link ?? link;
      const fresh = page.filter((event) => !told.delete(event.sequence) && isWanted(event, wanted));
      if (fresh.length > 0) yield fresh;
    }
  } while (await wait());
}

function isWanted({ at, accountId }: AuditRecord, wanted: WantedEvents): boolean {
  return at >= wanted.since && (wanted.accountId === null || accountId === wanted.accountId);
}
