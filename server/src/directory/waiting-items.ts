import { contestedProblem } from './identifier-claims.ts';
import type { Item, Loaded } from './import-context.ts';
import { keyOf } from './line-key.ts';

/** Lines that wait for an identifier which another account has: a file in which all are taken must not fill the memory. */
export const CONTESTED_AT_MOST = 10_000;

/** What a line lacks that another one may bring. */
export type Lack = Extract<Loaded, { readonly missing: string } | { readonly contested: string }>;

/** Why a line is refused when nothing brought what it lacks. */
export function reasonOf(lack: Lack): string {
  return 'missing' in lack ? `there is no ${lack.missing}` : contestedProblem(lack.contested);
}

/** A line that is tried again when everything else is loaded. */
export interface WaitingItem {
  readonly item: Item;
  /** Null where it lacks nothing itself, but an earlier line of the same object does. */
  readonly lack: Lack | null;
}

type LackingItem = WaitingItem & { readonly lack: Lack };

/**
 * Those among items that nothing was loaded of which are given up: what refers to something that is not there, and only when
 * there is none of that, what another account has. That one may still let it go when the others are loaded.
 */
export function lostAmong(stuck: readonly WaitingItem[]): readonly LackingItem[] {
  const lacking = stuck.filter((each): each is LackingItem => each.lack !== null);
  const dangling = lacking.filter(({ lack }) => 'missing' in lack);
  return dangling.length > 0 ? dangling : lacking;
}

/** Items that lack something that is not there yet, and those behind them that speak of the same objects. */
export class WaitingItems {
  #items: WaitingItem[] = [];
  #keys = new Set<string>();
  #contested = 0;

  get length(): number {
    return this.#items.length;
  }

  /** @returns false when there is no room for it */
  add(item: Item, lack: Lack): boolean {
    if ('contested' in lack) {
      if (this.#contested === CONTESTED_AT_MOST) return false;
      this.#contested += 1;
    }
    this.#items.push({ item, lack });
    this.#keys.add(keyOf(item.line));
    return true;
  }

  /** Makes an item wait when an earlier line of the same object does. */
  holdBehind(item: Item): boolean {
    if (!this.#keys.has(keyOf(item.line))) return false;
    this.#items.push({ item, lack: null });
    return true;
  }

  takeAll(): WaitingItem[] {
    const items = this.#items;
    this.#items = [];
    this.#keys = new Set();
    this.#contested = 0;
    return items;
  }
}
