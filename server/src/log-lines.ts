import { write, writeSync } from 'node:fs';

/** Where lines of a log go. */
export interface LogLines {
  write(line: string): void;
  /** Writes what is still held back, before the process ends. */
  flush(): void;
}

/** How long a line is held back at most. */
const FLUSH_MILLISECONDS = 100;

/** What is written at once, and what is held back at most while the other side takes nothing. */
const BATCH_CHARACTERS = 4096;
const HELD_CHARACTERS = 1_048_576;

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
  const next = (): void => {
    if (isWriting || (rest === null && held === '')) return;
    const bytes = rest ?? Buffer.from(held);
    if (rest === null) held = '';
    isWriting = true;
    write(descriptor, bytes, (error, written) => {
      isWriting = false;
      if (error?.code === 'EAGAIN') rest = bytes;
      else rest = error === null && written < bytes.length ? bytes.subarray(written) : null;
      if (error === null && (rest !== null || held.length >= BATCH_CHARACTERS)) next();
    });
  };
  setInterval(next, FLUSH_MILLISECONDS).unref();
  return {
    write(line) {
      if (held.length < HELD_CHARACTERS) held += line;
      if (held.length >= BATCH_CHARACTERS && rest === null) next();
    },
    flush() {
      let bytes = Buffer.concat([rest ?? Buffer.alloc(0), Buffer.from(held)]);
      [rest, held] = [null, ''];
      for (let tries = 0; bytes.length > 0 && tries < LAST_TRIES; ) {
        try {
          bytes = bytes.subarray(writeSync(descriptor, bytes));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
          tries += 1;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
        }
      }
    },
  };
}
