import { availableParallelism } from 'node:os';
import { load, sessions } from './load.ts';
import { median, type Summary, shown } from './recorder.ts';
import type { ScenarioName } from './scenarios.ts';
import { makeStore, PROGRAM, type Subject, start } from './subject.ts';

// One server in one process, in two and in four, on the embedded store: what each does in a second, and how long its slowest
// answers take, which is where a process would be seen that hardly gets to write. Each round takes all of them, on the same
// store. The clients take a part of the same processors: read the ratios.

const WORKERS = [1, 2, 4] as const;
const CONNECTIONS = 64;
const PEOPLE = 2000;
const SCENARIOS: readonly ScenarioName[] = ['refresh', 'session', 'signIn'];

const isQuick = process.argv.includes('--quick');
const ROUNDS = isQuick ? 1 : 3;
const SECONDS = isQuick ? 2 : 4;

type Run = Summary & { readonly workers: number; readonly scenario: ScenarioName };

async function dataFor(
  scenario: ScenarioName,
  subject: Subject,
  usernames: readonly string[],
): Promise<readonly string[]> {
  if (scenario === 'signIn') return usernames;
  const tokens = await sessions(subject.url, usernames, CONNECTIONS);
  return tokens.map((each) => (scenario === 'refresh' ? each.refresh_token : each.access_token));
}

async function round(directory: string, usernames: readonly string[]): Promise<Run[]> {
  const runs: Run[] = [];
  for (const workers of WORKERS) {
    const subject = await start(PROGRAM, ['serve', '--workers', String(workers)], directory);
    try {
      for (const scenario of SCENARIOS) {
        const data = await dataFor(scenario, subject, usernames);
        const order = { url: subject.url, scenario, connections: CONNECTIONS, seconds: SECONDS, data };
        runs.push({ workers, scenario, ...(await load(order)) });
      }
    } finally {
      await subject.stop();
    }
  }
  return runs;
}

function print(runs: readonly Run[]): void {
  console.log('             workers       /s    of one   p50 ms   p99 ms   other answers');
  for (const scenario of SCENARIOS) {
    const of = (workers: number) =>
      runs.filter((run) => run.scenario === scenario && run.workers === workers);
    const perSecond = (workers: number) => median(of(workers).map((run) => run.perSecond));
    for (const workers of WORKERS) {
      const others = of(workers).flatMap((run) =>
        Object.entries(run.statuses).filter(([code]) => code !== '200'),
      );
      console.log(
        [
          scenario.padEnd(11),
          String(workers).padStart(8),
          shown(perSecond(workers)).padStart(8),
          `${shown((perSecond(workers) / perSecond(1)) * 100)} %`.padStart(9),
          shown(median(of(workers).map((run) => run.p50Milliseconds)), 2).padStart(8),
          shown(median(of(workers).map((run) => run.p99Milliseconds)), 2).padStart(8),
          `  ${others.map(([status, count]) => `${count} × ${status}`).join(', ') || '–'}`,
        ].join(' '),
      );
    }
  }
}

console.log(
  `${availableParallelism()} cores, Node.js ${process.versions.node}, embedded store, ${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS} s, medians`,
);
const store = makeStore(PEOPLE);
try {
  const runs: Run[] = [];
  for (let count = 0; count < ROUNDS; count += 1)
    runs.push(...(await round(store.directory, store.usernames)));
  print(runs);
} finally {
  store.remove();
}
