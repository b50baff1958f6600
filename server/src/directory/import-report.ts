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

/** The lines that a report names, by what is told of them. */
export interface NamedLines {
  readonly refused: RefusedLine[];
  /** Lines that were loaded, but whose password is one that others would try first. */
  readonly guessable: LinePlace[];
  /** Lines that were loaded, but have a rule that binds nobody. */
  readonly unheeded: UnheededLine[];
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
    counts: { refused: 0, guessable: 0, unheeded: 0 },
    refused: [],
    guessable: [],
    unheeded: [],
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
export function sortReport({ refused, guessable, unheeded }: ImportReport): void {
  for (const places of [refused, guessable, unheeded] as LinePlace[][]) places.sort(inOrder);
}

function inOrder(left: LinePlace, right: LinePlace): number {
  return left.source === right.source ? left.lineNumber - right.lineNumber : 0;
}
