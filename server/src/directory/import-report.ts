/** Where a line is. */
export interface LinePlace {
  readonly source: string;
  readonly lineNumber: number;
}

/** A line that was not loaded. */
export interface RefusedLine extends LinePlace {
  readonly reason: string;
}

/** A line of an organisation with settings that say nothing, as they are not what they should be. */
export interface UnheededLine extends LinePlace {
  readonly settings: readonly string[];
}

/** A line whose resource code is short enough to be guessed. */
export interface GuessableCodeLine extends LinePlace {
  readonly context: string;
  /** How many codes are live at the context, this one among them. */
  readonly liveCodes: number;
}

/** The lines that a report names, by what is told of them. */
export interface NamedLines {
  readonly refused: RefusedLine[];
  /** Lines that were loaded, but whose password is one that others would try first. */
  readonly guessable: LinePlace[];
  /** Lines that were loaded, but have a rule that binds nobody. */
  readonly unheeded: UnheededLine[];
  /** Lines that were loaded, but whose resource code is live and short enough to be guessed. */
  readonly guessableCodes: GuessableCodeLine[];
  /** Lines that were loaded, but whose resource code is live and has no end. */
  readonly endlessCodes: LinePlace[];
}

/** What a load did. It counts everything, and names what it came across first. */
export interface ImportReport extends NamedLines {
  created: number;
  updated: number;
  unchanged: number;
  readonly counts: Record<keyof NamedLines, number>;
}

/** Lines of a kind that a report names: a file in which every line is wrong must not fill the memory. */
export const NAMED_AT_MOST = 10_000;

/** The report of a load that has not begun. */
export function emptyReport(): ImportReport {
  return {
    created: 0,
    updated: 0,
    unchanged: 0,
    counts: { refused: 0, guessable: 0, unheeded: 0, guessableCodes: 0, endlessCodes: 0 },
    refused: [],
    guessable: [],
    unheeded: [],
    guessableCodes: [],
    endlessCodes: [],
  };
}

/** Tells something of a line. */
export function tellOf<What extends keyof NamedLines>(
  report: ImportReport,
  what: What,
  line: NamedLines[What][number],
): void {
  const named: LinePlace[] = report[what];
  report.counts[what] += 1;
  if (named.length < NAMED_AT_MOST) named.push(line);
}

/** Puts what is told of lines into the order of the lines: those that waited for others were dealt with later. */
export function sortReport(report: ImportReport): void {
  for (const what of Object.keys(report.counts) as (keyof NamedLines)[])
    (report[what] as LinePlace[]).sort(inOrder);
}

function inOrder(left: LinePlace, right: LinePlace): number {
  return left.source === right.source ? left.lineNumber - right.lineNumber : 0;
}
