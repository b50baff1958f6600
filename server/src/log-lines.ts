import { write, writeSync } from 'node:fs';

/** Where lines of a log go. */
export interface LogLines {
  write(line: string): void;
  /** Writes what is still held back, before the process ends. */
  flush(): void;
}

/** How long a line is held back at most. */
const FLUSH_MILLISECONDS = 100;

/** What is held back at most while the other side takes nothing. */
const HELD_CHARACTERS = 1_048_576;

/**
 * What is written at once. A pipe takes that much as one piece, whoever else writes there (PIPE_BUF): processes with one
 * standard output do not cut each other's lines, unless one is longer.
 */
const BATCH_BYTES = 4096;
const MOST_BYTES_PER_CHARACTER = 3;

/** How often a reader that is slow is tried again at the end. */
const LAST_TRIES = 100;

/**
 * Gathers lines and hands them to the system off the event loop: a reader that is slow slows nobody down. Lines that
 * cannot be written, as on a full disk, are lost, and nothing else is.
 */
export function logLines(descriptor: number): LogLines {
  let held = '';
  let rest: Buffer | null = null;
  let isWriting = false;
  const nextBytes = (): Buffer => {
    if (rest !== null) return rest;
    const end = endOfBatch(held);
    const bytes = Buffer.from(held.slice(0, end));
    held = held.slice(end);
    return bytes;
  };
  const next = (): void => {
    if (isWriting || (rest === null && held === '')) return;
    const bytes = nextBytes();
    rest = null;
    isWriting = true;
    write(descriptor, bytes, (error, written) => {
      isWriting = false;
      if (error?.code === 'EAGAIN') rest = bytes;
      else rest = error === null && written < bytes.length ? bytes.subarray(written) : null;
      if (error === null && (rest !== null || held.length >= BATCH_BYTES)) next();
    });
  };
  setInterval(next, FLUSH_MILLISECONDS).unref();
  return {
    write(line) {
      if (held.length < HELD_CHARACTERS) held += line;
      if (held.length >= BATCH_BYTES && rest === null) next();
    },
    flush() {
      for (let tries = 0; (rest !== null || held !== '') && tries < LAST_TRIES; ) {
        const bytes = nextBytes();
        try {
          const written = writeSync(descriptor, bytes);
          rest = written < bytes.length ? bytes.subarray(written) : null;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
          rest = bytes;
          tries += 1;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
        }
      }
    },
  };
}

/** After the last line that has room in a batch, or after the first when none has. */
function endOfBatch(lines: string): number {
  const isWide = Buffer.byteLength(lines.slice(0, BATCH_BYTES)) > BATCH_BYTES;
  const room = isWide ? Math.floor(BATCH_BYTES / MOST_BYTES_PER_CHARACTER) : BATCH_BYTES;
  if (lines.length <= room) return lines.length;
  return lines.lastIndexOf('\n', room - 1) + 1 || lines.indexOf('\n') + 1 || lines.length;
}
