import { FairQueue } from './fair-queue.ts';
import { HashThread } from './hash-thread.ts';
import type { HashAnswer, HashJob } from './hash-worker.ts';
import type { HashingCost } from './password-hash.ts';

/** The queue is longer than the time bound, or there is no memory to hash in: come back later. Nothing was evaluated. */
export interface PoolOverloaded {
  readonly overloaded: true;
  readonly retryAfterSeconds: number;
}

/** How a pool is set up. */
export interface HashPoolOptions {
  /** The most there are. Each is there from when it is first needed until it has had nothing to do for a while: it takes 11 MiB. */
  readonly threads: number;
  /** How long a thread is kept that has nothing to do; a minute where it is left out. */
  readonly idleMilliseconds?: number;
  readonly cost: HashingCost;
  /** The longest a job may wait before it starts; Infinity for work that nobody waits for. */
  readonly queueMilliseconds: number;
  /** Is told of each job that was done: how long it waited, and how long a thread took. */
  readonly onDone?: (waitSeconds: number, runSeconds: number) => void;
  /**
   * Is told of each job that was turned away: since it would have waited too long, since it did, since somebody who had
   * less took its place, or since the system had no memory for it.
   */
  readonly onTurnedAway?: (why: TurnedAway) => void;
}

/** Why a job was not done. */
export type TurnedAway = 'queue-full' | 'waited-too-long' | 'displaced' | 'memory';

/** Whose turn it is when the server hashes for itself. */
export const OWN_WORK = 'latchkey';

/** A place in the queue, held before it is known what is to be hashed. Whoever has it leaves it. */
export interface Place {
  /**
   * Whether the password is the one behind the stored hash. The first hash takes up the place, each further one another; so
   * does the first where the place has gone meanwhile to a source that had less.
   */
  verify(password: string, stored: string): Promise<boolean | PoolOverloaded>;
  /** Gives the place up, if it was not taken up. */
  leave(): void;
}

interface Job {
  readonly work: HashJob;
  readonly queuedAt: number;
  readonly resolve: (result: boolean | string | PoolOverloaded) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The part of the bound up to which jobs are let in. What they will wait is an estimate, and they are worked off some at a
 * time: so those that are let in are answered within the bound, and few of them wait in vain.
 */
const ADMITTED_PART = 0.8;

/** What one hash is taken to cost before the first was measured, and how fast a new measurement changes the estimate. */
const FIRST_ESTIMATE_MILLISECONDS = 10;
const ESTIMATE_WEIGHT = 0.1;

/** So long that whoever signs in again after a slip does not wait for a thread to start, which takes some hundredths of a second. */
const IDLE_MILLISECONDS = 60_000;

/**
 * The most jobs a thread takes at once when many wait. Hashing empties the processor's caches, so that whatever runs
 * between two hashes runs several times slower than alone; results that come together are worked off together.
 */
const BATCH_LIMIT = 16;

/**
 * A bounded number of threads that do nothing but hash, behind a queue bounded by time in which sources take turns. When it is
 * full, the source that takes most of it loses its newest place to one that has less, whether there is something to hash yet or
 * not. A job that was taken is worked off whoever
 * still waits for it: a client that hangs up frees no place for its next request. Its owner closes the pool.
 */
export class HashPool {
  readonly #options: HashPoolOptions;
  readonly #queue = new FairQueue<Job>();
  readonly #workers = new Set<HashThread>();
  #estimateMilliseconds = FIRST_ESTIMATE_MILLISECONDS;
  #closing = false;
  /** Jobs that threads are on now. */
  #running = 0;

  constructor(options: HashPoolOptions) {
    this.#options = options;
  }

  /** Jobs that wait for a thread now. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Threads that there are now. */
  get threads(): number {
    return this.#workers.size;
  }

  /**
   * Says whether a job that came now would be turned away; costs nothing.
   * @param source who it would be for
   */
  overload(source: string = OWN_WORK): PoolOverloaded | null {
    const tooLong = this.#tooLong();
    if (tooLong === null || this.#queue.couldDisplace(source)) return null;
    this.#options.onTurnedAway?.('queue-full');
    return tooLong;
  }

  /**
   * Takes a place in the queue for what has to be found out first: so nobody finds out anything for a hash that there is no
   * time for. @param source who waits for it
   */
  reserve(source: string): Place | PoolOverloaded {
    const overload = this.overload(source);
    if (overload) return overload;
    const tooLong = this.#tooLong();
    if (tooLong) this.#turnAway(this.#queue.dropFromLargest(), tooLong, 'displaced');
    const reservation = this.#queue.reserve(source);
    return {
      leave: reservation.giveUp,
      verify: (password, stored) => {
        if (!reservation.isHeld) return this.verify(password, stored, source);
        reservation.giveUp();
        return this.#enqueue({ kind: 'verify', password, stored }, source) as Promise<
          boolean | PoolOverloaded
        >;
      },
    };
  }

  /** Whether the password is the one behind the stored hash. @param source who waits for it */
  async verify(
    password: string,
    stored: string,
    source: string = OWN_WORK,
  ): Promise<boolean | PoolOverloaded> {
    const place = this.reserve(source);
    return 'overloaded' in place ? place : place.verify(password, stored);
  }

  /** A new argon2id hash, as a PHC string. @param source who waits for it */
  async hash(password: string, source: string = OWN_WORK): Promise<string | PoolOverloaded> {
    const place = this.reserve(source);
    if ('overloaded' in place) return place;
    place.leave();
    const work: HashJob = { kind: 'hash', password, cost: this.#options.cost };
    return this.#enqueue(work, source) as Promise<string | PoolOverloaded>;
  }

  /** Ends the threads. Jobs that have not been answered are rejected. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#workers].map((thread) => thread.end()));
    this.#rejectWaiting(new Error('the hash pool is closed'));
  }

  /** Says whether the queue is as long as it may be, whoever is in it. */
  #tooLong(): PoolOverloaded | null {
    const waiting = this.#queue.length + this.#queue.reserved;
    const busyThreads = [...this.#workers].filter((thread) => thread.busy).length;
    const isIdle = this.#options.threads - busyThreads > waiting;
    // What the threads are on is half done, as a rule.
    const ahead = waiting + this.#running / 2 + 1;
    const waitMilliseconds = isIdle ? 0 : (ahead * this.#estimateMilliseconds) / this.#options.threads;
    const isTooLong = waitMilliseconds > ADMITTED_PART * this.#options.queueMilliseconds;
    return isTooLong ? overloadedFor(waitMilliseconds) : null;
  }

  #enqueue(work: HashJob, source: string): Promise<boolean | string | PoolOverloaded> {
    return new Promise((resolve, reject) => {
      this.#queue.push(source, { work, queuedAt: performance.now(), resolve, reject });
      this.#startNext();
    });
  }

  #turnAway(job: Job | undefined, answer: PoolOverloaded, why: TurnedAway): void {
    if (!job) return;
    this.#options.onTurnedAway?.(why);
    job.resolve(answer);
  }

  #startNext(): void {
    if (this.#workers.size === 0) this.#startAnother();
    while (this.#queue.length > 0) {
      const thread = this.#idleThread();
      if (thread === undefined) {
        this.#startAnother();
        return;
      }
      const jobs = this.#nextBatch();
      if (jobs.length > 0) this.#run(thread, jobs);
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
      if (waited > this.#options.queueMilliseconds)
        this.#turnAway(job, overloadedFor(waited), 'waited-too-long');
      else batch.push(job);
    }
    return batch;
  }

  #run(thread: HashThread, jobs: readonly Job[]): void {
    const startedAt = performance.now();
    const { isUp } = thread;
    this.#running += jobs.length;
    thread.run(jobs.map((job) => job.work)).then(
      (answers) => {
        this.#running -= jobs.length;
        const each = (performance.now() - startedAt) / jobs.length;
        // What a thread needs to start is no hash's: those that come next would be turned away for it. Nor is what it took to fail.
        if (isUp && !answers.some(isOutOfMemory))
          this.#estimateMilliseconds += (each - this.#estimateMilliseconds) * ESTIMATE_WEIGHT;
        this.#startNext();
        for (const [index, job] of jobs.entries()) {
          const answer = answers[index];
          if (isOutOfMemory(answer)) {
            this.#turnAway(job, overloadedFor(0), 'memory');
            continue;
          }
          this.#options.onDone?.((startedAt - job.queuedAt) / 1000, each / 1000);
          settle(job, answer);
        }
      },
      (error: Error) => {
        this.#running -= jobs.length;
        for (const job of jobs) job.reject(error);
        this.#startNext();
      },
    );
  }

  /** One that can begin at once. What comes before any thread is up is handed to the first: it is done as soon as it can be. */
  #idleThread(): HashThread | undefined {
    const threads = [...this.#workers];
    const idle = threads.filter((thread) => !thread.busy);
    return (
      idle.find((thread) => thread.isUp) ?? (threads.some((thread) => thread.isUp) ? undefined : idle[0])
    );
  }

  /** One more thread, where there may be, and more waits than those can take that are on their way. */
  #startAnother(): void {
    const onTheirWay = [...this.#workers].filter((thread) => !thread.isUp).length;
    if (this.#closing || this.threads >= this.#options.threads || onTheirWay >= this.#queue.length) return;
    this.#startThread();
  }

  #startThread(): void {
    const thread = new HashThread(this.#options.idleMilliseconds ?? IDLE_MILLISECONDS, {
      onUp: () => this.#startNext(),
      onIdle: () => this.#dismiss(thread),
      onEnd: (error) => this.#onEnd(thread, error),
    });
    this.#workers.add(thread);
  }

  /** No job finds it any more, so none is lost with it. */
  #dismiss(thread: HashThread): void {
    this.#workers.delete(thread);
    void thread.end();
  }

  #onEnd(thread: HashThread, error: Error): void {
    const wasDismissed = !this.#workers.delete(thread);
    if (wasDismissed || this.#closing) return;
    // What waits has another thread in place of one that has worked. One that never could (a missing native part) would only
    // die again.
    if (thread.hasWorked) this.#startNext();
    else if (this.#workers.size === 0) this.#rejectWaiting(error);
  }

  #rejectWaiting(error: Error): void {
    for (const job of this.#queue.takeAll()) job.reject(error);
  }
}

type OutOfMemory = Extract<HashAnswer, { outOfMemory: true }>;

function isOutOfMemory(answer: HashAnswer | undefined): answer is OutOfMemory {
  return answer !== undefined && 'outOfMemory' in answer;
}

function settle(job: Job, answer: Exclude<HashAnswer, OutOfMemory> | undefined): void {
  if (answer === undefined) job.reject(new Error('a hash thread left a job out'));
  else if ('fault' in answer) job.reject(new Error(answer.fault));
  else job.resolve(answer.result);
}

function overloadedFor(milliseconds: number): PoolOverloaded {
  return { overloaded: true, retryAfterSeconds: Math.max(1, Math.ceil(milliseconds / 1000)) };
}
