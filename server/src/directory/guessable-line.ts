import { type CodeWeaknesses, codeWeaknesses, guessableCode } from './guessable-code.ts';
import { GUESSABLE_PASSWORD, guessableAmong } from './guessable-password.ts';
import type { ImportContext, Item } from './import-context.ts';
import { type ImportReport, tellOf } from './import-report.ts';

/** The lines that bring something which others could guess. */
export interface GuessableLines {
  readonly passwords: ReadonlySet<Item>;
  readonly codes: CodeWeaknesses;
}

/** Those of these items whose password or resource code others could guess. */
export async function guessableLines(
  context: ImportContext,
  items: readonly Item[],
): Promise<GuessableLines> {
  return {
    passwords: await guessableAmong(context, items),
    codes: await codeWeaknesses(context, items),
  };
}

/** Why a line is refused, where lines that bring something guessable are. Null where it is not. */
export function guessableProblem(
  context: ImportContext,
  item: Item,
  { passwords, codes }: GuessableLines,
): string | null {
  if (context.refusesGuessable && passwords.has(item)) return GUESSABLE_PASSWORD;
  const liveCodes = codes.guessable.get(item);
  if (!context.refusesGuessableCodes || item.line.kind !== 'resource' || liveCodes === undefined) return null;
  return guessableCode(liveCodes, item.line.context);
}

/** Tells what could be guessed of a line that was loaded. */
export function tellOfGuessable(
  item: Item,
  { passwords, codes }: GuessableLines,
  report: ImportReport,
): void {
  const { source, lineNumber, line } = item;
  if (passwords.has(item)) tellOf(report, 'guessable', { source, lineNumber });
  if (line.kind !== 'resource') return;
  const liveCodes = codes.guessable.get(item);
  if (liveCodes !== undefined)
    tellOf(report, 'guessableCodes', { source, lineNumber, context: line.context, liveCodes });
  if (codes.endless.has(item)) tellOf(report, 'endlessCodes', { source, lineNumber });
}
