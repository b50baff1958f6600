import { availableParallelism } from 'node:os';
import type { FloodOrder, FloodSummary } from './flood-client.ts';
import { inProcess, load, sessions } from './load.ts';
import { peakMib } from './measures/started.ts';
import type { ProbeOrder, ProbeSummary } from './probe-client.ts';
import { quantile, shown } from './recorder.ts';
import { makeStore, PROGRAM, type Subject, start } from './subject.ts';

// What a flood of sign-ins does: first how many a second the server does when nobody asks for more, then ten times as many
// offered, by clients that do not wait and come from many addresses, beside one that asks for what is cheap; then how
// soon all is as before. The clients take a part of the same processors: on a machine of few cores the figures are the
// server's and theirs together.

const TIMES = 10;
const PEOPLE = 2000;
const ADDRESSES = 200;
const CONNECTIONS = 16;
const hasOption = (name: string) => process.argv.includes(name);
const SECONDS = hasOption('--full') ? 60 : hasOption('--quick') ? 3 : 10;
const NORMAL_SHARE = 0.9;
const MOST_SECONDS_TO_NORMAL = 15;
const HASH_MIB = 19;
/** What the process may take beside its hashing threads. */
const MEMORY_CAP_MIB = 400;

interface Row {
  readonly what: string;
  readonly figure: string;
  readonly promise: string;
  readonly isKept: boolean;
}

function signInsPerSecond(subject: Subject, usernames: readonly string[], seconds: number): Promise<number> {
  const order = { url: subject.url, connections: CONNECTIONS, seconds, data: usernames };
  return load({ ...order, scenario: 'signIn' }).then(({ perSecond }) => perSecond);
}

/** Seconds until as many sign-ins a second are served as before; each try takes one and a half. */
async function secondsToNormal(
  subject: Subject,
  usernames: readonly string[],
  normal: number,
): Promise<number> {
  const begun = performance.now();
  const elapsed = () => (performance.now() - begun) / 1000;
  // The first try tells what the second after the flood was like.
  for (let startedAt = 0; startedAt < MOST_SECONDS_TO_NORMAL; startedAt = elapsed())
    if ((await signInsPerSecond(subject, usernames, 1)) >= NORMAL_SHARE * normal) return startedAt;
  return Number.POSITIVE_INFINITY;
}

function below(what: string, figure: number, limit: number, unit: string): Row {
  return {
    what,
    figure: `${shown(figure, 1)} ${unit}`,
    promise: `below ${shown(limit)} ${unit}`,
    isKept: figure < limit,
  };
}

/** What came of it, beside what is promised. */
function rowsOf(run: {
  normal: number;
  flood: FloodSummary;
  probe: ProbeSummary;
  memoryMib: number;
  toNormal: number;
}): Row[] {
  const { normal, flood, probe, memoryMib, toNormal } = run;
  const goodput = flood.served.length / SECONDS;
  const wrong = Object.entries(flood.others).map(([status, count]) => `${count} × ${status}`);
  return [
    {
      what: 'sign-ins served, of what is normal',
      figure: `${shown(goodput)}/s, ${shown((goodput / normal) * 100)} %`,
      promise: 'at least 80 %',
      isKept: goodput >= 0.8 * normal,
    },
    below('  those that were served, p95', quantile(flood.served, 0.95), 1000, 'ms'),
    below('surplus refused, p99', quantile(flood.refused, 0.99), 100, 'ms'),
    {
      what: '  without Retry-After; other answers; none',
      figure: `${flood.withoutRetryAfter}; ${wrong.join(', ') || '0'}; ${flood.unanswered}`,
      promise: '0; 0; 0',
      isKept: flood.withoutRetryAfter === 0 && wrong.length === 0 && flood.unanswered === 0,
    },
    below('JWKS, p99', quantile(probe.keySet, 0.99), 50, 'ms'),
    below('/livez, p99', quantile(probe.health, 0.99), 50, 'ms'),
    below('refresh, p95', quantile(probe.refresh, 0.95), 250, 'ms'),
    {
      what: '  cheap requests that failed',
      figure: `${probe.failed} of ${3 * probe.keySet.length}`,
      promise: '0',
      isKept: probe.failed === 0,
    },
    below('memory at most', memoryMib, MEMORY_CAP_MIB + availableParallelism() * HASH_MIB, 'MiB'),
    below('back to normal after', toNormal, 5, 's'),
  ];
}

function print(rows: readonly Row[]): void {
  console.log(`${''.padEnd(46)}${'figure'.padEnd(24)}${'promise'.padEnd(20)}`);
  for (const { what, figure, promise, isKept } of rows)
    console.log(`${what.padEnd(46)}${figure.padEnd(24)}${promise.padEnd(20)}${isKept ? 'kept' : 'MISSED'}`);
}

const store = makeStore(PEOPLE);
const subject = await start(PROGRAM, ['serve'], store.directory, {
  LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1"]',
});
try {
  const normal = await signInsPerSecond(subject, store.usernames, SECONDS);
  const perSecond = Math.ceil(normal * TIMES);
  console.log(
    `${availableParallelism()} cores, Node.js ${process.versions.node}: ${shown(normal)} sign-ins/s are normal; ${perSecond}/s are offered for ${SECONDS} s from ${ADDRESSES} addresses`,
  );
  const [session] = await sessions(subject.url, store.usernames, 1);
  const addresses = Array.from(
    { length: ADDRESSES },
    (_, index) => `198.51.${100 + (index >> 8)}.${index & 255}`,
  );
  const floodOrder: FloodOrder = {
    url: subject.url,
    perSecond,
    seconds: SECONDS,
    addresses,
    usernames: store.usernames,
  };
  const probeOrder: ProbeOrder = {
    url: subject.url,
    seconds: SECONDS,
    refreshToken: session?.refresh_token ?? '',
  };
  const { result, mib: memoryMib } = await peakMib([subject.pid], () =>
    Promise.all([
      inProcess('flood-client.ts', floodOrder) as Promise<FloodSummary>,
      inProcess('probe-client.ts', probeOrder) as Promise<ProbeSummary>,
    ]),
  );
  const [flood, probe] = result;
  const toNormal = await secondsToNormal(subject, store.usernames, normal);
  const rows = rowsOf({ normal, flood, probe, memoryMib, toNormal });
  print(rows);
  console.log(
    `the flood’s client took ${shown(flood.cpuSeconds / SECONDS, 2)} of the ${availableParallelism()} cores for itself`,
  );
  if (rows.some(({ isKept }) => !isKept)) process.exitCode = 1;
} finally {
  await subject.stop();
  store.remove();
}
