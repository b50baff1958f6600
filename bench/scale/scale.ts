import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openStore } from '../../server/src/store/store.ts';
import { inProcess } from '../load.ts';
import { heading, median, quantile, shown } from '../recorder.ts';
import { nameOfResults, thisCommit, thisMachine } from '../report/results.ts';
import { PASSWORD } from '../scenarios.ts';
import { PROGRAM, type Subject, start } from '../subject.ts';
import { generatedStore } from './generated-store.ts';
import type { Asked, LatencySummary, Series } from './latency-client.ts';
import { personOf } from './people.ts';
import { sampleSessions } from './sampled-sessions.ts';

// How long a request takes with few people in the store and with many: a server for each size, all started from stores that
// were generated, asked in turns, request by request. What grows with the store shows in the last column.

const USAGE = `usage: npm run bench -- --scale [--sizes N,…] [--sessions N] [--rounds N] [--folder DIR]

  --sizes N,…   how many accounts (default 10000,100000,1000000; 10000000 takes about 11 GB and 20 minutes to make)
  --sessions N  live sessions in each store (default 1000000)
  --rounds N    how often each is measured (default 5)
  --folder DIR  where the stores are kept for the next run; without it they are made anew and removed
`;

const SIGN_INS_A_ROUND = 60;
const CHEAP_A_ROUND = 500;
const LOOKUPS_A_ROUND = 2000;

const { values } = parseArgs({
  options: {
    scale: { type: 'boolean' },
    sizes: { type: 'string', default: '10000,100000,1000000' },
    sessions: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    folder: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const sizes = values.sizes.split(',').map(Number);
const [sessions, rounds] = [Number(values.sessions), Number(values.rounds)];
if (
  values.help ||
  [...sizes, sessions, rounds].some((number) => !Number.isSafeInteger(number) || number < 1)
) {
  console.error(USAGE);
  process.exit(2);
}

/** What is measured, by what is done. */
const MEASURES = ['sign-in', 'refresh', 'session check', 'account look-up', 'session look-up'] as const;
type Measured = Record<(typeof MEASURES)[number], number[]>;

/** What requests of a kind cost the server, all together. */
interface Cost {
  requests: number;
  cpuMilliseconds: number;
  writtenBytes: number;
}

interface Size {
  readonly accounts: number;
  readonly folder: string;
  readonly subject: Subject;
  readonly measured: Measured;
  readonly costs: Map<string, Cost>;
}

const anybody = (accounts: number) => personOf(Math.floor(Math.random() * accounts));

const usedBy = (subject: Subject) => ({
  cpuMilliseconds: subject.cpuMilliseconds(),
  writtenBytes: subject.writtenBytes(),
});

/**
 * Asks all servers in turns, from a process of its own; everything must be answered with 200.
 * @param requestsOf how it is asked of each
 * @returns the access tokens that the answers of each had
 */
async function ask(
  all: readonly Size[],
  what: (typeof MEASURES)[number],
  requestsOf: (size: Size, index: number) => readonly Asked[],
): Promise<(readonly string[])[]> {
  const order: Series[] = all.map((size, index) => ({
    url: size.subject.url,
    requests: requestsOf(size, index),
  }));
  const before = all.map(({ subject }) => usedBy(subject));
  const summaries = (await inProcess('scale/latency-client.ts', order)) as LatencySummary[];
  return summaries.map(({ milliseconds, statuses, accessTokens }, index) => {
    if (Object.keys(statuses).join() !== '200')
      throw new Error(`not everything was answered with 200: ${JSON.stringify(statuses)}`);
    const { subject, costs, measured } = all[index] as Size;
    const after = usedBy(subject);
    const cost = costs.get(what) ?? { requests: 0, cpuMilliseconds: 0, writtenBytes: 0 };
    cost.requests += milliseconds.length;
    cost.cpuMilliseconds += after.cpuMilliseconds - (before[index]?.cpuMilliseconds ?? 0);
    cost.writtenBytes += after.writtenBytes - (before[index]?.writtenBytes ?? 0);
    costs.set(what, cost);
    measured[what].push(...milliseconds);
    return accessTokens;
  });
}

async function measure(all: readonly Size[]): Promise<void> {
  const post = (path: string, body: object): Asked => ({ method: 'POST', path, body: JSON.stringify(body) });
  await ask(all, 'sign-in', ({ accounts }) =>
    Array.from({ length: SIGN_INS_A_ROUND }, () =>
      post('/auth/login', { username: anybody(accounts).username, password: PASSWORD }),
    ),
  );
  const tokens = await ask(all, 'refresh', ({ folder }) =>
    sampleSessions(folder, CHEAP_A_ROUND).map(({ refreshToken }) =>
      post('/auth/refresh-token', { refresh_token: refreshToken }),
    ),
  );
  await ask(all, 'session check', (_, index) =>
    (tokens[index] ?? []).map((token) => ({
      method: 'GET',
      path: '/v1/session',
      authorization: `Bearer ${token}`,
    })),
  );
  for (const { folder, accounts, measured } of all) await measureLookUps(folder, accounts, measured);
}

/** What a sign-in and a refresh read first, without a server around it. */
async function measureLookUps(folder: string, accounts: number, measured: Measured): Promise<void> {
  const log = { debug() {}, info() {}, warn: console.warn, error: console.error };
  const store = await openStore(`sqlite:${join(folder, 'data', 'latchkey.db')}`, log);
  const timed = async (into: number[], work: () => Promise<unknown>): Promise<void> => {
    const begun = performance.now();
    if ((await work()) === null) throw new Error('nobody was found');
    into.push(performance.now() - begun);
  };
  for (let count = 0; count < LOOKUPS_A_ROUND; count += 1) {
    const canonical = anybody(accounts).email;
    await timed(measured['account look-up'], async () => {
      const [found = null] = await store.accounts.named({ canonical, kinds: 7 }, null);
      return found;
    });
  }
  for (const { id } of sampleSessions(folder, LOOKUPS_A_ROUND))
    await timed(measured['session look-up'], () => store.principals.bySession(id));
  await store.close();
}

function print(all: readonly Size[]): void {
  heading('start to first answer, size of the store, memory at the end');
  for (const { accounts, folder, subject } of all) {
    const bytes = statSync(join(folder, 'data', 'latchkey.db')).size;
    console.log(
      `${String(accounts).padStart(9)} accounts ${shown(subject.startMilliseconds).padStart(7)} ms ${shown(bytes / 1e6).padStart(7)} MB ${shown(subject.memoryMib()).padStart(6)} MiB`,
    );
  }
  heading('cost of a request: milliseconds of processor, bytes that are written');
  for (const { accounts, costs } of all)
    for (const [what, { requests, cpuMilliseconds, writtenBytes }] of costs)
      console.log(
        `${String(accounts).padStart(9)} accounts ${what.padEnd(14)} ${shown(cpuMilliseconds / requests, 2).padStart(7)} ms ${shown(writtenBytes / requests).padStart(8)} bytes`,
      );
  const [first] = all;
  for (const what of MEASURES) {
    heading(`${what}, milliseconds`);
    console.log(' accounts       p50       p99   p50 against the first');
    for (const { accounts, measured } of all) {
      const ratio = median(measured[what]) / median(first?.measured[what] ?? []);
      console.log(
        `${String(accounts).padStart(9)} ${shown(median(measured[what]), 3).padStart(9)} ${shown(quantile(measured[what], 0.99), 3).padStart(9)} ${shown(ratio, 2).padStart(9)}`,
      );
    }
  }
}

/** Writes what was measured to a file. @returns its name */
function keep(all: readonly Size[]): string {
  const date = new Date().toISOString();
  const of = {
    date,
    machine: thisMachine(),
    node: process.versions.node,
    commit: thisCommit(),
    sessions,
    rounds,
  };
  const figures = all.map(({ accounts, folder, subject, measured, costs }) => ({
    accounts,
    startMilliseconds: subject.startMilliseconds,
    storeBytes: statSync(join(folder, 'data', 'latchkey.db')).size,
    memoryMib: subject.memoryMib(),
    costs: Object.fromEntries(costs),
    milliseconds: Object.fromEntries(
      MEASURES.map((what) => [
        what,
        { p50: median(measured[what]), p99: quantile(measured[what], 0.99), count: measured[what].length },
      ]),
    ),
  }));
  const name = nameOfResults(date, 'scale');
  const file = fileURLToPath(new URL(`../results/${name}`, import.meta.url));
  writeFileSync(file, `${JSON.stringify({ ...of, sizes: figures }, null, 2)}\n`);
  return name;
}

const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'latchkey-scale-'));
const all: Size[] = [];
try {
  console.log(
    `${availableParallelism()} cores, Node.js ${process.versions.node}, embedded store, ${sessions} live sessions, ${rounds} rounds`,
  );
  for (const accounts of sizes) {
    const own = join(folder, `accounts-${accounts}`);
    generatedStore(own, accounts, sessions);
    const measured = Object.fromEntries(MEASURES.map((what) => [what, []])) as unknown as Measured;
    all.push({
      accounts,
      folder: own,
      subject: await start(PROGRAM, ['serve'], own),
      measured,
      costs: new Map(),
    });
  }
  // The first round warms up: the servers' code, and the pages that all requests share.
  for (let round = 0; round <= rounds; round += 1) {
    await measure(all);
    if (round === 0)
      for (const { measured, costs } of all) {
        for (const what of MEASURES) measured[what].length = 0;
        costs.clear();
      }
  }
  print(all);
  console.log(`\nwritten: bench/results/${keep(all)}`);
} finally {
  for (const { subject } of all) await subject.stop();
  if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
}
