const REDRAW_MILLISECONDS = 100;
const BAR_WIDTH = 30;

/** A line on the terminal that says how far long work has come. */
export interface Progress {
  /** @param fraction of the work that is done, 0 to 1; null when nobody knows how much there is */
  update(done: number, fraction: number | null): void;
  end(): void;
}

/** Draws on stderr where that is a terminal; elsewhere it stays silent. */
export function createProgress(unit: string): Progress {
  if (!process.stderr.isTTY) return { update: () => undefined, end: () => undefined };
  const startedAt = performance.now();
  let drawnAt = 0;
  return {
    update(done, fraction) {
      const now = performance.now();
      if (now - drawnAt < REDRAW_MILLISECONDS && fraction !== 1) return;
      drawnAt = now;
      process.stderr.write(`\r\x1b[K${progressLine(done, fraction, (now - startedAt) / 1000, unit)}`);
    },
    end: () => void process.stderr.write('\r\x1b[K'),
  };
}

/** What the line says. @param seconds since the work began */
export function progressLine(done: number, fraction: number | null, seconds: number, unit: string): string {
  const rate = `${Math.round(done / Math.max(seconds, 0.001))} ${unit}/s`;
  if (fraction === null) return `${done} ${unit}  ${rate}`;
  const filled = Math.round(fraction * BAR_WIDTH);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
  const left = fraction > 0 ? Math.ceil((seconds * (1 - fraction)) / fraction) : 0;
  return `${bar} ${String(Math.floor(fraction * 100)).padStart(3)} %  ${done} ${unit}  ${rate}  ${timeLeft(left)} left`;
}

function timeLeft(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
