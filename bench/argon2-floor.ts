import { availableParallelism } from 'node:os';
import { threadCpuUsage } from 'node:process';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { hashSync, verifySync } from '@node-rs/argon2';
import { PASSWORD } from './scenarios.ts';

const COST = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** What nothing but hashing comes to. */
export interface Argon2Floor {
  readonly perSecond: number;
  /** Processor time of one hash while all cores hash. */
  readonly cpuMilliseconds: number;
}

/** Raw argon2id verifications on all cores: no server can do more password sign-ins than that. */
export async function argon2Floor(seconds: number): Promise<Argon2Floor> {
  const threads = Array.from(
    { length: availableParallelism() },
    () => new Worker(new URL(import.meta.url), { workerData: { seconds } }),
  );
  const counts = await Promise.all(
    threads.map(
      (thread) =>
        new Promise<Hashed>((resolve, reject) => thread.once('message', resolve).once('error', reject)),
    ),
  );
  const hashes = counts.reduce((sum, { count }) => sum + count, 0);
  const cpu = counts.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return { perSecond: hashes / seconds, cpuMilliseconds: cpu / hashes };
}

interface Hashed {
  readonly count: number;
  readonly milliseconds: number;
}

if (!isMainThread) {
  const stored = hashSync(PASSWORD, COST);
  const end = performance.now() + (workerData as { seconds: number }).seconds * 1000;
  const begun = threadCpuUsage();
  let count = 0;
  for (; performance.now() < end; count += 1) verifySync(stored, PASSWORD);
  const { user, system } = threadCpuUsage(begun);
  parentPort?.postMessage({ count, milliseconds: (user + system) / 1000 } satisfies Hashed);
}
