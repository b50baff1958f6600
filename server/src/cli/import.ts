import { createReadStream, statSync } from 'node:fs';
import type { Command } from 'commander';
import type { Core } from '../core.ts';
import { guessableCode } from '../directory/guessable-code.ts';
import { GUESSABLE_PASSWORD } from '../directory/guessable-password.ts';
import { importDirectory } from '../directory/import.ts';
import { type ImportReport, NAMED_AT_MOST } from '../directory/import-report.ts';
import { readLines } from '../directory/read-lines.ts';
import { OperatorError } from '../errors.ts';
import { command, fail, note, withCore } from './command.ts';
import { printJson } from './output.ts';
import { createProgress } from './progress.ts';

interface Options {
  readonly dryRun?: boolean;
  readonly refuseListedPasswords?: boolean;
  readonly refuseGuessableCodes?: boolean;
  readonly json?: boolean;
}

/** `latchkey import` */
export function importCommand(): Command {
  return command(
    'import',
    'load directory files (JSON Lines); what is there already is brought to what its line says',
  )
    .argument('<file...>', 'files to load, - for standard input')
    .option('--dry-run', 'check everything and write nothing')
    .option(
      '--refuse-listed-passwords',
      'refuse lines whose password is one that everybody tries, or a name of its owner’s',
    )
    .option(
      '--refuse-guessable-codes',
      'refuse lines whose resource code is short enough to be guessed, as many as are live at its context',
    )
    .option('--json', 'print the report as JSON')
    .action(async (files: string[], options: Options, called: Command) => {
      const load = (core: Core): Promise<ImportReport> => {
        const progress = createProgress('lines');
        const sources = openSources(files);
        return importDirectory(core, sources.lines(), {
          dryRun: options.dryRun === true,
          refusesGuessable: options.refuseListedPasswords === true,
          refusesGuessableCodes: options.refuseGuessableCodes === true,
          onProgress: (done) => progress.update(done, sources.fraction()),
        }).finally(() => progress.end());
      };
      const report = await withCore(called, load, { isBulkLoad: true });
      if (options.json) await printJson(report);
      tell(report, options.dryRun === true);
    });
}

function tell(report: ImportReport, dryRun: boolean): void {
  const { counts } = report;
  for (const { source, lineNumber, reason } of report.refused) note(`${source}:${lineNumber}: ${reason}`);
  tellOfMore(counts.refused, 'refused');
  for (const { source, lineNumber } of report.guessable)
    note(`${source}:${lineNumber}: warning: ${GUESSABLE_PASSWORD}`);
  if (counts.guessable > 0) note(`${counts.guessable} lines have a password that is too easy to guess`);
  for (const { source, lineNumber, settings } of report.unheeded)
    note(
      `${source}:${lineNumber}: warning: ${settings.join(', ')} is not what it should be, and binds nobody`,
    );
  tellOfMore(counts.unheeded, 'warned of');
  tellOfCodes(report);
  const result = `${report.created} created, ${report.updated} updated, ${report.unchanged} unchanged, ${counts.refused} refused`;
  const summary = dryRun ? `dry run, nothing written: ${result}` : result;
  if (counts.refused > 0) fail(summary);
  else note(summary);
}

function tellOfCodes({ counts, guessableCodes, endlessCodes }: ImportReport): void {
  for (const { source, lineNumber, context, liveCodes } of guessableCodes)
    note(`${source}:${lineNumber}: warning: ${guessableCode(liveCodes, context)}`);
  if (counts.guessableCodes > 0)
    note(`${counts.guessableCodes} lines have a resource code that is short enough to be guessed`);
  const [first] = endlessCodes;
  if (first)
    note(
      `${counts.endlessCodes} lines have a resource code without an end, the first in ${first.source}:${first.lineNumber}`,
    );
}

/** Says that a report does not name every line. */
function tellOfMore(count: number, what: string): void {
  if (count > NAMED_AT_MOST) note(`and ${count - NAMED_AT_MOST} more lines ${what}`);
}

/** The files in their order, as lines, and how much of them was read. */
function openSources(files: readonly string[]): {
  lines(): ReturnType<typeof readLines>;
  fraction: () => number | null;
} {
  const sizes = files.filter((file) => file !== '-').map(sizeOf);
  const totalBytes = files.includes('-') ? null : sizes.reduce((sum, size) => sum + size, 0);
  let readBytes = 0;
  const count = (bytes: number): void => {
    readBytes += bytes;
  };
  return {
    async *lines() {
      for (const file of files) {
        if (file === '-') yield* readLines('standard input', process.stdin, count);
        else yield* fileLines(file, count);
      }
    },
    fraction: () => (totalBytes === null ? null : Math.min(1, readBytes / Math.max(1, totalBytes))),
  };
}

async function* fileLines(file: string, onBytes: (count: number) => void): ReturnType<typeof readLines> {
  const bytes = createReadStream(file);
  let broken: Error | undefined;
  bytes.once('error', (error) => {
    broken = error;
  });
  try {
    yield* readLines(file, bytes, onBytes);
  } catch (error) {
    throw error === broken ? new OperatorError(`cannot read ${file}: ${broken?.message}`) : error;
  }
}

function sizeOf(file: string): number {
  try {
    const stat = statSync(file);
    if (stat.isDirectory()) throw new Error('it is a folder');
    return stat.size;
  } catch (error) {
    throw new OperatorError(`cannot read ${file}: ${(error as Error).message}`);
  }
}
