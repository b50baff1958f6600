import { parentPort } from 'node:worker_threads';
import { dictionary } from '@zxcvbn-ts/language-common';
import { isGuessable } from './guessable.ts';

/** What the worker is asked. */
export interface BlocklistQuestion {
  readonly number: number;
  readonly password: string;
  readonly ownWords: readonly string[];
}

/** What it answers. */
export interface BlocklistAnswer {
  readonly number: number;
  readonly guessable: boolean;
}

const port = parentPort;
if (!port) throw new Error('the blocklist runs as a worker thread only');

const listed = new Set(dictionary['passwords-common']);

port.on('message', ({ number, password, ownWords }: BlocklistQuestion) => {
  const guessable = isGuessable(password, (folded) => listed.has(folded), ownWords);
  port.postMessage({ number, guessable } satisfies BlocklistAnswer);
});
