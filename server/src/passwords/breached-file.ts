import { type FileHandle, open } from 'node:fs/promises';
import { OperatorError } from '../errors.ts';

/** SHA-1 hashes of passwords that are known to be breached, in a file of the operator's. */
export interface BreachedFile {
  /** Whether the file has a hash, given as 40 upper-case hexadecimal digits. */
  has(sha1: string): Promise<boolean>;
  close(): Promise<void>;
}

/** A line is a hash, a colon, a count and the end of the line: there is a whole one in any piece of this length. */
const PIECE_BYTES = 160;
const LINE = /^[0-9A-Fa-f]{40}(?::\d+)?$/;

/**
 * Opens a file as Have I Been Pwned's download has it: a line for each SHA-1, sorted, with or without `:count`. It may have
 * tens of gigabytes: a look-up reads some forty pieces of it, off the event loop.
 * @throws OperatorError when it cannot be read, or is something else
 */
export async function openBreachedFile(path: string): Promise<BreachedFile> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const { size } = await file.stat();
    const first = await lineAt(file, 0);
    if (first === null || !LINE.test(first.text)) throw new Error('its first line is no SHA-1 hash');
    return fileOf(file, size);
  } catch (error) {
    await file?.close();
    throw new OperatorError(
      `passwords.breachedFile: cannot read ${path}: ${(error as Error).message}. Give a sorted file of SHA-1 hashes, one a line.`,
    );
  }
}

function fileOf(file: FileHandle, size: number): BreachedFile {
  return {
    async has(sha1) {
      // The lines that begin in [from, to) are those that may hold it.
      let [from, to] = [0, size];
      while (from < to) {
        const middle = Math.floor((from + to) / 2);
        const behind = await lineBehind(file, middle);
        const line = behind !== null && behind.start < to ? behind : await lineAt(file, from);
        if (line === null) return false;
        const found = line.text.slice(0, 40).toUpperCase();
        if (found === sha1) return true;
        if (found < sha1) from = line.end;
        else to = line.start > middle ? middle + 1 : line.start;
      }
      return false;
    },
    close: () => file.close(),
  };
}

interface Line {
  readonly text: string;
  readonly start: number;
  /** Where the next line begins. */
  readonly end: number;
}

/** The first line that begins behind a place; null when there is none. */
async function lineBehind(file: FileHandle, place: number): Promise<Line | null> {
  const piece = await read(file, place);
  const newline = piece.indexOf('\n');
  return newline < 0 ? null : firstLine(piece.slice(newline + 1), place + newline + 1);
}

/** The line that begins at a place; null at the end of the file. */
async function lineAt(file: FileHandle, start: number): Promise<Line | null> {
  return firstLine(await read(file, start), start);
}

function firstLine(piece: string, start: number): Line | null {
  if (piece === '') return null;
  const newline = piece.indexOf('\n');
  const text = newline < 0 ? piece : piece.slice(0, newline);
  return { text: text.trimEnd(), start, end: start + (newline < 0 ? piece.length : newline + 1) };
}

async function read(file: FileHandle, position: number): Promise<string> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(PIECE_BYTES), 0, PIECE_BYTES, position);
  return buffer.toString('latin1', 0, bytesRead);
}
