import { nginxMissing } from '../../server/testing/nginx.ts';
import { freePort } from '../../server/testing/postgres.ts';
import type { RunningServer } from '../../server/testing/process.ts';
import { replaceNode, startBalancer } from './balancer.ts';
import { clientOf } from './client.ts';
import { USERS } from './effects.ts';
import { atLeast, type Fault, none } from './fault.ts';
import { failed, steadyLoad } from './load.ts';
import { loadPeople } from './people.ts';

const RESTARTS = { short: 2, full: 20 } as const;
const PER_SECOND = 50;
const DRAIN_MILLISECONDS = 500;

/** Two servers behind nginx are restarted in turn while clients use them. */
export const rollingRestart: Fault = {
  id: 'RL-10',
  name: 'rolling-restart',
  promise: 'two servers behind a proxy that are restarted in turn fail no request',
  missing: nginxMissing,
  async run(drill) {
    const database = await drill.postgres();
    const work = drill.workplace({
      LATCHKEY_STORE_URL: await drill.database(database),
      LATCHKEY_LISTEN_DRAIN_MILLISECONDS: String(DRAIN_MILLISECONDS),
      LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1"]',
    });
    await loadPeople(work, { users: USERS });
    const ports = [await freePort(), await freePort()];
    const start = (port: number) => work.serve(['serve'], { LATCHKEY_LISTEN_PORT: String(port) });
    const nodes: RunningServer[] = [];
    for (const port of ports) nodes.push(await start(port));
    const nginx = await startBalancer(drill, ports);
    const client = clientOf(() => nginx.url);
    const load = steadyLoad(client, PER_SECOND);
    let badEnds = 0;
    for (let restart = 0; restart < RESTARTS[drill.scale]; restart += 1) {
      const turn = restart % 2;
      const node = nodes[turn];
      if (node === undefined) throw new Error('there is no such server');
      const replaced = await replaceNode(node, () => start(ports[turn] ?? 0));
      nodes[turn] = replaced.node;
      if (replaced.code !== 0) badEnds += 1;
      drill.progress(`${restart + 1} of ${RESTARTS[drill.scale]}, ${failed(load.answers).count} failed`);
    }
    await load.stop();
    for (const node of nodes) await node.end('SIGTERM');
    const { count, kinds } = failed(load.answers);
    return [
      atLeast('restarts', RESTARTS[drill.scale], RESTARTS[drill.scale]),
      atLeast(`requests at ${PER_SECOND}/s`, load.answers.length, RESTARTS[drill.scale] * PER_SECOND),
      none(`of them failed${kinds && `: ${kinds}`}`, count),
      none('servers that did not end with 0', badEnds),
    ];
  },
};
