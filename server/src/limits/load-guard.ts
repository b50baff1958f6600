import { getHeapStatistics } from 'node:v8';

/** From when on a process turns work away. 0 for never. */
export interface LoadLimits {
  /** How late the event loop may be, for a while. */
  readonly eventLoopMilliseconds: number;
  /** How much resident memory there may be. */
  readonly memoryMib: number;
}

/** Why work is turned away. */
export type LoadTrouble = 'event-loop' | 'memory';

/** Watches how this process is doing. Its owner stops it. */
export interface LoadGuard {
  /** What there is too little of now to begin something that costs much; null when all is well. */
  trouble(): LoadTrouble | null;
  stop(): void;
}

const SAMPLE_MILLISECONDS = 100;
/** The loop is late when it was late that many times in a row: a single pause is over when it is noticed. */
const SAMPLES = 3;
const MEBIBYTE = 1024 * 1024;
/** How much of the heap that it may have the program uses before it is short of memory, whatever the configuration says. */
const HEAP_SHARE = 0.9;

/** Starts to watch. @param onTrouble is told each time that somebody asked and there was too little */
export function watchLoad(limits: LoadLimits, onTrouble: (trouble: LoadTrouble) => void): LoadGuard {
  const late: number[] = [];
  let isShort = isMemoryShort(limits);
  let sampledAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    late.push(now - sampledAt - SAMPLE_MILLISECONDS);
    if (late.length > SAMPLES) late.shift();
    sampledAt = now;
    isShort = isMemoryShort(limits);
  }, SAMPLE_MILLISECONDS).unref();
  const troubleNow = (): LoadTrouble | null => {
    if (isShort) return 'memory';
    const { eventLoopMilliseconds } = limits;
    const isLate = late.length === SAMPLES && Math.min(...late) > eventLoopMilliseconds;
    return eventLoopMilliseconds > 0 && isLate ? 'event-loop' : null;
  };
  return {
    trouble() {
      const trouble = troubleNow();
      if (trouble !== null) onTrouble(trouble);
      return trouble;
    },
    stop: () => clearInterval(timer),
  };
}

function isMemoryShort({ memoryMib }: LoadLimits): boolean {
  if (memoryMib > 0 && process.memoryUsage.rss() > memoryMib * MEBIBYTE) return true;
  const heap = getHeapStatistics();
  return heap.used_heap_size > HEAP_SHARE * heap.heap_size_limit;
}
