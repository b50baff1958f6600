import { availableParallelism } from 'node:os';
import { argon2PerSecond } from './argon2-floor.ts';
import { load, sessions } from './load.ts';
import { measureProofs } from './proofs.ts';
import { heading, median, type Summary, shown } from './recorder.ts';
import type { ScenarioName } from './scenarios.ts';
import { makeStore, type Subject, startEcho, startLatchkey } from './subject.ts';

// Measures the server as it is installed, with its defaults, beside its floors: raw argon2id on all cores for password
// sign-ins, a bare Fastify echo for everything else. Rounds alternate, so that a slow minute is slow for both; figures are
// medians. Read the ratios: the figures themselves are those of this machine at this hour.

const CONNECTIONS = [1, 8, 64, 256] as const;
const PEOPLE = 2000;

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 1 : 3;
const SECONDS = quick ? 1 : 3;

/** Prints a figure beside its floor at every number of connections, rounds alternating between the two. */
async function compare(
  title: string,
  subject: Subject,
  scenario: ScenarioName,
  dataFor: (connections: number) => Promise<readonly string[]>,
  floor: () => Promise<number>,
): Promise<void> {
  heading(title);
  console.log('connections       /s    floor/s    ratio   p50 ms   p99 ms   other answers');
  for (const connections of CONNECTIONS) {
    const floors: number[] = [];
    const runs: Summary[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      floors.push(await floor());
      runs.push(
        await load({
          url: subject.url,
          scenario,
          connections,
          seconds: SECONDS,
          data: await dataFor(connections),
        }),
      );
    }
    const perSecond = median(runs.map((run) => run.perSecond));
    const beside = median(floors);
    const others = runs.flatMap((run) => Object.entries(run.statuses).filter(([status]) => status !== '200'));
    console.log(
      [
        String(connections).padStart(11),
        shown(perSecond).padStart(8),
        shown(beside).padStart(10),
        `${shown((perSecond / beside) * 100, 1)} %`.padStart(8),
        shown(median(runs.map((run) => run.p50Milliseconds)), 2).padStart(8),
        shown(median(runs.map((run) => run.p99Milliseconds)), 2).padStart(8),
        `  ${others.map(([status, count]) => `${count} × ${status}`).join(', ') || '–'}`,
      ].join(' '),
    );
  }
}

/** What a bare Fastify server answers in a second. */
async function echoFloor(echo: Subject, connections: number): Promise<number> {
  const run = await load({ url: echo.url, scenario: 'echo', connections, seconds: SECONDS, data: [] });
  return run.perSecond;
}

/** How cheap requests fare while many people sign in. */
async function flood(
  subject: Subject,
  usernames: readonly string[],
  tokens: readonly string[],
): Promise<void> {
  heading('GET /v1/session, 8 connections, quiet and while 256 connections sign in');
  console.log('              /s   p50 ms   p99 ms');
  const quiet = await load({
    url: subject.url,
    scenario: 'session',
    connections: 8,
    seconds: SECONDS,
    data: tokens,
  });
  const [during] = await Promise.all([
    load({ url: subject.url, scenario: 'session', connections: 8, seconds: SECONDS, data: tokens }),
    load({ url: subject.url, scenario: 'signIn', connections: 256, seconds: SECONDS + 1, data: usernames }),
  ]);
  for (const [name, run] of [
    ['quiet', quiet],
    ['flood', during],
  ] as const) {
    console.log(
      `${name.padEnd(8)} ${shown(run.perSecond).padStart(8)} ${shown(run.p50Milliseconds, 2).padStart(8)} ${shown(run.p99Milliseconds, 2).padStart(8)}`,
    );
  }
}

async function main(): Promise<void> {
  console.log(
    `${availableParallelism()} cores, Node.js ${process.versions.node}, embedded store, ${PEOPLE} accounts, ${ROUNDS} rounds of ${SECONDS} s, medians`,
  );
  const store = makeStore(PEOPLE);
  const echo = await startEcho();
  const subject = await startLatchkey(store);
  try {
    const idle = subject.memoryMib();
    await compare(
      'password sign-ins, beside raw argon2id on all cores',
      subject,
      'signIn',
      async () => store.usernames,
      () => argon2PerSecond(SECONDS),
    );
    const loaded = subject.memoryMib();

    const fresh = async (connections: number) =>
      (await sessions(subject.url, store.usernames, connections)).map((each) => each.refresh_token);
    await compare('durable refreshes, beside a bare Fastify echo', subject, 'refresh', fresh, () =>
      echoFloor(echo, 64),
    );
    const tokens = (await sessions(subject.url, store.usernames, 64)).map((each) => each.access_token);
    await compare(
      'session checks, beside a bare Fastify echo',
      subject,
      'session',
      async () => tokens,
      () => echoFloor(echo, 64),
    );
    await flood(subject, store.usernames, tokens);
    await measureProofs(() => echoFloor(echo, 64), ROUNDS);

    heading('start-up and memory');
    await subject.stop();
    const again = await startLatchkey(store);
    console.log(
      `start of the process to the first answer   ${shown(again.startMilliseconds)} ms (the echo server ${shown(echo.startMilliseconds)} ms)`,
    );
    console.log(`memory idle, after the sign-ins            ${shown(idle)} MiB, ${shown(loaded)} MiB`);
    await again.stop();
  } finally {
    await echo.stop();
    store.remove();
  }
}

/** The second factors alone. */
async function proofs(): Promise<void> {
  const echo = await startEcho();
  try {
    await measureProofs(() => echoFloor(echo, 64), ROUNDS);
  } finally {
    await echo.stop();
  }
}

const others: Readonly<Record<string, string>> = {
  '--flood': './flood.ts',
  '--revocations': './revocation-latency.ts',
  '--clean-up': './scale/clean-up.ts',
  '--scale': './scale/scale.ts',
  '--verifier': './verifier.ts',
  '--workers': './workers.ts',
};
const other = Object.keys(others).find((option) => process.argv.includes(option));
if (other !== undefined) await import(others[other] ?? '');
else if (process.argv.includes('--proofs')) await proofs();
else await main();
