import type { PostgresServer } from '../../server/testing/postgres.ts';
import { LEDGER_SETTINGS, survivesCrashes } from './crash.ts';
import { USERS } from './effects.ts';
import type { Drill, Fault, Figure } from './fault.ts';
import { livesThrough, type Outage } from './outage.ts';
import { loadPeople } from './people.ts';
import { startTcpProxy, type TcpProxy, throughPort } from './tcp-proxy.ts';

const OUTAGE_SECONDS = { short: 3, full: 60 } as const;
const CRASHES = { short: 2, full: 30 } as const;

/** PostgreSQL stops at once, or is not to be reached, while servers are in use; then it crashes together with a server. */
export const databaseStop: Fault = {
  id: 'RL-3',
  name: 'database-stop',
  promise:
    'without its store a server says so within 2 s, opens nothing, and goes on by itself when it is back',
  async run(drill) {
    const database = await drill.postgres();
    const proxy = await startTcpProxy(Number(new URL(database.url).port));
    drill.later(() => proxy.stop());
    const url = await drill.database(database);
    const work = drill.workplace({
      ...LEDGER_SETTINGS,
      LATCHKEY_SIGN_UP_ENABLED: 'true',
      LATCHKEY_STORE_URL: throughPort(url, proxy.port),
    });
    await loadPeople(work, { users: USERS, guessed: 8 });
    const server = await work.serve();
    const figures: Figure[] = [];
    for (const [number, outage] of outages(drill, database, proxy).entries()) {
      drill.progress(`${outage.name}, for ${outage.seconds} s`);
      figures.push(...(await livesThrough(outage, server.url, number, drill.patience)));
    }
    await server.end('SIGTERM');
    return [...figures, ...(await crashTogether(drill, database))];
  },
};

function outages(drill: Drill, database: PostgresServer, proxy: TcpProxy): Outage[] {
  const seconds = OUTAGE_SECONDS[drill.scale];
  return [
    {
      name: 'stopped at once',
      seconds,
      begin: () => database.end('SIGQUIT'),
      end: () => database.start(),
    },
    {
      name: 'black hole',
      seconds,
      begin: async () => proxy.set({ kind: 'swallows' }),
      end: async () => proxy.set({ kind: 'open' }),
    },
  ];
}

/** The database and the server go down in the same moment, again and again. */
async function crashTogether(drill: Drill, database: PostgresServer): Promise<Figure[]> {
  const url = await drill.database(database);
  return survivesCrashes(drill, {
    engine: 'postgres, both crash',
    count: CRASHES[drill.scale],
    work: drill.workplace({ ...LEDGER_SETTINGS, LATCHKEY_STORE_URL: url }),
    crash: async (server) => {
      await Promise.all([database.end('SIGQUIT'), server.end('SIGKILL')]);
      await database.start();
    },
  });
}
