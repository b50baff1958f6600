import { readFileSync } from 'node:fs';
import { type Answer, type Client, clientOf } from './client.ts';
import { USERS } from './effects.ts';
import { atLeast, type Drill, type Fault, type Figure, none, pause, until, within } from './fault.ts';
import { failed, loadFor, signInProbe, steadyLoad } from './load.ts';
import { loadPeople } from './people.ts';
import { startTcpProxy, type TcpProxy, throughPort } from './tcp-proxy.ts';

const SECONDS = { short: 4, full: 60 } as const;

/** How much later every answer of the database comes. */
const DELAY_MILLISECONDS = 500;

/** What its connections can answer at that, and many times that. */
const [FEW_PER_SECOND, MANY_PER_SECOND] = [2, 100];

/**
 * How long a request may take: the server's own time-out for one that is on its way in. It asks the store several times, and
 * waits up to 2 s each time for its turn.
 */
const ANSWER_MILLISECONDS = 15_000;

/** How long a request may take that needs no store. */
const CHEAP_MILLISECONDS = 250;

/** How much more memory may be in use while many wait. */
const MEMORY_MIB = 150;

/** How long after the database is quick again everything goes as before. */
const RECOVERY_MILLISECONDS = 5000;

/** Every answer of PostgreSQL comes late, to few clients and to far more than can be answered. */
export const slowStore: Fault = {
  id: 'RL-4',
  name: 'slow-store',
  promise:
    'with a store half a second late few are served and of many each is told in time; nothing wedges, and it goes on at once',
  async run(drill) {
    const database = await drill.postgres();
    const proxy = await startTcpProxy(Number(new URL(database.url).port));
    drill.later(() => proxy.stop());
    const work = drill.workplace({
      LATCHKEY_STORE_URL: throughPort(await drill.database(database), proxy.port),
    });
    await loadPeople(work, { users: USERS });
    const server = await work.serve();
    const client = clientOf(() => server.url);
    await loadFor(steadyLoad(client, 20), 1);
    const figures = [
      ...(await few(drill, client, proxy)),
      ...(await many(drill, client, { proxy, pid: server.pid })),
    ];
    const { code } = await server.end('SIGTERM');
    return [...figures, none('exit code of an orderly stop afterwards', code ?? -1)];
  },
};

async function few(drill: Drill, client: Client, proxy: TcpProxy): Promise<Figure[]> {
  drill.progress(`${FEW_PER_SECOND} requests a second`);
  proxy.set({ kind: 'slow', milliseconds: DELAY_MILLISECONDS });
  const answers = await loadFor(steadyLoad(client, FEW_PER_SECOND), SECONDS[drill.scale]);
  proxy.set({ kind: 'open' });
  const { count, kinds } = failed(answers);
  return [
    atLeast(`few: requests at ${FEW_PER_SECOND}/s`, answers.length, SECONDS[drill.scale]),
    none(`few: of them not served${kinds && `: ${kinds}`}`, count),
    quick('few: time to answer, 99 of 100', answers, ANSWER_MILLISECONDS * drill.patience),
  ];
}

async function many(
  drill: Drill,
  client: Client,
  { proxy, pid }: { readonly proxy: TcpProxy; readonly pid: number },
): Promise<Figure[]> {
  drill.progress(`${MANY_PER_SECOND} requests a second`);
  const before = memoryMib(pid);
  const memory: number[] = [];
  const cheap: Answer[] = [];
  proxy.set({ kind: 'slow', milliseconds: DELAY_MILLISECONDS });
  const load = steadyLoad(client, MANY_PER_SECOND);
  const begun = performance.now();
  let servedEarly = 0;
  while (performance.now() - begun < SECONDS[drill.scale] * 1000) {
    if (performance.now() - begun < SECONDS[drill.scale] * 500) servedEarly = served(load.answers);
    cheap.push(await client.get('/livez'), await client.get('/.well-known/jwks.json'));
    memory.push(memoryMib(pid));
    await pause(200);
  }
  const stopped = load.stop();
  proxy.set({ kind: 'open' });
  const canSignIn = signInProbe(client);
  const recovered = await until(
    async () => (await canSignIn()) && (await client.get('/readyz')).status === 200,
    30_000,
  );
  await stopped;
  const after = await loadFor(steadyLoad(client, 20), 2);
  return [
    ...manyFigures(drill, load.answers, load.mostWaiting()),
    // Those that have begun are gone on with, else hardly any would come to its end.
    atLeast(
      'many: of them served in the second half',
      served(load.answers) - servedEarly,
      SECONDS[drill.scale] / 4,
    ),
    quick('many: /livez and keys, 99 of 100', cheap, CHEAP_MILLISECONDS * drill.patience),
    none('many: of those not served', failed(cheap).count),
    atMost('many: MiB of memory beside what it had', Math.round(Math.max(...memory) - before), MEMORY_MIB),
    within('afterwards: all goes again after', [recovered], RECOVERY_MILLISECONDS * drill.patience),
    none(
      `afterwards: of ${after.length} requests at 20/s not served: ${failed(after).kinds}`,
      failed(after).count,
    ),
  ];
}

function manyFigures(drill: Drill, answers: readonly Answer[], mostWaiting: number): Figure[] {
  const isRefusal = ({ status, retryAfter }: Answer) => status === 503 && /^\d+$/.test(retryAfter ?? '');
  const odd = answers.filter((answer) => answer.status !== 200 && !isRefusal(answer));
  return [
    atLeast(`many: requests at ${MANY_PER_SECOND}/s`, answers.length, SECONDS[drill.scale] * 20),
    atLeast(`many: of them served, of ${answers.length}`, served(answers), SECONDS[drill.scale]),
    none(
      `many: neither served nor 503 with Retry-After${failed(odd).kinds && `: ${failed(odd).kinds}`}`,
      odd.length,
    ),
    quick('many: time to answer, 99 of 100', answers, ANSWER_MILLISECONDS * drill.patience),
    atMost(
      'many: most that waited at once',
      mostWaiting,
      (MANY_PER_SECOND * ANSWER_MILLISECONDS * drill.patience) / 1000,
    ),
  ];
}

function served(answers: readonly Answer[]): number {
  return answers.filter(({ status }) => status === 200).length;
}

/** How long 99 of 100 answers took at most. */
function quick(what: string, answers: readonly Answer[], limit: number): Figure {
  const times = answers.map(({ milliseconds }) => milliseconds).toSorted((a, b) => a - b);
  return within(what, times.slice(0, Math.ceil(times.length * 0.99)), limit);
}

function atMost(what: string, count: number, most: number): Figure {
  return { what, seen: String(count), promised: `≤ ${most}`, holds: count <= most };
}

/** The memory of a process that is in RAM. */
function memoryMib(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) / 1024;
}
