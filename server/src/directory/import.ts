import { setImmediate } from 'node:timers/promises';
import { type AuditEvent, auditEvent } from '../audit/event.ts';
import type { Core } from '../core.ts';
import { StoreConflictError } from '../errors.ts';
import { recordAudit } from '../store/audit.ts';
import { guessableLines, guessableProblem, tellOfGuessable } from './guessable-line.ts';
import { type ImportContext, type Item, type Loaded, type Loader, openImport } from './import-context.ts';
import { emptyReport, type ImportReport, sortReport, tellOf } from './import-report.ts';
import { type DirectoryKind, type DirectoryLine, readDirectoryLine } from './line.ts';
import { keyOf } from './line-key.ts';
import { loadAccounts } from './load-accounts.ts';
import {
  loadInstallations,
  loadMemberships,
  loadOrganisations,
  loadResources,
  loadRoles,
} from './load-objects.ts';
import { neighboursTogether } from './neighbours.ts';
import { type DirectoryLines, LINES_A_TURN } from './read-lines.ts';
import { unheededSettings } from './unheeded-settings.ts';
import { lostAmong, reasonOf, type WaitingItem, WaitingItems } from './waiting-items.ts';

/** How a load goes. */
export interface ImportOptions {
  /** Checks everything and writes nothing. */
  readonly dryRun: boolean;
  /** Refuses lines whose password is one that others would try first, instead of telling. */
  readonly refusesGuessable?: boolean;
  /** Refuses lines whose resource code is short enough to be guessed, instead of telling. */
  readonly refusesGuessableCodes?: boolean;
  /** Refuses accounts that are there already, or are made by somebody else meanwhile, instead of bringing them to their lines. */
  readonly onlyNew?: boolean;
  /** What the audit log is told of one object that is loaded, in the commit that writes it; else the load as a whole. */
  readonly event?: AuditEvent;
  /** Called after each batch with the number of lines dealt with so far. */
  readonly onProgress?: (lines: number) => void;
}

/** Lines that are loaded together: large enough for few commits, small enough that a server beside us is not held up. */
const BATCH_LINES = 256;

/** Plain passwords that are hashed together at most: they take time, and whoever waits wants to see that it goes on. */
const BATCH_PASSWORDS = 32;

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
  const beside = options.event ? [recordAudit(options.event)] : [];
  const context = await openImport(core, { ...options, beside });
  const report = emptyReport();
  const waiting = new WaitingItems();
  try {
    let written: readonly Item[] = [];
    let writing: Promise<void> = Promise.resolve();
    const inOrder = options.dryRun ? lines : neighboursTogether(core.store, lines);
    for await (const { items, done } of batchesOf(inOrder, report)) {
      // While one batch is written, the next is checked, and the one after that is read.
      if (options.dryRun || !areOtherAccounts(items, written)) await writing;
      const next = loadBatch({ ...context, earlier: writing }, items, report, waiting);
      next.catch(() => undefined);
      await writing;
      written = items;
      writing = next.then(() => options.onProgress?.(done));
      writing.catch(() => undefined);
    }
    await writing;
    await loadWaiting(context, report, waiting);
  } finally {
    await context.close();
  }
  sortReport(report);
  if (!options.dryRun && !options.event) await auditImport(core, report);
  return report;
}

/** Whether lines can be checked before the earlier ones are written: both are of accounts, and none of the same. */
function areOtherAccounts(items: readonly Item[], earlier: readonly Item[]): boolean {
  const ids = new Set(earlier.map(({ line }) => keyOf(line)));
  return (
    [...earlier, ...items].every(({ line }) => line.kind === 'account') &&
    items.every(({ line }) => !ids.has(keyOf(line)))
  );
}

/** Lines that are loaded together, and how many there were up to the last of them; wrong ones go into the report. */
async function* batchesOf(
  lines: DirectoryLines,
  report: ImportReport,
): AsyncGenerator<{ items: readonly Item[]; done: number }> {
  let items: Item[] = [];
  let passwords = 0;
  let done = 0;
  for await (const { source, lineNumber, text } of lines) {
    done += 1;
    // Those that load meanwhile hear from the store between two turns of the event loop only.
    if (done % LINES_A_TURN === 0) await setImmediate();
    if (typeof text === 'string' && text.trim() === '') continue;
    const line = typeof text === 'string' ? readDirectoryLine(text) : text.problem;
    if (typeof line === 'string') tellOf(report, 'refused', { source, lineNumber, reason: line });
    else {
      items.push({ source, lineNumber, line });
      if ('password' in line && line.password != null) passwords += 1;
    }
    if (items.length < BATCH_LINES && passwords < BATCH_PASSWORDS) continue;
    yield { items, done };
    items = [];
    passwords = 0;
  }
  yield { items, done };
}

/** Goes over what waits for as long as that loads something. What is left over then is given up, and the others go on. */
async function loadWaiting(
  context: ImportContext,
  report: ImportReport,
  waiting: WaitingItems,
): Promise<void> {
  const loadAgain = async (items: readonly WaitingItem[]): Promise<void> => {
    for (let at = 0; at < items.length; at += BATCH_LINES) {
      const batch = items.slice(at, at + BATCH_LINES).map(({ item }) => item);
      await loadBatch(context, batch, report, waiting);
    }
  };
  while (waiting.length > 0) {
    const before = waiting.length;
    await loadAgain(waiting.takeAll());
    if (waiting.length < before) continue;
    const stuck = waiting.takeAll();
    const lost = new Set<WaitingItem>();
    for (const each of lostAmong(stuck)) {
      refuse(each.item, reasonOf(each.lack), report);
      lost.add(each);
    }
    await loadAgain(stuck.filter((each) => !lost.has(each)));
  }
}

async function loadBatch(
  context: ImportContext,
  items: readonly Item[],
  report: ImportReport,
  waiting: WaitingItems,
): Promise<void> {
  for (const [kind, loader] of LOADERS) {
    let rest = items.filter((item) => item.line.kind === kind);
    // An object that has several lines is loaded once for each, in their order: none overtakes one that waits.
    while (rest.length > 0) {
      const keys = new Set<string>();
      const next = rest.filter((item) => !keys.has(keyOf(item.line)) && keys.add(keyOf(item.line)));
      rest = rest.filter((item) => !next.includes(item));
      const now = next.filter((item) => !waiting.holdBehind(item));
      if (now.length > 0) await loadNow(context, loader as Loader<DirectoryLine>, now, report, waiting);
    }
  }
}

async function loadNow(
  context: ImportContext,
  loader: Loader<DirectoryLine>,
  items: readonly Item[],
  report: ImportReport,
  waiting: WaitingItems,
): Promise<void> {
  const guessable = await guessableLines(context, items);
  const taken = items.filter((item) => {
    const problem = guessableProblem(context, item, guessable);
    if (problem !== null) note(item, { problem }, report, waiting);
    return problem === null;
  });
  const results = taken.length === 0 ? [] : await loadTogether(context, loader, taken);
  for (const [index, item] of taken.entries()) {
    note(item, results[index], report, waiting);
    if (typeof results[index] !== 'string') continue;
    const { source, lineNumber } = item;
    tellOfGuessable(item, guessable, report);
    const settings = unheededSettings(item.line);
    if (settings.length > 0) tellOf(report, 'unheeded', { source, lineNumber, settings });
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
    const results: Loaded[] = [];
    for (const item of items) results.push(...(await loadAlone(context, loader, item)));
    return results;
  }
}

async function loadAlone(
  context: ImportContext,
  loader: Loader<DirectoryLine>,
  item: Item,
): Promise<Loaded[]> {
  try {
    return await loader(context, [item]);
  } catch (error) {
    if (!(error instanceof StoreConflictError)) throw error;
    return [{ problem: `the store refused it: ${error.message}` }];
  }
}

function note(item: Item, loaded: Loaded | undefined, report: ImportReport, waiting: WaitingItems): void {
  if (loaded === undefined) throw new Error('a loader gave no result for a line');
  if (typeof loaded === 'string') report[loaded] += 1;
  else if ('problem' in loaded) refuse(item, loaded.problem, report);
  else if (!waiting.add(item, loaded)) refuse(item, reasonOf(loaded), report);
}

function refuse({ source, lineNumber }: Item, reason: string, report: ImportReport): void {
  tellOf(report, 'refused', { source, lineNumber, reason });
}

async function auditImport(core: Core, { created, updated, unchanged, counts }: ImportReport): Promise<void> {
  const detail = { created, updated, unchanged, refused: counts.refused };
  await core.store.commit([
    recordAudit(auditEvent({ at: core.clock.now(), event: 'directory.imported', actor: 'operator', detail })),
  ]);
}
