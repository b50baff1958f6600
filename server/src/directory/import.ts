import { auditEvent } from '../audit/event.ts';
import type { Core } from '../core.ts';
import { StoreConflictError } from '../errors.ts';
import { recordAudit } from '../store/audit.ts';
import { type ImportContext, type Item, type Loaded, type Loader, openImport } from './import-context.ts';
import { type DirectoryKind, type DirectoryLine, readDirectoryLine } from './line.ts';
import { loadAccounts } from './load-accounts.ts';
import {
  loadInstallations,
  loadMemberships,
  loadOrganisations,
  loadResources,
  loadRoles,
} from './load-objects.ts';

/** Lines of a directory file, each with its place, from one source or several. A null text was no UTF-8. */
export type DirectoryLines = AsyncIterable<{
  readonly source: string;
  readonly lineNumber: number;
  readonly text: string | null;
}>;

/** A line that was not loaded. */
export interface RefusedLine {
  readonly source: string;
  readonly lineNumber: number;
  readonly reason: string;
}

/** What a load did. */
export interface ImportReport {
  created: number;
  updated: number;
  unchanged: number;
  readonly refused: RefusedLine[];
}

/** How a load goes. */
export interface ImportOptions {
  /** Checks everything and writes nothing. */
  readonly dryRun: boolean;
  /** Called after each batch with the number of lines dealt with so far. */
  readonly onProgress?: (lines: number) => void;
}

/** Lines that are loaded together: large enough for few commits, small enough that a server beside us is not held up. */
const BATCH_LINES = 256;

/** The kinds in an order in which each refers only to those before it. */
const LOADERS: readonly (readonly [DirectoryKind, Loader<never>])[] = [
  ['organisation', loadOrganisations],
  ['role', loadRoles],
  ['account', loadAccounts],
  ['membership', loadMemberships],
  ['installation', loadInstallations],
  ['resource', loadResources],
];

/**
 * Loads a directory. An object that is there already is brought to what its line says; a line that is wrong is
 * reported and the others are loaded all the same. References may point forward: what refers to something that is not
 * there yet waits until everything else is loaded.
 */
export async function importDirectory(
  core: Core,
  lines: DirectoryLines,
  options: ImportOptions,
): Promise<ImportReport> {
  const context = await openImport(core, options.dryRun);
  const report: ImportReport = { created: 0, updated: 0, unchanged: 0, refused: [] };
  const waiting: { item: Item; missing: string }[] = [];
  let done = 0;
  const load = async (items: readonly Item[]): Promise<number> => {
    const before = waiting.length;
    await loadBatch(context, items, report, waiting);
    return waiting.length - before;
  };
  try {
    let batch: Item[] = [];
    for await (const { source, lineNumber, text } of lines) {
      done += 1;
      if (text?.trim() === '') continue;
      const line = text === null ? 'it is not UTF-8' : readDirectoryLine(text);
      if (typeof line === 'string') report.refused.push({ source, lineNumber, reason: line });
      else batch.push({ source, lineNumber, line });
      if (batch.length < BATCH_LINES) continue;
      await load(batch);
      batch = [];
      options.onProgress?.(done);
    }
    await load(batch);
    options.onProgress?.(done);
    await loadWaiting(context, report, waiting);
  } finally {
    await context.close();
  }
  report.refused.sort((left, right) =>
    left.source === right.source ? left.lineNumber - right.lineNumber : 0,
  );
  if (!options.dryRun) await auditImport(core, report);
  return report;
}

/** Goes over what waits for as long as that loads something. What is left refers to nothing. */
async function loadWaiting(
  context: ImportContext,
  report: ImportReport,
  waiting: { item: Item; missing: string }[],
): Promise<void> {
  for (let before = Number.POSITIVE_INFINITY; waiting.length > 0 && waiting.length < before; ) {
    const again = waiting.splice(0);
    before = again.length;
    for (let at = 0; at < again.length; at += BATCH_LINES) {
      const items = again.slice(at, at + BATCH_LINES).map((each) => each.item);
      await loadBatch(context, items, report, waiting);
    }
  }
  for (const { item, missing } of waiting) {
    report.refused.push({
      source: item.source,
      lineNumber: item.lineNumber,
      reason: `there is no ${missing}`,
    });
  }
}

async function loadBatch(
  context: ImportContext,
  items: readonly Item[],
  report: ImportReport,
  waiting: { item: Item; missing: string }[],
): Promise<void> {
  for (const [kind, loader] of LOADERS) {
    let rest = items.filter((item) => item.line.kind === kind);
    // An object that has several lines is loaded once for each, in their order.
    while (rest.length > 0) {
      const keys = new Set<string>();
      const now = rest.filter((item) => !keys.has(keyOf(item.line)) && keys.add(keyOf(item.line)));
      const results = await loadTogether(context, loader as Loader<DirectoryLine>, now);
      for (const [index, item] of now.entries()) note(item, results[index], report, waiting);
      rest = rest.filter((item) => !now.includes(item));
    }
  }
}

/** When the store refuses a batch because of one of its lines, each line is tried by itself: the good ones load. */
async function loadTogether(
  context: ImportContext,
  loader: Loader<DirectoryLine>,
  items: readonly Item[],
): Promise<Loaded[]> {
  try {
    return await loader(context, items);
  } catch (error) {
    if (!(error instanceof StoreConflictError)) throw error;
    if (items.length === 1) return [{ problem: `the store refused it: ${error.message}` }];
    const results: Loaded[] = [];
    for (const item of items) results.push(...(await loadTogether(context, loader, [item])));
    return results;
  }
}

function note(
  item: Item,
  loaded: Loaded | undefined,
  report: ImportReport,
  waiting: { item: Item; missing: string }[],
): void {
  if (loaded === undefined) throw new Error('a loader gave no result for a line');
  if (typeof loaded === 'string') report[loaded] += 1;
  else if ('missing' in loaded) waiting.push({ item, missing: loaded.missing });
  else report.refused.push({ source: item.source, lineNumber: item.lineNumber, reason: loaded.problem });
}

/** What makes two lines speak of the same object. */
function keyOf(line: DirectoryLine): string {
  switch (line.kind) {
    case 'organisation':
    case 'account':
      return line.id.toLowerCase();
    case 'role':
      return line.name;
    case 'membership':
      return `${line.account}\0${line.organisation}\0${line.role}`.toLowerCase();
    case 'installation':
      return line.installationId;
    case 'resource':
      return `${line.context}\0${line.code}`;
  }
}

async function auditImport(
  core: Core,
  { created, updated, unchanged, refused }: ImportReport,
): Promise<void> {
  const detail = { created, updated, unchanged, refused: refused.length };
  await core.store.commit([
    recordAudit(auditEvent({ at: core.clock.now(), event: 'directory.imported', detail })),
  ]);
}
