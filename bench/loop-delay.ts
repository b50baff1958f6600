import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { threadCpuUsage } from 'node:process';
import { isMainThread } from 'node:worker_threads';
import { quantile } from './recorder.ts';

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
  /** The longest turn in which the collector of garbage did nothing. */
  readonly ownMax: number;
}

const SAMPLE_MILLISECONDS = 1;
const file = process.env.BENCH_LOOP_DELAYS;

/** What a turn took of the processor, and when it was, in milliseconds. */
interface Turn {
  readonly used: number;
  readonly from: number;
  readonly to: number;
}

const timesOf = (turns: readonly Turn[]) => turns.map(({ used }) => used);

function watch(path: string): void {
  const clock = monitorEventLoopDelay({ resolution: SAMPLE_MILLISECONDS });
  let held: Turn[] = [];
  const collections: { readonly from: number; readonly to: number }[] = [];
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      collections.push({ from: startTime, to: startTime + duration });
  }).observe({ entryTypes: ['gc'] });
  const used = () => {
    const { user, system } = threadCpuUsage();
    return (user + system) / 1000;
  };
  let before = used();
  let beganAt = performance.now();
  let isWatching = false;
  const look = () => {
    const now = used();
    const at = performance.now();
    if (isWatching) held.push({ used: now - before, from: beganAt, to: at });
    [before, beganAt] = [now, at];
  };
  setInterval(look, SAMPLE_MILLISECONDS).unref();
  process.on('SIGUSR2', () => {
    isWatching = !isWatching;
    if (isWatching) {
      held = [];
      collections.splice(0);
      clock.reset();
      clock.enable();
      return;
    }
    clock.disable();
    const own = held.filter((turn) => !collections.some(({ from, to }) => from < turn.to && to > turn.from));
    const all = timesOf(held);
    const delays: LoopDelays = {
      turns: all.length,
      clockP99: clock.percentile(99) / 1e6 - SAMPLE_MILLISECONDS,
      clockMax: clock.max / 1e6 - SAMPLE_MILLISECONDS,
      processorP99: quantile(all, 0.99),
      processorMax: quantile(all, 1),
      ownMax: quantile(timesOf(own), 1),
    };
    // Whole or not at all: somebody waits for it.
    writeFileSync(`${path}.part`, JSON.stringify(delays));
    renameSync(`${path}.part`, path);
  });
}

if (isMainThread && file !== undefined) watch(file);
