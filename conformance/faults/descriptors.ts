import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { clientOf } from './client.ts';
import { LEDGER_SETTINGS } from './crash.ts';
import { EFFECTS_WITHOUT_MAIL, USERS } from './effects.ts';
import { type Drill, ENGINES, type Fault, type Figure, isTrue, none, pause, until, within } from './fault.ts';
import { openLedger } from './ledger.ts';
import { signInProbe } from './load.ts';
import { loadPeople, PASSWORD } from './people.ts';

const ROUNDS = { short: 1, full: 5 } as const;
const CONNECTIONS = 200;

/** Descriptors beyond those that an idle server has. */
const SPARE = 12;
const PLENTY = 1024;
const RECOVERY_MILLISECONDS = 5000;

/** A server gets more connections than it may have descriptors. */
export const descriptors: Fault = {
  id: 'RL-13',
  name: 'descriptors',
  promise: 'out of file descriptors, a server stays up, loses nothing, and goes on when it has some again',
  async run(drill) {
    const figures: Figure[] = [];
    for (const engine of ENGINES) figures.push(...(await exhausted(drill, engine)));
    return figures;
  },
};

async function exhausted(drill: Drill, engine: (typeof ENGINES)[number]): Promise<Figure[]> {
  const store: Record<string, string> =
    engine === 'postgres' ? { LATCHKEY_STORE_URL: await drill.database(await drill.postgres()) } : {};
  const work = drill.workplace({ ...LEDGER_SETTINGS, ...store });
  await loadPeople(work, { users: USERS, guessed: 200, changing: 1000, codes: 2000 });
  const server = await work.serve();
  const client = clientOf(() => server.url);
  const ledger = openLedger({ client, mail: null }, EFFECTS_WITHOUT_MAIL);
  await client.post('/v1/sign-in', { identifier: 'user0', password: PASSWORD });
  const open = () => readdirSync(`/proc/${server.pid}/fd`).length;
  const limit = open() + SPARE;
  const allow = (count: number) =>
    execFileSync('prlimit', ['--pid', String(server.pid), `--nofile=${count}:`]);
  const recoveries: number[] = [];
  let most = 0;
  for (let round = 0; round < ROUNDS[drill.scale]; round += 1) {
    allow(limit);
    const working = ledger.work();
    await pause(200);
    const sockets = flood(Number(new URL(server.url).port));
    const isFull = async () => {
      most = Math.max(most, open());
      return most >= limit - 1;
    };
    await until(isFull, 10_000);
    await pause(1000);
    for (const socket of sockets) socket.destroy();
    recoveries.push(await until(signInProbe(client), 20_000));
    await working.stop();
    // Whoever looks afterwards has more connections at once than that.
    allow(PLENTY);
    await ledger.checkNew();
  }
  const isAlive = existsSync(`/proc/${server.pid}`);
  const { code } = await server.end('SIGTERM');
  return [
    isTrue(`${engine}: every descriptor was in use`, most >= limit - 1),
    isTrue(`${engine}: the process stays up`, isAlive),
    none(
      `${engine}: acknowledged and lost, or spent and alive again${ledger.problems.map(({ what }) => `; ${what}`).join('')}`,
      ledger.problems.length,
    ),
    within(`${engine}: until it works again`, recoveries, RECOVERY_MILLISECONDS * drill.patience),
    none(`${engine}: exit code of an orderly stop afterwards`, code ?? -1),
  ];
}

function flood(port: number): Socket[] {
  return Array.from({ length: CONNECTIONS }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    return socket;
  });
}
