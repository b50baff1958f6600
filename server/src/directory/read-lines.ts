/** A line of a directory file, with its place. */
export interface Line {
  readonly source: string;
  readonly lineNumber: number;
  readonly text: string | UnreadableLine;
}

/** Lines from one source or several. */
export type DirectoryLines = AsyncIterable<Line>;

/** A line that is no text that can be read, and why. */
interface UnreadableLine {
  readonly problem: string;
}

/** Lines that are read in one turn of the event loop, which others need too. */
export const LINES_A_TURN = 32;

const NEWLINE = 0x0a;

/** The most bytes a line may have: a file without line ends must not fill the memory. */
const LINE_LIMIT_BYTES = 1024 * 1024;

/**
 * Splits a stream of bytes into lines and decodes each by itself, so that one that is no UTF-8 spoils no other.
 * @param onBytes called with the number of bytes up to the end of each line, as it is handed over
 */
export async function* readLines(
  source: string,
  bytes: AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void = () => undefined,
): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (line: Uint8Array): Line['text'] => {
    if (line.length > LINE_LIMIT_BYTES) return { problem: `it is longer than ${LINE_LIMIT_BYTES} bytes` };
    try {
      return decoder.decode(line);
    } catch {
      return { problem: 'it is not UTF-8' };
    }
  };
  let lineNumber = 0;
  let rest: Uint8Array = new Uint8Array();
  let restBytes = 0;
  for await (const piece of bytes) {
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      lineNumber += 1;
      onBytes(restBytes + end + 1 - start);
      restBytes = 0;
      const tail = piece.subarray(start, end);
      yield { source, lineNumber, text: decode(rest.length === 0 ? tail : Buffer.concat([rest, tail])) };
      rest = new Uint8Array();
      start = end + 1;
    }
    restBytes += piece.length - start;
    // What is too long already only needs to be known as that.
    if (rest.length <= LINE_LIMIT_BYTES) rest = Buffer.concat([rest, piece.subarray(start)]);
  }
  onBytes(restBytes);
  if (rest.length > 0) yield { source, lineNumber: lineNumber + 1, text: decode(rest) };
}
