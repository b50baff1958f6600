import type { Vault } from '../crypto/vault.ts';
import type { Change } from '../store/engine.ts';
import { replaceFact, stateFact } from '../store/facts.ts';
import type { Store } from '../store/store.ts';

/** Where a chain ends, or where what is left of it begins. */
export interface ChainEnd {
  readonly link: number;
  readonly seal: string;
}

/** Where a chain that has no event yet begins and ends. */
export const EMPTY_CHAIN: ChainEnd = { link: 0, seal: '' };

/** The facts that say where the chain ends and where it begins. Without the second one it begins with event 1. */
type EndName = 'audit-head' | 'audit-start';

/** Read by the trigger that keeps everything after it. */
const REMOVED_TO = 'audit-removed-to';

/** The facts about the chain are sealed too, so that a shorter chain cannot be passed off as the whole. */
function worded(name: EndName, end: ChainEnd, vault: Vault): string {
  const said = `${end.link} ${end.seal}`;
  return `${said} ${vault.hash(name, said)}`;
}

/** What a fact says of an end of the chain; null where there is none; `'forged'` where it is not ours. */
export type SaidEnd = ChainEnd | null | 'forged';

/** Where the chain is said to end, or to begin. */
export async function chainEnd(store: Store, name: EndName, vault: Vault): Promise<SaidEnd> {
  const value = await store.facts.value(name);
  if (value === null) return null;
  const [link = '', seal = ''] = value.split(' ');
  const end = { link: Number(link), seal };
  return worded(name, end, vault) === value ? end : 'forged';
}

/** Whether two are the same place with the same seal, or the same lack of one. */
export function sameEnd(one: SaidEnd, other: SaidEnd): boolean {
  if (one === null || other === null || one === 'forged' || other === 'forged') return one === other;
  return one.link === other.link && one.seal === other.seal;
}

/** Says that a chain begins here. For a store that is new: the end that is missing later was taken away. */
export function beginChain(vault: Vault): Change {
  return stateFact('audit-head', worded('audit-head', EMPTY_CHAIN, vault));
}

/** Moves the end of the chain. Guard `fact`: it was where it was read to be. */
export function moveHead(from: ChainEnd, to: ChainEnd, vault: Vault): Change {
  return replaceFact('audit-head', worded('audit-head', from, vault), worded('audit-head', to, vault));
}

/** Moves the beginning of the chain, and lets what is before it be removed. Guard `fact`, as above. */
export function moveStart(from: ChainEnd | null, to: ChainEnd, vault: Vault): readonly Change[] {
  const start = worded('audit-start', to, vault);
  return from === null
    ? [stateFact('audit-start', start), stateFact(REMOVED_TO, String(to.link))]
    : [
        replaceFact('audit-start', worded('audit-start', from, vault), start),
        replaceFact(REMOVED_TO, String(from.link), String(to.link)),
      ];
}

/** How far the database lets events be removed. Nothing seals it: it must say what the sealed beginning says. */
export async function removableTo(store: Store): Promise<number> {
  return Number((await store.facts.value(REMOVED_TO)) ?? 0);
}
