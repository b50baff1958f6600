import { nginxMissing, startNginx } from '../../server/testing/nginx.ts';
import { freePort } from '../../server/testing/postgres.ts';
import type { RunningServer } from '../../server/testing/process.ts';
import { clientOf } from './client.ts';
import { USERS } from './effects.ts';
import { atLeast, type Fault, none, pause, until } from './fault.ts';
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
    const upstreams = ports.map((port) => `server 127.0.0.1:${port} max_fails=1 fail_timeout=1s;`).join(' ');
    // A connection that the system took in the moment in which the server stopped taking any is reset: then the other
    // server is asked, for what is posted too.
    const nginx = await startNginx(
      'location / { proxy_pass http://nodes; proxy_next_upstream error timeout non_idempotent; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $remote_addr; }',
      `upstream nodes { ${upstreams} keepalive 16; }`,
    );
    drill.later(() => nginx.stop());
    const client = clientOf(() => nginx.url);
    const load = steadyLoad(client, PER_SECOND);
    let badEnds = 0;
    for (let restart = 0; restart < RESTARTS[drill.scale]; restart += 1) {
      const turn = restart % 2;
      const ended = await nodes[turn]?.end('SIGTERM');
      if (ended?.code !== 0) badEnds += 1;
      const started = await start(ports[turn] ?? 0);
      nodes[turn] = started;
      const own = clientOf(() => started.url);
      await until(async () => (await own.get('/readyz')).status === 200, 20_000);
      // A proxy that has marked a server as down does so for a second.
      await pause(1500);
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
