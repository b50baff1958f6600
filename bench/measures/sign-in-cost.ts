import type { Plan } from '../plan.ts';
import { threadTimes } from '../process-times.ts';
import { type Figure, plainFigure } from '../report/results.ts';
import { loadOn, type Started } from './started.ts';

const CONNECTIONS = 8;
const SECONDS = 3;

/** Processor milliseconds of a sign-in by the kind of thread that spends them. */
export async function measureSignInCost(started: Started, plan: Plan): Promise<Figure[]> {
  const [pid = 0] = started.running.pids;
  const data = Array.from({ length: plan.accounts }, (_, index) => `person${index}`);
  const rounds: { main: number; hashing: number; others: number }[] = [];
  for (let round = 0; round < plan.rounds; round += 1) {
    const before = threadTimes(pid);
    const { statuses } = await loadOn(started, 'signIn', {
      ...{ connections: CONNECTIONS, seconds: SECONDS, data, warmUpMilliseconds: 0 },
    });
    const after = threadTimes(pid);
    const served = statuses['200'] ?? 0;
    rounds.push({
      main: (after.main - before.main) / served,
      hashing: (after.hashing - before.hashing) / served,
      others: (after.others - before.others) / served,
    });
  }
  const figure = (measure: 'cpu-hash' | 'cpu-main' | 'cpu-others', of: keyof (typeof rounds)[number]) =>
    plainFigure(
      measure,
      started.contender.name,
      CONNECTIONS,
      rounds.map((each) => each[of]),
    );
  return [figure('cpu-hash', 'hashing'), figure('cpu-main', 'main'), figure('cpu-others', 'others')];
}
