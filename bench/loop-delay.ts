import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { threadCpuUsage } from 'node:process';
import { isMainThread } from 'node:worker_threads';

// Loaded before a server that is being measured: how long its event loop was held between two turns, by the clock and by
// the processor. A turn that waited for a processor that other threads had counts by the clock only. SIGUSR2 begins and
// ends a measurement.

/** What was seen, in milliseconds. */
export interface LoopDelays {
  readonly turns: number;
  readonly clockP99: number;
  readonly clockMax: number;
  readonly processorP99: number;
  readonly processorMax: number;
}

const SAMPLE_MILLISECONDS = 1;
const file = process.env.BENCH_LOOP_DELAYS;

function watch(path: string): void {
  const clock = monitorEventLoopDelay({ resolution: SAMPLE_MILLISECONDS });
  let held: number[] = [];
  const used = () => {
    const { user, system } = threadCpuUsage();
    return (user + system) / 1000;
  };
  let before = used();
  let isWatching = false;
  const look = () => {
    const now = used();
    if (isWatching) held.push(now - before);
    before = now;
  };
  setInterval(look, SAMPLE_MILLISECONDS).unref();
  process.on('SIGUSR2', () => {
    isWatching = !isWatching;
    if (isWatching) {
      held = [];
      clock.reset();
      clock.enable();
      return;
    }
    clock.disable();
    const sorted = held.sort((a, b) => a - b);
    const delays: LoopDelays = {
      turns: sorted.length,
      clockP99: clock.percentile(99) / 1e6 - SAMPLE_MILLISECONDS,
      clockMax: clock.max / 1e6 - SAMPLE_MILLISECONDS,
      processorP99: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
      processorMax: sorted.at(-1) ?? Number.NaN,
    };
    // Whole or not at all: somebody waits for it.
    writeFileSync(`${path}.part`, JSON.stringify(delays));
    renameSync(`${path}.part`, path);
  });
}

if (isMainThread && file !== undefined) watch(file);
