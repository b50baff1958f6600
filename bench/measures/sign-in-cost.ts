import { profiled } from '../cpu-profile.ts';
import type { Plan } from '../plan.ts';
import { threadTimes } from '../process-times.ts';
import { median } from '../recorder.ts';
import { type Figure, type Measure, plainFigure } from '../report/results.ts';
import { stepsOf } from './sign-in-steps.ts';
import { loadOn, type Started } from './started.ts';

const CONNECTIONS = 8;
const SECONDS = 3;

/**
 * Processor milliseconds of a sign-in by the kind of thread that spends them, and those of the main thread by step: as it was
 * without a profiler, in the parts that one sees in further rounds. The last thing that a server is measured in.
 */
export async function measureSignInCost(started: Started, plan: Plan): Promise<Figure[]> {
  const [pid = 0] = started.running.pids;
  const data = Array.from({ length: plan.accounts }, (_, index) => `person${index}`);
  const signIns = () =>
    loadOn(started, 'signIn', { connections: CONNECTIONS, seconds: SECONDS, data, warmUpMilliseconds: 0 });
  const rounds: { main: number; hashing: number; others: number }[] = [];
  for (let round = 0; round < plan.rounds; round += 1) {
    const before = threadTimes(pid);
    const { statuses } = await signIns();
    const after = threadTimes(pid);
    const served = statuses['200'] ?? 0;
    rounds.push({
      main: (after.main - before.main) / served,
      hashing: (after.hashing - before.hashing) / served,
      others: (after.others - before.others) / served,
    });
  }
  const { profile } = await profiled(pid, async () => {
    for (let round = 0; round < plan.rounds; round += 1) await signIns();
  });
  const figure = (measure: Measure, values: readonly number[]) =>
    plainFigure(measure, started.contender.name, CONNECTIONS, values);
  const main = median(rounds.map((each) => each.main));
  return [
    figure(
      'cpu-hash',
      rounds.map((each) => each.hashing),
    ),
    figure(
      'cpu-main',
      rounds.map((each) => each.main),
    ),
    ...[...stepsOf(profile)].map(([step, part]) => figure(`cpu-step-${step}`, [main * part])),
    figure(
      'cpu-others',
      rounds.map((each) => each.others),
    ),
  ];
}
