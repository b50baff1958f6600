import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { BlocklistAnswer, BlocklistQuestion } from './blocklist-worker.ts';

interface Waiting {
  readonly resolve: (guessable: boolean) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The list of passwords that everybody tries, in a thread of its own that starts at the first question: neither the list nor
 * looking through it is ever on the event loop. Its owner closes it.
 */
export class Blocklist {
  #worker: Worker | undefined;
  #number = 0;
  readonly #waiting = new Map<number, Waiting>();
  #closed = false;

  /**
   * Whether a password is among the first that anybody would try.
   * @param password of a length that can be set
   * @param ownWords as `ownWordsOf` gives them
   */
  isGuessable(password: string, ownWords: readonly string[]): Promise<boolean> {
    if (this.#closed) return Promise.reject(new Error('the blocklist is closed'));
    this.#worker ??= this.#start();
    this.#number += 1;
    const question: BlocklistQuestion = { number: this.#number, password, ownWords };
    const answer = new Promise<boolean>((resolve, reject) => {
      this.#waiting.set(question.number, { resolve, reject });
    });
    this.#worker.postMessage(question);
    return answer;
  }

  /** Ends the thread. Questions that have not been answered are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(
      new URL(`./blocklist-worker${extname(import.meta.url)}`, import.meta.url),
      // A list of fifty thousand words and one password at a time need no more.
      { resourceLimits: { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 8 } },
    );
    let reason = new Error('the blocklist is closed');
    worker.on('message', ({ number, guessable }: BlocklistAnswer) => {
      this.#waiting.get(number)?.resolve(guessable);
      this.#waiting.delete(number);
    });
    worker.on('error', (error: Error) => {
      reason = error;
    });
    // The next question starts another one; those that were asked of this one are not answered.
    worker.on('exit', () => {
      this.#worker = undefined;
      for (const { reject } of this.#waiting.values()) reject(reason);
      this.#waiting.clear();
    });
    return worker;
  }
}
