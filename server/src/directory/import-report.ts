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

/** What a load did. */
export interface ImportReport {
  created: number;
  updated: number;
  unchanged: number;
  readonly refused: RefusedLine[];
  /** Lines that were loaded, but whose password is one that others would try first. */
  readonly guessable: LinePlace[];
  /** Lines that were loaded, but have a rule that binds nobody. */
  readonly unheeded: UnheededLine[];
}

/** The report of a load that has not begun. */
export function emptyReport(): ImportReport {
  return { created: 0, updated: 0, unchanged: 0, refused: [], guessable: [], unheeded: [] };
}

/** Puts what is told of lines into the order of the lines: those that waited for others were dealt with later. */
export function sortReport({ refused, guessable, unheeded }: ImportReport): void {
  for (const places of [refused, guessable, unheeded] as LinePlace[][]) places.sort(inOrder);
}

function inOrder(left: LinePlace, right: LinePlace): number {
  return left.source === right.source ? left.lineNumber - right.lineNumber : 0;
}
