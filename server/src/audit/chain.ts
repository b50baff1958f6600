import type { Vault } from '../crypto/vault.ts';
import type { Log } from '../ports.ts';
import { type AuditRecord, linkAudit, type Newest, removeAuditTo } from '../store/audit.ts';
import type { Change } from '../store/engine.ts';
import type { Store } from '../store/store.ts';
import { type ChainEnd, chainEnd, moveHead, moveStart, type SaidEnd, sameEnd } from './chain-end.ts';

// The audit log is a chain: each event's seal is a keyed hash over it and the seal before it. Whoever changes a row, takes one
// out or puts one in, without the key, breaks the chain there. Events are written in the commit of what they tell and get
// their place a moment later, by one server at a time: a place in the chain that every sign-in had to queue for would make
// them wait for each other (ASVS 16.4.2).

/** Events that get their place in one commit. */
export const BATCH_EVENTS = 128;

/** The seal of an event after another. */
export function sealOf(event: AuditRecord, before: string, vault: Vault): string {
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

/** What came of a look for events without a place. */
export interface Extension {
  /** How many got theirs; 0 when there are none, another server was faster, or something is wrong. */
  readonly events: number;
  /** Where the chain ends; null where that cannot be believed. */
  readonly end: ChainEnd | null;
  /** What somebody else has changed. */
  readonly problem: string | null;
}

/**
 * Gives events that have none their places, as many as one commit takes.
 * @returns how many; 0 when there are none, or another server was faster
 */
export async function extendChain(store: Store, vault: Vault, log: Log): Promise<number> {
  const { events, problem } = await lookForEvents(store, vault);
  if (problem !== null) log.error({}, `${problem}: latchkey audit verify`);
  return events;
}

/** The same, for who wants to know more of it. A chain that was tampered with at its end is not gone on with. */
export async function lookForEvents(store: Store, vault: Vault): Promise<Extension> {
  const head = await chainEnd(store, 'audit-head', vault);
  // Mostly there is nothing to do, and every server asks every second.
  if (head !== null && head !== 'forged' && (await store.audit.waitingSince()) === null)
    return { events: 0, end: head, problem: null };
  const wrong = await wrongEnd(store, vault, head);
  if (wrong !== null || head === null || head === 'forged') {
    const isStill = sameEnd(head, await chainEnd(store, 'audit-head', vault));
    return { events: 0, end: null, problem: isStill ? wrong : null };
  }
  const newest = await store.audit.newest(head.link);
  const events = await store.audit.withoutLink(BATCH_EVENTS, newest);
  const problem = await strayed(store, newest);
  if (events.length === 0) return { events: 0, end: head, problem };
  let end = head;
  const links: Change[] = [];
  for (const event of events) {
    end = { link: end.link + 1, seal: sealOf(event, end.seal, vault) };
    links.push(linkAudit(event.sequence, end.link, end.seal));
  }
  const { ok } = await store.commit([moveHead(head, end, vault), ...links]);
  return { events: ok ? events.length : 0, end: ok ? end : null, problem };
}

/** Why the chain cannot be gone on with where it is said to end; null when it can. */
async function wrongEnd(store: Store, vault: Vault, head: SaidEnd) {
  if (head === null) return 'nothing is said of the end of the audit log';
  if (head === 'forged') return 'what is said of the end of the audit log was not written by Latchkey';
  const last = await store.audit.last();
  if (last !== null)
    return last.link === head.link && last.seal === head.seal
      ? null
      : 'the audit log does not end where it is said to end';
  if (head.link === 0) return null;
  // Versions before removed the last event, too, when it was old.
  const start = await chainEnd(store, 'audit-start', vault);
  return sameEnd(start, head) ? null : 'the end of the audit log is missing';
}

/** Events that would be sealed anew if nobody looked: they have lost the place that they had, or were put in among old ones. */
async function strayed(store: Store, newest: Newest): Promise<string | null> {
  const [first] = await store.audit.strayed(1, newest);
  return first === undefined
    ? null
    : `an event of the audit log has lost its place (sequence ${first.sequence})`;
}

/** Events that are removed in one commit. */
const REMOVED_EVENTS = 256;

/**
 * Removes events that are older than a time from the beginning of the chain, as many as one commit takes; what is left says
 * where it begins. The last event stays: it shows that the chain ends where it is said to.
 * @returns how far it was removed; null when nothing was
 * @throws Error when the beginning is not as it was written: what is missing there must not pass for removed
 */
export async function removeChainBefore(store: Store, vault: Vault, time: number): Promise<number | null> {
  const start = await chainEnd(store, 'audit-start', vault);
  const head = await chainEnd(store, 'audit-head', vault);
  if (start === 'forged' || head === 'forged' || head === null) return null;
  const begin = start?.link ?? 0;
  const oldest = await store.audit.afterLink(begin, REMOVED_EVENTS);
  const last = oldest.findLast(({ at, link }) => at < time && link !== null && link < head.link);
  if (last?.link == null || last.seal === null) return null;
  if (oldest[0]?.link !== begin + 1) {
    if (!sameEnd(start, await chainEnd(store, 'audit-start', vault))) return null;
    throw new Error('events are missing at the beginning of the audit log: latchkey audit verify');
  }
  const end: ChainEnd = { link: last.link, seal: last.seal };
  const committed = await store.commit([...moveStart(start, end, vault), removeAuditTo(end.link)]);
  return committed.ok ? end.link : null;
}
