import { setTimeout } from 'node:timers/promises';
import type { Contender, Running } from '../contenders/contender.ts';
import { wrongAnswers } from '../contenders/right-answers.ts';
import type { SessionSource } from '../contenders/session-source.ts';
import { load } from '../load.ts';
import type { LoadOrder, LoadSummary } from '../load-client.ts';
import { cpuMilliseconds, residentMib } from '../process-times.ts';
import type { ScenarioName } from '../scenarios.ts';

const IDLE_LOOK_MILLISECONDS = 200;
const IDLE_CPU_MILLISECONDS = 20;
const LONGEST_TO_IDLE_MILLISECONDS = 30_000;
const SAMPLE_MILLISECONDS = 200;

/** A contender that runs. */
export interface Started {
  readonly contender: Contender;
  readonly running: Running;
  readonly sessions: SessionSource;
}

/** Starts a contender. */
export async function startContender(sessions: SessionSource): Promise<Started> {
  const { contender } = sessions;
  return { contender, running: await contender.start(), sessions };
}

/** Throws when it answers wrongly: then there is nothing to measure. */
export async function checkAnswers({ contender, running, sessions }: Started): Promise<void> {
  const begun = contender.prepared === undefined ? [] : await sessions.take(running, 2);
  const wrong = await wrongAnswers(contender.dialect, running.urls[0] ?? '', begun);
  if (wrong.length > 0) throw new Error(`${contender.name} ${wrong.join('; ')}`);
}

/** Waits until it has nothing more to do of what it was asked before. */
export async function untilIdle(pids: readonly number[]): Promise<void> {
  for (const begun = performance.now(); performance.now() - begun < LONGEST_TO_IDLE_MILLISECONDS; ) {
    const before = cpuMilliseconds(pids);
    await setTimeout(IDLE_LOOK_MILLISECONDS);
    if (cpuMilliseconds(pids) - before <= IDLE_CPU_MILLISECONDS) return;
  }
}

/** Puts a load on it, once it is idle. */
export async function loadOn(
  { running }: Started,
  scenario: ScenarioName,
  order: Pick<LoadOrder, 'connections' | 'seconds' | 'data'> & Partial<LoadOrder>,
): Promise<LoadSummary> {
  await untilIdle(running.pids);
  const [url = '', ...otherUrls] = running.urls;
  return load({ url, otherUrls, servers: running.pids, scenario, ...order });
}

/** The most memory that processes have while something is done. */
export async function peakMib<Result>(
  pids: readonly number[],
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly mib: number }> {
  let mib = residentMib(pids);
  const timer = setInterval(() => {
    mib = Math.max(mib, residentMib(pids));
  }, SAMPLE_MILLISECONDS);
  try {
    return { result: await work(), mib };
  } finally {
    clearInterval(timer);
  }
}
