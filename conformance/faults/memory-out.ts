import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { RunningServer, Workplace } from '../../server/testing/process.ts';
import { type Answer, type Client, clientOf } from './client.ts';
import { auditFigures, LEDGER_SETTINGS, ledgerFigures, survivesCrashes } from './crash.ts';
import { EFFECTS_WITHOUT_MAIL, USERS } from './effects.ts';
import { type Drill, ENGINES, type Fault, type Figure, none, pause, until, within } from './fault.ts';
import { type Ledger, openLedger } from './ledger.ts';
import { signInProbe } from './load.ts';
import { loadPeople, PASSWORD } from './people.ts';

const ROUNDS = 5;
const DEATHS = { short: 1, full: 20 } as const;

const MEBIBYTE = 1024 * 1024;
/** What one hash takes, and what a server may take beyond what it has at rest: room for its heap, and not for a hash. */
const HASH_MIB = 128;
const SPARE_MIB = 100;
const RECOVERY_MILLISECONDS = 5000;
/** How many people try to sign in meanwhile. */
const ASKED = 10;
/** How long a server that gets no memory at all may live on. */
const DEATH_MILLISECONDS = 30_000;

/** The library that hashes would take a GiB from the system at once, and get along with that. */
const SETTINGS = { ...LEDGER_SETTINGS, MIMALLOC_ARENA_RESERVE: '0' };

/** The system gives a server no more memory: too little for a hash, and then none at all. */
export const memoryOut: Fault = {
  id: 'RL-13',
  name: 'memory-out',
  promise:
    'without memory for a hash, what needs one is answered 503 and the rest goes on; a server that gets none at all dies of it at once; nothing acknowledged is lost',
  missing: cannotBound,
  async run(drill) {
    const figures: Figure[] = [];
    for (const engine of ENGINES) {
      // How a heap grows on a machine that is busy with other tests cannot be foreseen: the bound needs a quiet one.
      if (drill.scale === 'full') figures.push(...(await withoutHashes(drill, engine)));
      figures.push(...(await withoutAny(drill, engine)));
    }
    return figures;
  },
};

async function workOn(
  drill: Drill,
  engine: (typeof ENGINES)[number],
  settings: Record<string, string>,
): Promise<Workplace> {
  const store: Record<string, string> =
    engine === 'postgres' ? { LATCHKEY_STORE_URL: await drill.database(await drill.postgres()) } : {};
  return drill.workplace({ ...SETTINGS, ...store, ...settings });
}

/** What clients are told while no password can be hashed, and afterwards. */
async function withoutHashes(drill: Drill, engine: (typeof ENGINES)[number]): Promise<Figure[]> {
  const work = await workOn(drill, engine, { LATCHKEY_HASHING_MEMORY_KIB: String(HASH_MIB * 1024) });
  await loadPeople(work, { users: USERS, guessed: 2000, changing: 2000, codes: 20_000 });
  const server = await work.serve(['serve'], {}, onOneProcessor());
  const client = clientOf(() => server.url);
  const ledger = openLedger({ client, mail: null }, EFFECTS_WITHOUT_MAIL);
  const session = await warmedUp(client, ledger);
  const asked: Asked = { hashing: [], others: [] };
  const recoveries: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const rest = await memoryAtRest(server, client);
    const working = ledger.work();
    drill.later(() => working.stop());
    await pause(1000);
    bound(server.pid, rest + SPARE_MIB * MEBIBYTE);
    await pause(500);
    await ask(client, session, asked);
    if (!existsSync(`/proc/${server.pid}`)) throw new Error(`${engine}: the server died: ${server.stderr()}`);
    bound(server.pid, null);
    recoveries.push(await until(signInProbe(client), 20_000));
    await working.stop();
    await ledger.checkNew();
    drill.progress(`${engine}: ${round + 1} of ${ROUNDS} rounds, ${ledger.problems.length} lost`);
  }
  await pause(1100);
  await ledger.checkAll();
  const audit = await auditFigures(work, engine);
  const { code } = await server.end('SIGTERM');
  return [
    ...askedFigures(engine, asked),
    ...ledgerFigures(ledger, `${engine}, no memory to hash`, 10),
    within(
      `${engine}: until it works again when there is memory`,
      recoveries,
      RECOVERY_MILLISECONDS * drill.patience,
    ),
    ...audit,
    none(`${engine}: exit code of an orderly stop afterwards`, code ?? -1),
  ];
}

/** A hashing thread takes far more to start than a hash does. There is one for each processor: so all of them are there from the first hash on. */
function onOneProcessor(): string[] {
  const first = /^Cpus_allowed_list:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return ['taskset', '--cpu-list', first ?? '0'];
}

/** Has everything done once: threads are started, and the passwords that are asked for hashed at today's cost. @returns the tokens of a session */
async function warmedUp(client: Client, ledger: Ledger): Promise<Session> {
  const signIn = (number: number) =>
    client.post('/v1/sign-in', { identifier: `user${number}`, password: PASSWORD });
  await Promise.all(Array.from({ length: ASKED }, (_, number) => signIn(number)));
  const working = ledger.work();
  await until(async () => Object.values(ledger.counts).every((count) => count > 0), 120_000);
  await working.stop();
  return (await signIn(0)).body;
}

/** What it has when every password that waits has been hashed, those too that nobody waits for. */
async function memoryAtRest({ url, pid }: RunningServer, client: Client): Promise<number> {
  const isQueueEmpty = async () =>
    /^latchkey_hash_queue 0$/m.test(await (await fetch(`${url}/metrics`)).text());
  await until(isQueueEmpty, 60_000);
  // The one thread comes to this after all others.
  await client.post('/v1/sign-in', { identifier: 'user0', password: PASSWORD });
  await pause(500);
  return memoryOf(pid);
}

interface Session {
  accessToken: string;
  refreshToken: string;
}

interface Asked {
  readonly hashing: Answer[];
  readonly others: Answer[];
}

async function ask(client: Client, session: Session, { hashing, others }: Asked): Promise<void> {
  for (let each = 0; each < ASKED; each += 1) {
    hashing.push(
      await client.post('/v1/sign-in', { identifier: `user${each}`, password: PASSWORD }),
      await client.post('/v1/sign-in', { identifier: `nobody${each}`, password: PASSWORD }),
    );
    const refreshed = await client.post('/v1/refresh', { refreshToken: session.refreshToken });
    Object.assign(session, refreshed.body);
    others.push(
      refreshed,
      await client.get('/v1/session', session.accessToken),
      await client.get('/livez'),
      await client.get('/readyz'),
      await client.get('/.well-known/jwks.json'),
    );
  }
}

function askedFigures(engine: string, { hashing, others }: Asked): Figure[] {
  const odd = hashing.filter(({ status }) => status !== 503);
  const kinds = [...new Set(odd.map(({ status }) => status))].join(', ');
  return [
    none(
      `${engine}: of ${hashing.length} sign-ins without memory to hash, not answered 503${kinds && ` but ${kinds}`}`,
      odd.length,
    ),
    none(
      `${engine}: 503 without Retry-After`,
      hashing.filter(({ status, retryAfter }) => status === 503 && !/^\d+$/.test(retryAfter ?? '')).length,
    ),
    none(
      `${engine}: of ${others.length} refreshes and reads meanwhile, failed`,
      others.filter(({ status }) => status !== 200).length,
    ),
  ];
}

/** What is left when the system gives nothing any more, and the process has died of it. */
async function withoutAny(drill: Drill, engine: (typeof ENGINES)[number]): Promise<Figure[]> {
  const lives: number[] = [];
  const codes: (number | null)[] = [];
  const crash = async (server: RunningServer) => {
    bound(server.pid, memoryOf(server.pid));
    lives.push(await until(async () => !existsSync(`/proc/${server.pid}`), DEATH_MILLISECONDS));
    const { code, stderr } = await server.end('SIGKILL');
    codes.push(code);
    if (!/out of memory/.test(stderr))
      drill.progress(`${engine}: last words ${JSON.stringify(stderr.slice(-300))}`);
  };
  const work = await workOn(drill, engine, {});
  const figures = await survivesCrashes(drill, {
    engine,
    count: DEATHS[drill.scale],
    work,
    effects: EFFECTS_WITHOUT_MAIL,
    crash,
  });
  return [
    within(`${engine}: until it dies without any memory`, lives, DEATH_MILLISECONDS),
    none(
      `${engine}: deaths with the exit code of an orderly stop`,
      codes.filter((code) => code === 0).length,
    ),
    ...figures,
  ];
}

/** What the process may write to, in bytes: that is what the system bounds. */
function memoryOf(pid: number): number {
  const kibibytes = /^VmData:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}

/** Lets the system give that process no more than that; null for any. What it has it keeps. */
function bound(pid: number, bytes: number | null): void {
  execFileSync('prlimit', ['--pid', String(pid), `--data=${bytes ?? 'unlimited'}:`]);
}

function cannotBound(): string | null {
  const take = ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64M', 'count=1'];
  const { status } = spawnSync('prlimit', [`--data=${16 * MEBIBYTE}:`, ...take], { stdio: 'ignore' });
  return status === 1 ? null : 'memory cannot be bounded here: that takes Linux 4.7 and prlimit';
}
