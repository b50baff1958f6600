import { Writable } from 'node:stream';
import pino, { type Logger } from 'pino';
import { logLines } from './log-lines.ts';

/** A log that can be closed. */
export interface ProcessLog {
  readonly log: Logger;
  /** Writes what is still held back. */
  flush(): void;
}

/**
 * The process's log: JSON lines on stdout, or lines to be read where stdout is a terminal.
 * @param level the least important level that is written
 */
export function createLog(level: string): ProcessLog {
  if (process.stdout.isTTY)
    return { log: pino({ level, base: null }, readableLines()), flush: () => undefined };
  const lines = logLines(1);
  return { log: pino({ level, timestamp: pino.stdTimeFunctions.isoTime }, lines), flush: lines.flush };
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
