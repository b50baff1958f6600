import { availableParallelism } from 'node:os';
import { load, sessions } from './load.ts';
import { heading, median, type Summary, shown } from './recorder.ts';
import type { ScenarioName } from './scenarios.ts';
import { makeStore, PROGRAM, type Subject, start } from './subject.ts';

// One server in one process, in two and in four, on the embedded store: what each does in a second, what an answer costs, and
// how long its slowest take, which is where a process would be seen that hardly gets to write. Each round takes all of them,
// on the same store. The clients take a part of the same processors: read the ratios.

const WORKERS = [1, 2, 4] as const;
const CONNECTIONS = 64;
const PEOPLE = 2000;
const SCENARIOS: readonly ScenarioName[] = ['refresh', 'session', 'signIn'];
/** Nobody is to be turned away: what is measured is the work. */
const SETTINGS = {
  LATCHKEY_HASHING_QUEUE_MILLISECONDS: '60000',
  LATCHKEY_LIMITS_EVENT_LOOP_MILLISECONDS: '0',
};

const isQuick = process.argv.includes('--quick');
const ROUNDS = isQuick ? 1 : 3;
const SECONDS = isQuick ? 2 : 4;

interface Run extends Summary {
  readonly workers: number;
  readonly scenario: ScenarioName;
  /** Of all processes of the server. */
  readonly cpuMilliseconds: number;
  readonly memoryMib: number;
}

async function dataFor(
  scenario: ScenarioName,
  subject: Subject,
  usernames: readonly string[],
): Promise<readonly string[]> {
  if (scenario === 'signIn') return usernames;
  const tokens = await sessions(subject.url, usernames, CONNECTIONS);
  return tokens.map((each) => (scenario === 'refresh' ? each.refresh_token : each.access_token));
}

async function measure(workers: number, directory: string, usernames: readonly string[]): Promise<Run[]> {
  const subject = await start(PROGRAM, ['serve', '--workers', String(workers)], directory, SETTINGS);
  const runs: Run[] = [];
  try {
    for (const scenario of SCENARIOS) {
      const data = await dataFor(scenario, subject, usernames);
      const order = { url: subject.url, scenario, connections: CONNECTIONS, seconds: SECONDS, data };
      const before = subject.cpuMilliseconds();
      const summary = await load({ ...order, warmUpMilliseconds: 0 });
      const cpuMilliseconds = (subject.cpuMilliseconds() - before) / (summary.statuses['200'] ?? 0);
      runs.push({ workers, scenario, cpuMilliseconds, memoryMib: subject.memoryMib(), ...summary });
    }
  } finally {
    await subject.stop();
  }
  return runs;
}

function row(runs: readonly Run[], ofOne: readonly Run[]): string {
  const middle = (of: readonly Run[], figure: (run: Run) => number) => median(of.map(figure));
  const perSecond = middle(runs, (run) => run.perSecond);
  const others = runs.flatMap(({ statuses }) => Object.entries(statuses).filter(([code]) => code !== '200'));
  return [
    String(runs[0]?.workers).padStart(7),
    shown(perSecond).padStart(9),
    `${shown((perSecond / middle(ofOne, (run) => run.perSecond)) * 100)} %`.padStart(9),
    shown(
      middle(runs, (run) => run.p50Milliseconds),
      2,
    ).padStart(9),
    shown(
      middle(runs, (run) => run.p99Milliseconds),
      2,
    ).padStart(9),
    shown(
      middle(runs, (run) => run.cpuMilliseconds),
      2,
    ).padStart(14),
    shown(middle(runs, (run) => run.memoryMib)).padStart(7),
    `  ${others.map(([status, count]) => `${count} × ${status}`).join(', ') || '–'}`,
  ].join(' ');
}

console.log(
  `${availableParallelism()} cores, Node.js ${process.versions.node}, embedded store, ${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS} s, medians`,
);
const store = makeStore(PEOPLE);
try {
  const runs: Run[] = [];
  for (let round = 0; round < ROUNDS; round += 1)
    for (const workers of WORKERS) runs.push(...(await measure(workers, store.directory, store.usernames)));
  for (const scenario of SCENARIOS) {
    heading(scenario);
    console.log('workers        /s    of one    p50 ms    p99 ms  CPU ms/served    MiB   other answers');
    const of = (workers: number) =>
      runs.filter((run) => run.scenario === scenario && run.workers === workers);
    for (const workers of WORKERS) console.log(row(of(workers), of(1)));
  }
} finally {
  store.remove();
}
