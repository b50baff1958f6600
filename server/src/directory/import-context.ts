import { availableParallelism } from 'node:os';
import type { Organisation, Role } from '../accounts/account.ts';
import type { Core } from '../core.ts';
import { HashPool } from '../crypto/hash-pool.ts';
import { Blocklist } from '../passwords/blocklist.ts';
import type { Change } from '../store/engine.ts';
import type { Owners } from './identifier-claims.ts';
import type { DirectoryLine } from './line.ts';

/** A line with its place in what is loaded. */
export interface Item<Line extends DirectoryLine = DirectoryLine> {
  readonly source: string;
  readonly lineNumber: number;
  readonly line: Line;
}

/**
 * What became of an item. One that refers to something not there yet, or wants an identifier that another account has, is tried
 * again when everything else is loaded.
 */
export type Loaded =
  | 'created'
  | 'updated'
  | 'unchanged'
  | { readonly problem: string }
  | { readonly missing: string }
  | { readonly contested: string };

/** Loads items of one kind, no two of which are the same object. The results are in the order of the items. */
export type Loader<Line extends DirectoryLine> = (
  context: ImportContext,
  items: readonly Item<Line>[],
) => Promise<Loaded[]>;

/** What a load knows while it goes on. */
export interface ImportContext {
  readonly core: Core;
  readonly dryRun: boolean;
  readonly refusesGuessable: boolean;
  readonly refusesGuessableCodes: boolean;
  /** Whether accounts that are there already are refused. */
  readonly onlyNew: boolean;
  /** How many resource codes are live at each context that was met. */
  readonly liveCodes: Map<string, number>;
  /** Those in the store and those loaded so far. */
  readonly organisations: Map<string, Organisation>;
  readonly roles: Map<string, Role>;
  /** Settles when the lines before those that are loaded are written; fails when they could not be. */
  readonly earlier: Promise<void>;
  /** Changes that belong into the same commit as what is written. */
  readonly beside: readonly Change[];
  /** In a dry run: the accounts that would be there, and who would have which identifier. */
  readonly pretended: { readonly accounts: Set<string>; readonly identifiers: Owners };
  /** Threads for plain passwords; started when the first is met. */
  hashes(): HashPool;
  /** The passwords that others would try first; started when the first plain one is met. */
  blocklist(): Blocklist;
  close(): Promise<void>;
}

/** Reads what a load needs to know from the start. */
export async function openImport(
  core: Core,
  options: {
    dryRun: boolean;
    refusesGuessable?: boolean;
    refusesGuessableCodes?: boolean;
    onlyNew?: boolean;
    beside: readonly Change[];
  },
): Promise<ImportContext> {
  const [organisations, roles] = await Promise.all([core.store.organisations.all(), core.store.roles.all()]);
  let pool: HashPool | undefined;
  let blocklist: Blocklist | undefined;
  return {
    core,
    dryRun: options.dryRun,
    refusesGuessable: options.refusesGuessable ?? false,
    refusesGuessableCodes: options.refusesGuessableCodes ?? false,
    onlyNew: options.onlyNew ?? false,
    liveCodes: new Map(),
    earlier: Promise.resolve(),
    beside: options.beside,
    organisations: new Map(organisations.map((organisation) => [organisation.id, organisation])),
    roles: new Map(roles.map((role) => [role.name, role])),
    pretended: { accounts: new Set(), identifiers: new Map() },
    hashes() {
      pool ??= new HashPool({
        threads: availableParallelism(),
        cost: core.config.hashing,
        queueMilliseconds: Number.POSITIVE_INFINITY,
      });
      return pool;
    },
    blocklist() {
      blocklist ??= new Blocklist();
      return blocklist;
    },
    async close() {
      await Promise.all([pool?.close(), blocklist?.close()]);
    },
  };
}

/** The threads for a line's plain password; null where none is to be hashed. */
export function hashesFor(context: ImportContext, line: { password?: string | null }): HashPool | null {
  return context.dryRun || line.password == null ? null : context.hashes();
}

/** Whether two plain values are the same, their members in the same order. */
export function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/**
 * Changes of which nobody is told before a later commit has brought them to the disk: what is new comes before the report of the
 * whole load. What ends sessions is none of them, since it is told to those who follow.
 */
export function unacknowledged(changes: readonly Change[]): Change[] {
  return changes.map((change) => ({ ...change, provisional: true }));
}
