import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { HashAnswer, HashJob } from './hash-worker.ts';

/** Who is told what becomes of a thread. */
interface Watcher {
  /** It can be given jobs. */
  onUp(): void;
  /** It has had nothing to do for the time that was given. */
  onIdle(): void;
  /** Is told once, whether it failed or was ended. */
  onEnd(error: Error): void;
}

/** One worker thread and the jobs it is on. Its owner ends it. */
export class HashThread {
  readonly #worker = new Worker(new URL(`./hash-worker${extname(import.meta.url)}`, import.meta.url));
  #current: { resolve: (answers: HashAnswer[]) => void; reject: (error: Error) => void } | undefined;
  /** Whether it has answered anything. */
  hasWorked = false;
  /** Whether it can be given jobs: nobody waits for a thread that has yet to load while others work. */
  isUp = false;

  /** @param idleMilliseconds how long it has had nothing to do when `onIdle` is told */
  constructor(idleMilliseconds: number, { onUp, onIdle, onEnd }: Watcher) {
    let reason = new Error('a hash thread ended');
    const idle = setTimeout(() => {
      // Being up, and every answer, starts the time anew.
      if (this.isUp && !this.busy) onIdle();
    }, idleMilliseconds).unref();
    this.#worker.on('message', (answers: unknown) => {
      // Under `node --watch` Node.js itself sends messages from here, which name the files that the thread has loaded.
      if (!Array.isArray(answers)) return;
      idle.refresh();
      if (!this.isUp) {
        this.isUp = true;
        onUp();
        return;
      }
      const current = this.#current;
      this.#current = undefined;
      this.hasWorked = true;
      current?.resolve(answers as HashAnswer[]);
    });
    this.#worker.on('error', (error: Error) => {
      reason = error;
    });
    this.#worker.on('exit', () => {
      clearTimeout(idle);
      this.#current?.reject(reason);
      onEnd(reason);
    });
  }

  /** Whether it is at something. */
  get busy(): boolean {
    return this.#current !== undefined;
  }

  /** Gives it jobs. @returns an answer for each. @throws Error when the thread ends before */
  run(jobs: readonly HashJob[]): Promise<HashAnswer[]> {
    return new Promise((resolve, reject) => {
      this.#current = { resolve, reject };
      this.#worker.postMessage(jobs);
    });
  }

  /** Ends it, whatever it is at. */
  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
