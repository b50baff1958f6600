import { LEDGER_SETTINGS, survivesCrashes } from './crash.ts';
import { type Drill, ENGINES, type Fault, type Figure } from './fault.ts';

const KILLS = { short: 4, full: 200 } as const;

/** SIGKILL at any moment, on both engines. */
export const kill: Fault = {
  id: 'RL-1',
  name: 'kill',
  promise: 'kill -9 loses nothing that was acknowledged, and revives nothing that was spent',
  async run(drill) {
    const figures: Figure[] = [];
    for (const engine of ENGINES) figures.push(...(await killed(drill, engine)));
    return figures;
  },
};

async function killed(drill: Drill, engine: (typeof ENGINES)[number]): Promise<Figure[]> {
  const store: Record<string, string> =
    engine === 'postgres' ? { LATCHKEY_STORE_URL: await drill.database(await drill.postgres()) } : {};
  return survivesCrashes(drill, {
    engine,
    count: KILLS[drill.scale],
    work: drill.workplace({ ...LEDGER_SETTINGS, ...store }),
    crash: async (server) => {
      await server.end('SIGKILL');
    },
  });
}
