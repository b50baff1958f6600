import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { HashAnswer, HashJob } from './hash-worker.ts';
import type { HashingCost } from './password-hash.ts';

/** The queue is longer than the time bound: come back later. Nothing was evaluated. */
export interface PoolOverloaded {
  readonly overloaded: true;
  readonly retryAfterSeconds: number;
}

/** How a pool is set up. */
export interface HashPoolOptions {
  readonly threads: number;
  readonly cost: HashingCost;
  /** The longest a job may wait before it starts; Infinity for work that nobody waits for. */
  readonly queueMilliseconds: number;
  /** Is told of each job that was done: how long it waited, and how long a thread took. */
  readonly onDone?: (waitSeconds: number, runSeconds: number) => void;
}

interface Job {
  readonly work: HashJob;
  readonly queuedAt: number;
  readonly resolve: (result: boolean | string | PoolOverloaded) => void;
  readonly reject: (error: Error) => void;
}

/** What one hash is taken to cost before the first was measured, and how fast a new measurement changes the estimate. */
const FIRST_ESTIMATE_MILLISECONDS = 10;
const ESTIMATE_WEIGHT = 0.1;

/**
 * The most jobs a thread takes at once when many wait. Hashing empties the processor's caches, so that whatever runs
 * between two hashes runs several times slower than alone; results that come together are worked off together.
 */
const BATCH_LIMIT = 8;

/** A fixed number of threads that do nothing but hash, behind a queue bounded by time. Its owner closes it. */
export class HashPool {
  readonly #options: HashPoolOptions;
  readonly #queue: Job[] = [];
  readonly #workers = new Set<HashThread>();
  #estimateMilliseconds = FIRST_ESTIMATE_MILLISECONDS;
  #closing = false;

  constructor(options: HashPoolOptions) {
    this.#options = options;
    for (let count = 0; count < options.threads; count += 1) this.#startThread();
  }

  /** Jobs that wait for a thread now. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Says whether a job that came now would wait too long; costs nothing. */
  overload(): PoolOverloaded | null {
    const busy = this.#idleThread() === undefined;
    const waitMilliseconds = busy
      ? ((this.#queue.length + 1) * this.#estimateMilliseconds) / this.#options.threads
      : 0;
    return waitMilliseconds <= this.#options.queueMilliseconds ? null : overloadedFor(waitMilliseconds);
  }

  /** Whether the password is the one behind the stored hash. */
  verify(password: string, stored: string): Promise<boolean | PoolOverloaded> {
    return this.#submit({ kind: 'verify', password, stored }) as Promise<boolean | PoolOverloaded>;
  }

  /** A new argon2id hash, as a PHC string. */
  hash(password: string): Promise<string | PoolOverloaded> {
    return this.#submit({ kind: 'hash', password, cost: this.#options.cost }) as Promise<
      string | PoolOverloaded
    >;
  }

  /** Ends the threads. Jobs that have not been answered are rejected. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#workers].map((thread) => thread.end()));
    this.#rejectWaiting(new Error('the hash pool is closed'));
  }

  #submit(work: HashJob): Promise<boolean | string | PoolOverloaded> {
    const tooLong = this.overload();
    if (tooLong) return Promise.resolve(tooLong);
    return new Promise((resolve, reject) => {
      this.#queue.push({ work, queuedAt: performance.now(), resolve, reject });
      this.#startNext();
    });
  }

  #startNext(): void {
    for (let thread = this.#idleThread(); thread !== undefined; thread = this.#idleThread()) {
      const jobs = this.#nextBatch();
      if (jobs.length === 0) return;
      this.#run(thread, jobs);
    }
  }

  /** What a thread takes next: more than its share of those that wait, while the other threads are still at theirs. */
  #nextBatch(): Job[] {
    const size = Math.min(BATCH_LIMIT, Math.ceil((2 * this.#queue.length) / (this.#options.threads + 1)));
    const batch: Job[] = [];
    while (batch.length < size) {
      const job = this.#queue.shift();
      if (!job) break;
      const waited = performance.now() - job.queuedAt;
      if (waited > this.#options.queueMilliseconds) job.resolve(overloadedFor(waited));
      else batch.push(job);
    }
    return batch;
  }

  #run(thread: HashThread, jobs: readonly Job[]): void {
    const startedAt = performance.now();
    thread.run(jobs.map((job) => job.work)).then(
      (answers) => {
        const each = (performance.now() - startedAt) / jobs.length;
        this.#estimateMilliseconds += (each - this.#estimateMilliseconds) * ESTIMATE_WEIGHT;
        this.#startNext();
        for (const [index, job] of jobs.entries()) {
          this.#options.onDone?.((startedAt - job.queuedAt) / 1000, each / 1000);
          settle(job, answers[index]);
        }
      },
      (error: Error) => {
        for (const job of jobs) job.reject(error);
        this.#startNext();
      },
    );
  }

  #idleThread(): HashThread | undefined {
    for (const thread of this.#workers) if (!thread.busy) return thread;
    return undefined;
  }

  #startThread(): void {
    const thread = new HashThread((error) => {
      this.#workers.delete(thread);
      // A thread that has worked is replaced. One that never could (a missing native part) would only die again.
      if (!this.#closing && thread.hasWorked) this.#startThread();
      if (this.#workers.size === 0) this.#rejectWaiting(error);
    });
    this.#workers.add(thread);
  }

  #rejectWaiting(error: Error): void {
    for (const job of this.#queue.splice(0)) job.reject(error);
  }
}

function settle(job: Job, answer: HashAnswer | undefined): void {
  if (answer === undefined) job.reject(new Error('a hash thread left a job out'));
  else if ('fault' in answer) job.reject(new Error(answer.fault));
  else job.resolve(answer.result);
}

/** One worker thread and the jobs it is on. */
class HashThread {
  readonly #worker = new Worker(new URL(`./hash-worker${extname(import.meta.url)}`, import.meta.url));
  #current: { resolve: (answers: HashAnswer[]) => void; reject: (error: Error) => void } | undefined;
  hasWorked = false;

  constructor(onEnd: (error: Error) => void) {
    let reason = new Error('a hash thread ended');
    this.#worker.on('message', (answers: unknown) => {
      // Under `node --watch` Node.js itself sends messages from here, which name the files that the thread has loaded.
      if (!Array.isArray(answers)) return;
      const current = this.#current;
      this.#current = undefined;
      this.hasWorked = true;
      current?.resolve(answers as HashAnswer[]);
    });
    this.#worker.on('error', (error: Error) => {
      reason = error;
    });
    this.#worker.on('exit', () => {
      this.#current?.reject(reason);
      onEnd(reason);
    });
  }

  get busy(): boolean {
    return this.#current !== undefined;
  }

  run(jobs: readonly HashJob[]): Promise<HashAnswer[]> {
    return new Promise((resolve, reject) => {
      this.#current = { resolve, reject };
      this.#worker.postMessage(jobs);
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

function overloadedFor(milliseconds: number): PoolOverloaded {
  return { overloaded: true, retryAfterSeconds: Math.max(1, Math.ceil(milliseconds / 1000)) };
}
