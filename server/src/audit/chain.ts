import type { Vault } from '../crypto/vault.ts';
import type { Log } from '../ports.ts';
import { type AuditRecord, linkAudit, removeAuditTo } from '../store/audit.ts';
import type { Change } from '../store/engine.ts';
import { replaceFact, stateFact } from '../store/facts.ts';
import type { Store } from '../store/store.ts';

// The audit log is a chain: each event's seal is a keyed hash over it and the seal before it. Whoever changes a row, takes one
// out or puts one in, without the key, breaks the chain there. Events are written in the commit of what they tell and get
// their place a moment later, by one server at a time: a place in the chain that every sign-in had to queue for would make
// them wait for each other (ASVS 16.4.2).

/** Where a chain ends, or where what is left of it begins. */
export interface ChainEnd {
  readonly link: number;
  readonly seal: string;
}

const HEAD = 'audit-head';
const START = 'audit-start';
/** Read by the trigger that keeps everything after it. */
const REMOVED_TO = 'audit-removed-to';
const EMPTY: ChainEnd = { link: 0, seal: '' };

/** Events that get their place in one commit. */
const BATCH_EVENTS = 128;

/** The seal of an event after another. */
function sealOf(event: AuditRecord, before: string, vault: Vault): string {
  // A list in a fixed order: what a later version knows beside it must not change the seals there are.
  const told = [
    event.sequence,
    event.at,
    event.event,
    event.actor,
    event.reason,
    event.accountId,
    event.organisationId,
    event.mount,
    event.contract,
    event.factor,
    event.device,
    event.sessionId,
    event.address,
    event.requestId,
    event.detail,
  ];
  return vault.hash('audit', `${before}\0${JSON.stringify(told)}`);
}

/** The facts about the chain are sealed too, so that a shorter chain cannot be passed off as the whole. */
function worded(name: string, end: ChainEnd, vault: Vault): string {
  const said = `${end.link} ${end.seal}`;
  return `${said} ${vault.hash(name, said)}`;
}

/** Where the chain ends or begins; null where nobody has said so yet; `'forged'` where a fact is not ours. */
async function chainEnd(store: Store, name: string, vault: Vault): Promise<ChainEnd | null | 'forged'> {
  const value = await store.facts.value(name);
  if (value === null) return null;
  const [link = '', seal = ''] = value.split(' ');
  const end = { link: Number(link), seal };
  return worded(name, end, vault) === value ? end : 'forged';
}

/**
 * Gives events that have none their places, as many as one commit takes.
 * @returns how many; 0 when there are none, or another server was faster
 */
export async function extendChain(store: Store, vault: Vault, log: Log): Promise<number> {
  const known = await chainEnd(store, HEAD, vault);
  if (known === 'forged') {
    log.error({}, 'the end of the audit chain was changed by somebody else: latchkey audit verify');
    return 0;
  }
  const events = await store.audit.withoutLink(BATCH_EVENTS);
  if (events.length === 0) return 0;
  let end = known ?? EMPTY;
  const links: Change[] = [];
  for (const event of events) {
    end = { link: end.link + 1, seal: sealOf(event, end.seal, vault) };
    links.push(linkAudit(event.sequence, end.link, end.seal));
  }
  const head = worded(HEAD, end, vault);
  const claim = known === null ? stateFact(HEAD, head) : replaceFact(HEAD, worded(HEAD, known, vault), head);
  const committed = await store.commit([claim, ...links]);
  return committed.ok ? events.length : 0;
}

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

/** Goes through the chain from its beginning and recomputes every seal. */
export async function verifyChain(store: Store, vault: Vault): Promise<ChainReport> {
  const problems: string[] = [];
  const start = await chainEnd(store, START, vault);
  const head = await chainEnd(store, HEAD, vault);
  if (start === 'forged')
    problems.push('what is said of the beginning of the log was not written by Latchkey');
  if (head === 'forged') problems.push('what is said of the end of the log was not written by Latchkey');
  let end: ChainEnd = start === null || start === 'forged' ? EMPTY : start;
  let events = 0;
  for (;;) {
    const page = await store.audit.afterLink(end.link, PAGE_EVENTS);
    if (page.length === 0) break;
    for (const event of page) {
      const problem = problemOf(event, end, vault);
      if (problem !== null && problems.length < MOST_PROBLEMS) problems.push(problem);
      end = { link: event.link ?? 0, seal: event.seal ?? '' };
      events += 1;
    }
  }
  if (head !== null && head !== 'forged' && head.link > end.link)
    problems.push(`events ${end.link + 1} to ${head.link} are missing at the end`);
  if (head === null && events > 0) problems.push('nothing is said of the end of the log');
  const waiting = (await store.audit.withoutLink(PAGE_EVENTS)).length;
  return { events, waiting, end, problems };
}

function problemOf(event: AuditRecord, before: ChainEnd, vault: Vault): string | null {
  const link = event.link ?? 0;
  if (link === before.link + 2) return `event ${before.link + 1} is missing`;
  if (link !== before.link + 1) return `events ${before.link + 1} to ${link - 1} are missing`;
  return sealOf(event, before.seal, vault) === event.seal
    ? null
    : `event ${link} (sequence ${event.sequence}) is not as it was written`;
}

/** Events that are removed in one commit. */
const REMOVED_EVENTS = 256;

/**
 * Removes events that are older than a time from the beginning of the chain, as many as one commit takes; what is left says
 * where it begins.
 * @returns how far it was removed; null when nothing was
 */
export async function removeChainBefore(store: Store, vault: Vault, time: number): Promise<number | null> {
  const start = await chainEnd(store, START, vault);
  if (start === 'forged') return null;
  const oldest = await store.audit.afterLink(start?.link ?? 0, REMOVED_EVENTS);
  const last = oldest.findLast(({ at }) => at < time);
  if (last?.link == null || last.seal === null) return null;
  const end: ChainEnd = { link: last.link, seal: last.seal };
  const removed = String(start?.link ?? 0);
  const committed = await store.commit([
    start === null
      ? stateFact(START, worded(START, end, vault))
      : replaceFact(START, worded(START, start, vault), worded(START, end, vault)),
    start === null
      ? stateFact(REMOVED_TO, String(end.link))
      : replaceFact(REMOVED_TO, removed, String(end.link)),
    removeAuditTo(end.link),
  ]);
  return committed.ok ? end.link : null;
}
