import type { Vault } from '../crypto/vault.ts';
import type { AuditRecord } from '../store/audit.ts';
import type { Store } from '../store/store.ts';
import { sealOf } from './chain.ts';
import { type ChainEnd, chainEnd, EMPTY_CHAIN, removableTo, type SaidEnd, sameEnd } from './chain-end.ts';

/** What a look at the whole chain found. */
export interface ChainReport {
  readonly events: number;
  /** Not in the chain yet. */
  readonly waiting: number;
  readonly end: ChainEnd;
  /** Sentences, in the order of the chain; none when all is as it was written. */
  readonly problems: readonly string[];
}

const PAGE_EVENTS = 1000;
const MOST_PROBLEMS = 20;

/**
 * Goes through the chain from its beginning and recomputes every seal.
 * @param expected an event that was noted elsewhere: the chain must have it, with that seal. What is before it is then as it was
 *   when it was noted, even towards somebody with the key, or with an older copy of everything
 */
export async function verifyChain(
  store: Store,
  vault: Vault,
  expected: ChainEnd | null = null,
): Promise<ChainReport> {
  const problems: string[] = [];
  const tell = (problem: string | null): void => {
    if (problem !== null && problems.length < MOST_PROBLEMS) problems.push(problem);
  };
  const head = await chainEnd(store, 'audit-head', vault);
  if (head === 'forged') tell('what is said of the end of the log was not written by Latchkey');
  if (head === null) tell('nothing is said of the end of the log');
  const removable = await removableTo(store);
  const start = await chainEnd(store, 'audit-start', vault);
  tell(problemAtStart(start, removable));

  let end = start === null || start === 'forged' ? EMPTY_CHAIN : start;
  let isFound = expected === null || sameEnd(end, expected);
  let events = 0;
  for await (const { after, page } of pagesFrom(store, vault, end)) {
    end = after;
    isFound ||= sameEnd(end, expected);
    for (const event of page) {
      tell(problemOf(event, end, vault));
      end = { link: event.link ?? 0, seal: event.seal ?? '' };
      isFound ||= sameEnd(end, expected);
      events += 1;
    }
  }
  tell(await problemAtEnd(store, vault, head, end));
  if (!isFound)
    tell(
      `event ${expected?.link} is not in the log with the seal that is expected: it was cut off, replaced or removed`,
    );
  const newest = await store.audit.newest(end.link);
  for (const { sequence } of await store.audit.strayed(MOST_PROBLEMS, newest))
    tell(`the event of sequence ${sequence} has no place among those of its time`);
  const waiting = (await store.audit.withoutLink(PAGE_EVENTS, newest)).length;
  return { events, waiting, end, problems };
}

/** The chain from its beginning, a page at a time, with what is before each page. */
async function* pagesFrom(store: Store, vault: Vault, start: ChainEnd) {
  for (let after = start; ; ) {
    const page = await store.audit.afterLink(after.link, PAGE_EVENTS);
    if (page[0]?.link !== after.link + 1) {
      // Old events may have been removed since the last page: then the log begins later by now.
      const now = await chainEnd(store, 'audit-start', vault);
      if (now !== null && now !== 'forged' && now.link > after.link) {
        after = now;
        continue;
      }
    }
    yield { after, page };
    const last = page.at(-1);
    if (last === undefined) return;
    after = { link: last.link ?? 0, seal: last.seal ?? '' };
  }
}

function problemAtStart(start: SaidEnd, removable: number): string | null {
  if (start === 'forged') return 'what is said of the beginning of the log was not written by Latchkey';
  const begin = start?.link ?? 0;
  return removable > begin
    ? `the database lets events be removed up to ${removable}, and the log begins after ${begin}`
    : null;
}

function problemOf(event: AuditRecord, before: ChainEnd, vault: Vault): string | null {
  const link = event.link ?? 0;
  if (link === before.link + 2) return `event ${before.link + 1} is missing`;
  if (link !== before.link + 1) return `events ${before.link + 1} to ${link - 1} are missing`;
  return sealOf(event, before.seal, vault) === event.seal
    ? null
    : `event ${link} (sequence ${event.sequence}) is not as it was written`;
}

/** Whether the log goes on as far as was said when it was begun with, and no further than is said by now. */
async function problemAtEnd(
  store: Store,
  vault: Vault,
  head: SaidEnd,
  end: ChainEnd,
): Promise<string | null> {
  if (head === null || head === 'forged') return null;
  if (head.link > end.link) return `events ${end.link + 1} to ${head.link} are missing at the end`;
  const now = await chainEnd(store, 'audit-head', vault);
  if (now === null || now === 'forged') return 'what is said of the end of the log was changed meanwhile';
  if (end.link > now.link) return `the log goes on after event ${now.link}, where it is said to end`;
  return end.link === now.link && end.seal !== now.seal
    ? `event ${now.link} is not the end that is said`
    : null;
}
