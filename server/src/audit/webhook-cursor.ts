import { secretHash } from '../crypto/vault.ts';
import type { Clock } from '../ports.ts';
import type { Change } from '../store/engine.ts';
import { replaceFact, stateFact } from '../store/facts.ts';
import type { Store } from '../store/store.ts';

/** How long one server has an endpoint to itself: one that died gives it back. */
const LEASE_MILLISECONDS = 30_000;

/**
 * How old a place may be before it is written down, and the lease begun anew. With the longest wait for an answer it is well
 * within the lease: an endpoint that is slow is not taken for one that nobody tells.
 */
const SAVE_MILLISECONDS = 1000;

/** How far an endpoint has been told. */
export interface Place {
  /** The last event of the chain that it was told of, or need not be. */
  readonly link: number;
  /** When the event after `link` was tried first, and how often; 0 before. */
  readonly triedSince: number;
  readonly tries: number;
  readonly nextTryAt: number;
}

/** What the fact says. */
interface Cursor extends Place {
  readonly leasedUntil: number;
}

interface CursorPorts {
  readonly store: Store;
  readonly clock: Clock;
}

/** The place of an endpoint in the audit log, kept as a fact, which is also the lease by which one server of many tells it. */
export class WebhookCursor {
  readonly #ports: CursorPorts;
  readonly #name: string;

  /** @param url where the endpoint is: another address is another endpoint */
  constructor(url: string, ports: CursorPorts) {
    this.#ports = ports;
    this.#name = `webhook ${secretHash(url)}`;
  }

  /** Where the endpoint is; null when it is new. */
  async place(): Promise<Place | null> {
    const known = await this.#ports.store.facts.value(this.#name);
    return known === null ? null : (JSON.parse(known) as Cursor);
  }

  /**
   * Takes the endpoint for this server. One that is new is told from the next event on.
   * @returns null when another server has it, or its next try is not due
   */
  async take(): Promise<WebhookLease | null> {
    const { store, clock } = this.#ports;
    const known = await store.facts.value(this.#name);
    const cursor = known === null ? await this.#beginning() : (JSON.parse(known) as Cursor);
    const now = clock.now();
    if (cursor.leasedUntil > now || cursor.nextTryAt > now) return null;
    const held = JSON.stringify({ ...cursor, leasedUntil: now + LEASE_MILLISECONDS });
    const claim = known === null ? stateFact(this.#name, held) : replaceFact(this.#name, known, held);
    if (!(await store.commit([claim])).ok) return null;
    return new WebhookLease(this.#ports, this.#name, cursor, held);
  }

  async #beginning(): Promise<Cursor> {
    const last = await this.#ports.store.audit.last();
    return { link: last?.link ?? 0, leasedUntil: 0, triedSince: 0, tries: 0, nextTryAt: 0 };
  }
}

/** An endpoint that this server has to itself, for as long as it says so often enough. */
export class WebhookLease {
  readonly #ports: CursorPorts;
  readonly #name: string;
  /** What the fact says if nobody else has taken the endpoint. */
  #held: string;
  #savedAt: number;
  #place: Place;

  /** @param held what was just written down */
  constructor(ports: CursorPorts, name: string, place: Place, held: string) {
    this.#ports = ports;
    this.#name = name;
    this.#held = held;
    this.#place = place;
    this.#savedAt = ports.clock.now();
  }

  /** How far the endpoint has been told by now. */
  get place(): Place {
    return this.#place;
  }

  /** The endpoint has been told up to there. */
  passed(link: number): void {
    this.#place = { link, triedSince: 0, tries: 0, nextTryAt: 0 };
  }

  /** It did not take the event after that. */
  failed(triedSince: number, nextTryAt: number): void {
    this.#place = { ...this.#place, triedSince, tries: this.#place.tries + 1, nextTryAt };
  }

  /**
   * Writes the place down where that is due. To be asked before each event.
   * @returns false when another server has taken the endpoint: whatever this one told now would come out of turn
   */
  async keep(): Promise<boolean> {
    if (this.#ports.clock.now() - this.#savedAt < SAVE_MILLISECONDS) return true;
    return this.save();
  }

  /** Writes the place down. @returns false when another server has taken the endpoint */
  async save(): Promise<boolean> {
    const now = this.#ports.clock.now();
    this.#savedAt = now;
    return this.#write({ ...this.#place, leasedUntil: now + LEASE_MILLISECONDS });
  }

  /** Leaves the endpoint to whoever comes next, unless somebody has it already. @param changes what goes with that. @returns that it is gone */
  async release(changes: readonly Change[] = []): Promise<false> {
    await this.#write({ ...this.#place, leasedUntil: 0 }, changes);
    return false;
  }

  async #write(cursor: Cursor, changes: readonly Change[] = []): Promise<boolean> {
    const next = JSON.stringify(cursor);
    const { ok } = await this.#ports.store.commit([replaceFact(this.#name, this.#held, next), ...changes]);
    if (ok) this.#held = next;
    return ok;
  }
}
