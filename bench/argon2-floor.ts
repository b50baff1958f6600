import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { hashSync, verifySync } from '@node-rs/argon2';
import { PASSWORD } from './scenarios.ts';

const COST = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Raw argon2id verifications a second on all cores: no server can do more password sign-ins than that. */
export async function argon2PerSecond(seconds: number): Promise<number> {
  const threads = Array.from(
    { length: availableParallelism() },
    () => new Worker(new URL(import.meta.url), { workerData: { seconds } }),
  );
  const counts = await Promise.all(
    threads.map(
      (thread) =>
        new Promise<number>((resolve, reject) => thread.once('message', resolve).once('error', reject)),
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0) / seconds;
}

if (!isMainThread) {
  const stored = hashSync(PASSWORD, COST);
  const end = performance.now() + (workerData as { seconds: number }).seconds * 1000;
  let count = 0;
  for (; performance.now() < end; count += 1) verifySync(stored, PASSWORD);
  parentPort?.postMessage(count);
}
