import { type Nginx, startNginx } from '../../server/testing/nginx.ts';
import type { RunningServer } from '../../server/testing/process.ts';
import { clientOf } from './client.ts';
import { type Drill, pause, until } from './fault.ts';

/** nginx in front of servers on those ports, set as the page on reliability says. */
export async function startBalancer(drill: Drill, ports: readonly number[]): Promise<Nginx> {
  const upstreams = ports.map((port) => `server 127.0.0.1:${port} max_fails=1 fail_timeout=1s;`).join(' ');
  // A connection that the system took in the moment in which the server stopped taking any is reset: then the other
  // server is asked, for what is posted too.
  const nginx = await startNginx(
    'location / { proxy_pass http://nodes; proxy_next_upstream error timeout non_idempotent; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $remote_addr; }',
    `upstream nodes { ${upstreams} keepalive 16; }`,
  );
  drill.later(() => nginx.stop());
  return nginx;
}

/** Ends a server and starts another in its place. @returns it, and the exit code of the one before */
export async function replaceNode(
  node: RunningServer,
  start: () => Promise<RunningServer>,
): Promise<{ readonly node: RunningServer; readonly code: number | null }> {
  const { code } = await node.end('SIGTERM');
  const started = await start();
  const client = clientOf(() => started.url);
  await until(async () => (await client.get('/readyz')).status === 200, 20_000);
  // A proxy that has marked a server as down for a second counts in whole ones: it asks it again after up to two.
  await pause(3000);
  return { node: started, code };
}
