import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { type HashingCost, hashPassword, verifyPassword } from './password-hash.ts';

/** What the pool asks of a worker. */
export type HashJob =
  | { readonly kind: 'verify'; readonly password: string; readonly stored: string }
  | { readonly kind: 'hash'; readonly password: string; readonly cost: HashingCost };

/** What the worker answers: whether it matches, or the new hash; or that the system had no memory to find out. */
export type HashAnswer =
  | { readonly result: boolean | string }
  | { readonly fault: string }
  | { readonly outOfMemory: true };

/** What the library for argon2 says then; it has no code for it. */
const OUT_OF_MEMORY = 'Memory allocation error';

const port = parentPort;
if (!port) throw new Error('the hash worker runs as a worker thread only');

// On Linux this lowers the calling thread alone: whatever else the process does goes first.
if (process.platform === 'linux') setPriority(19);

port.on('message', (jobs: readonly HashJob[]) => port.postMessage(jobs.map(answer)));
// The answer to nothing: it is up.
port.postMessage([]);

function answer(job: HashJob): HashAnswer {
  try {
    return {
      result:
        job.kind === 'hash' ? hashPassword(job.password, job.cost) : verifyPassword(job.password, job.stored),
    };
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    return fault === OUT_OF_MEMORY ? { outOfMemory: true } : { fault };
  }
}
