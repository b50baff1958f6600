import type { Clock, Log } from '../src/ports.ts';

/** A clock that goes on by itself and can be moved. */
export interface MovableClock extends Clock {
  advance(seconds: number): void;
}

/** A clock that shows the machine's time until it is moved. */
export function movableClock(): MovableClock {
  let offset = 0;
  return {
    now: () => Date.now() + offset,
    advance(seconds) {
      offset += seconds * 1000;
    },
  };
}

/** A clock that stands still, at a whole second, until it is moved. */
export function frozenClock(): MovableClock {
  let now = Math.floor(Date.now() / 1000) * 1000;
  return {
    now: () => now,
    advance(seconds) {
      now += seconds * 1000;
    },
  };
}

/** A log that keeps its lines. */
export interface KeptLog extends Log {
  readonly lines: { readonly level: string; readonly message: string; readonly fields: object }[];
}

/** Keeps what is logged, to be looked at. */
export function keptLog(): KeptLog {
  const lines: KeptLog['lines'] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
