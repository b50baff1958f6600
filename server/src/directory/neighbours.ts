import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Store } from '../store/store.ts';
import { identifiersOf } from './account-line.ts';
import { claimKey } from './identifier-claims.ts';
import { type AccountLine, readDirectoryLine } from './line.ts';
import { keyOf } from './line-key.ts';
import { PackedLines } from './packed-lines.ts';
import { type DirectoryLines, LINES_A_TURN, type Line } from './read-lines.ts';

/** How much is put in order together. */
export interface WindowSize {
  /** Fewer lines stay as they are: so few pages of the store stay in memory in whatever order they are changed. */
  readonly fewestLines: number;
  /** Enough that accounts that are written together are neighbours in the store. */
  readonly mostLines: number;
  readonly mostBytes: number;
  /** How many of the lines before may not be in the store yet. After a window of fewer, long ones nothing is moved. */
  readonly unwrittenLines: number;
}

const WINDOW: WindowSize = {
  fewestLines: 4_096,
  mostLines: 49_152,
  mostBytes: 16 * 1024 * 1024,
  unwrittenLines: 1_024,
};

/** So many whose ids rise tell that a file is in order. */
const LINES_LOOKED_AT = 256;

/** Ids that are looked up in one turn of the event loop. */
const IDS_A_READ = 512;

/** Its id, its number, its user's id and three identifiers. */
const MOST_CLAIMS = 6;

/**
 * Puts new accounts that come in no order into the order of their ids, some ten thousand at a time. Each commit then changes a few
 * pages of the embedded store many times instead of many pages once. What becomes of a line, and what is said of it, stays the
 * same: lines are moved only where all speak of accounts that are not there yet, and none claims what another one does. Numbers
 * that are given by the store follow the order in which accounts are loaded.
 */
export async function* neighboursTogether(
  store: Store,
  lines: DirectoryLines,
  size: WindowSize = WINDOW,
): AsyncGenerator<Line> {
  let unwritten: readonly Line[] | null = [];
  for await (const window of windowsOf(lines, size)) {
    const order =
      unwritten === null || window.length < size.fewestLines
        ? null
        : await orderOfIds(store, window, unwritten);
    for (let index = 0; index < window.length; index += 1) yield window.at(order?.[index] ?? index);
    const first = window.length - size.unwrittenLines;
    unwritten = first < 0 ? null : range(first, window.length).map((index) => window.at(index));
  }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);

/** Each window is the same object, filled anew. */
async function* windowsOf(lines: DirectoryLines, size: WindowSize): AsyncGenerator<PackedLines> {
  const window = new PackedLines(size.mostBytes);
  for await (const line of lines) {
    if (window.length === size.mostLines || !window.add(line)) {
      yield window;
      window.clear();
      if (!window.add(line)) throw new RangeError('a window takes the longest line at least');
    }
    if (window.length % LINES_A_TURN === 0) await setImmediate();
  }
  yield window;
}

/** The places of lines in another order with the same outcome; null where there is none, or they are in order. */
async function orderOfIds(
  store: Store,
  window: PackedLines,
  unwritten: readonly Line[],
): Promise<readonly number[] | null> {
  if (areInOrder(range(0, Math.min(LINES_LOOKED_AT, window.length)).map((index) => window.at(index))))
    return null;
  const claims = new Claims(MOST_CLAIMS * (window.length + unwritten.length));
  for (const line of unwritten) claims.add(accountIn(line));
  const unreadable: number[] = [];
  const accounts: { id: string; index: number }[] = [];
  let numbers = 0;
  for (let index = 0; index < window.length; index += 1) {
    if (index % LINES_A_TURN === 0) await setImmediate();
    const account = accountIn(window.at(index));
    if (account === 'other') return null;
    if (account === 'unreadable') {
      unreadable.push(index);
      continue;
    }
    claims.add(account);
    if (account.number !== undefined) numbers += 1;
    accounts.push({ id: account.id.toLowerCase(), index });
  }
  // A number that is given can be one that an account without one would have been given.
  const areNumbered = numbers === 0 || numbers === accounts.length;
  if (!areNumbered || claims.areContested()) return null;
  accounts.sort((left, right) => (left.id < right.id ? -1 : 1));
  const ids = accounts.map(({ id }) => id);
  return (await areNew(store, ids)) ? [...unreadable, ...accounts.map(({ index }) => index)] : null;
}

function areInOrder(lines: readonly Line[]): boolean {
  const ids = lines.flatMap((line) => {
    const account = accountIn(line);
    return typeof account === 'string' ? [] : [account.id.toLowerCase()];
  });
  return ids.every((id, index) => id >= (ids[index - 1] ?? ''));
}

function accountIn({ text }: Line): AccountLine | 'unreadable' | 'other' {
  const line = typeof text === 'string' ? readDirectoryLine(text) : text.problem;
  if (typeof line === 'string') return 'unreadable';
  return line.kind === 'account' ? line : 'other';
}

/** What only one account can have, as numbers that are the same for the same: texts would take ten times the memory. */
class Claims {
  readonly #hashes: BigUint64Array<ArrayBuffer>;
  #count = 0;

  constructor(most: number) {
    this.#hashes = new BigUint64Array(most);
  }

  add(account: AccountLine | string): void {
    if (typeof account === 'string') return;
    for (const claim of claimsOf(account)) {
      this.#hashes[this.#count] = hash('sha256', claim, 'buffer').readBigUInt64LE();
      this.#count += 1;
    }
  }

  /** Whether two of them are the same; once in a thousand million windows when none are. */
  areContested(): boolean {
    const sorted = this.#hashes.subarray(0, this.#count).sort();
    return sorted.some((each, index) => index > 0 && each === sorted[index - 1]);
  }
}

function claimsOf(account: AccountLine): string[] {
  const { number, user } = account;
  const identifiers = identifiersOf(account);
  return [
    keyOf(account),
    ...(number === undefined ? [] : [`number\0${number}`]),
    ...(user?.id === undefined ? [] : [`user\0${user.id.toLowerCase()}`]),
    ...(typeof identifiers === 'string' ? [] : identifiers.map(claimKey)),
  ];
}

async function areNew(store: Store, ids: readonly string[]): Promise<boolean> {
  for (let at = 0; at < ids.length; at += IDS_A_READ) {
    const there = await store.accountRecords.existing(ids.slice(at, at + IDS_A_READ));
    if (there.size > 0) return false;
    await setImmediate();
  }
  return true;
}
