import cluster, { type Worker } from 'node:cluster';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Configuration } from '../config.ts';
import { countForWorkers } from '../limits/worker-count.ts';
import { addUpMetrics } from '../observability/worker-metrics.ts';
import type { Log } from '../ports.ts';

/** How long a worker that ended is left alone before the next takes its place: twice as long each time, and not longer than that. */
const FIRST_PAUSE_MILLISECONDS = 100;
const LONGEST_PAUSE_MILLISECONDS = 10_000;
/** A worker that served for so long has had an accident, and its place begins with the first pause again. */
const SETTLED_MILLISECONDS = 30_000;

/** How much longer than its draining a worker may take to stop. It ends by itself within 15 s; one that hangs does not. */
const STOP_MILLISECONDS = 20_000;

/** The environment's name for a worker's place, from 0 on. It is no setting: whoever takes a place over is given the same. */
const PLACE_VARIABLE = 'WORKER_PLACE';

/** The place of this worker. */
export function ownPlace(): number {
  return Number(process.env[PLACE_VARIABLE]);
}

/** What the process over the workers is given. */
export interface WorkerOrders {
  readonly log: Log;
  /** Resolves with the name of the signal when it is to stop. */
  readonly stopSignal: Promise<string>;
  /** Is called once, when all of them serve. */
  readonly onListening: (port: number) => void;
}

/** How the life of a worker ended. */
interface End {
  readonly code: number | null;
  readonly signal: string | null;
  readonly hasServed: boolean;
  readonly milliseconds: number;
}

/**
 * Serves by several processes on one port, and keeps them: it does no request itself, and starts another in the place of one
 * that ends. The first is started alone, since what there is to make or to complain of at a start is made and said once.
 * @returns the exit code: 0 when all were told to stop and did; 1 when one cannot start at all, which it has said itself,
 *   or did not stop
 */
export async function keepWorkers(config: Configuration, orders: WorkerOrders): Promise<number> {
  const { log, stopSignal } = orders;
  const { workers: count, listen } = config;
  if (count > availableParallelism())
    log.warn(
      { workers: count, processors: availableParallelism() },
      'there are more workers than processors',
    );
  countForWorkers();
  addUpMetrics();
  // Each takes its connections from the system: handed out here, one that a worker is given as it dies would be nobody's.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  // Named once: when all have ended, what they listened on has gone, and the next would be given another.
  const port = listen.port === 0 ? await freePort(listen.host) : listen.port;

  const serving = new Set<Worker>();
  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;
  let isStarting = true;
  let exitCode = 0;

  const stop = (code: number): void => {
    exitCode = Math.max(exitCode, code);
    if (isStopping()) return;
    stopping.abort();
    endAll(listen.drainMilliseconds + STOP_MILLISECONDS, () => stop(1));
  };
  void stopSignal.then((signal) => {
    log.info({ signal }, 'stopping: the workers finish what is in flight');
    stop(0);
  });

  /** Has one worker after another in one place, until there is to be none. */
  const keep = async (place: number, onServing: () => void): Promise<void> => {
    const settings = { LATCHKEY_LISTEN_PORT: String(port), LATCHKEY_WORKERS: String(count) };
    let pause = FIRST_PAUSE_MILLISECONDS;
    while (!isStopping()) {
      const { hasServed, code, signal, milliseconds } = await live(place, {
        settings,
        serving,
        log,
        onServing,
      });
      if (isStopping()) return stop(hasServed && code !== 0 ? 1 : 0);
      if (!hasServed && (isStarting || serving.size === 0)) return stop(1);
      if (hasServed && milliseconds > SETTLED_MILLISECONDS) pause = FIRST_PAUSE_MILLISECONDS;
      log.error({ code, signal, pauseMilliseconds: pause }, 'a worker ended: another takes its place');
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MILLISECONDS);
    }
  };
  const kept: Promise<void>[] = [];
  /** Resolves when a place has a worker that serves, or is to have none. */
  const begin = (place: number): Promise<void> =>
    new Promise((resolve) => kept.push(keep(place, resolve).finally(resolve)));

  await begin(0);
  if (!isStopping()) await Promise.all(Array.from({ length: count - 1 }, (_, index) => begin(index + 1)));
  isStarting = false;
  if (!isStopping()) orders.onListening(port);
  await Promise.all(kept);
  return exitCode;
}

/** What the life of a worker needs. */
interface Surroundings {
  /** What a worker may not read anew, whatever became of the configuration since. */
  readonly settings: Readonly<Record<string, string>>;
  readonly serving: Set<Worker>;
  readonly log: Log;
  readonly onServing: () => void;
}

/** Starts a worker and waits for its end. */
async function live(place: number, { settings, serving, log, onServing }: Surroundings): Promise<End> {
  const begun = performance.now();
  let hasServed = false;
  const worker = cluster.fork({ ...settings, [PLACE_VARIABLE]: String(place) });
  worker.once('listening', () => {
    hasServed = true;
    serving.add(worker);
    onServing();
  });
  const { code, signal } = await endOf(worker, log);
  serving.delete(worker);
  return { code, signal, hasServed, milliseconds: performance.now() - begun };
}

function endOf(worker: Worker, log: Log): Promise<Pick<End, 'code' | 'signal'>> {
  return new Promise((resolve) => {
    worker.once('exit', (code: number | null, signal: string | null) => resolve({ code, signal }));
    // An answer to one that died before it was sent ends nothing. One that could not even be started has no other end.
    worker.on('error', (error) => {
      log.warn(
        { worker: worker.id, error: error.message },
        'a worker could not be started or told something',
      );
      if (worker.process.pid === undefined) resolve({ code: null, signal: null });
    });
  });
}

/** Tells all workers to stop. @param onLate is called when some have not after that time, and are killed */
function endAll(milliseconds: number, onLate: () => void): void {
  const all = () => Object.values(cluster.workers ?? {}).flatMap((worker) => worker ?? []);
  for (const worker of all()) worker.process.kill('SIGTERM');
  setTimeout(() => {
    if (all().length > 0) onLate();
    for (const worker of all()) worker.process.kill('SIGKILL');
  }, milliseconds).unref();
}

/** 0 where there is none: whoever listens there then says why. */
async function freePort(host: string): Promise<number> {
  const server = createServer();
  const listening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(0, host, () => resolve(true));
  });
  if (!listening) return 0;
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
