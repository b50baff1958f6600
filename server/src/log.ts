import { Writable } from 'node:stream';
import pino, { type Logger } from 'pino';

/** A log that can be closed. */
export interface ProcessLog {
  readonly log: Logger;
  /** Writes what is still held back. */
  flush(): void;
}

/** How long a line is held back at most. */
const FLUSH_MILLISECONDS = 100;

/**
 * The process's log: JSON lines on stdout, or lines to be read where stdout is a terminal.
 * @param level the least important level that is written
 */
export function createLog(level: string): ProcessLog {
  if (process.stdout.isTTY)
    return { log: pino({ level, base: null }, readableLines()), flush: () => undefined };
  // Lines are gathered and handed to the system off the event loop; a reader that is slow slows nobody down.
  const destination = pino.destination({
    fd: 1,
    sync: false,
    minLength: 4096,
    periodicFlush: FLUSH_MILLISECONDS,
  });
  return {
    log: pino({ level, timestamp: pino.stdTimeFunctions.isoTime }, destination),
    flush: () => destination.flushSync(),
  };
}

/** Turns pino's lines into `14:05:09 warn message key=value`. */
function readableLines(): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const { level, time, msg, ...fields } = JSON.parse(chunk.toString()) as Record<string, unknown>;
      const label = pino.levels.labels[Number(level)] ?? String(level);
      const rest = Object.entries(fields).map(
        ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
      );
      process.stdout.write(
        `${[new Date(Number(time)).toISOString().slice(11, 19), label, msg, ...rest].join(' ')}\n`,
        () => done(),
      );
    },
  });
}
