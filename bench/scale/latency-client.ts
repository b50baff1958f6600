import { Agent, request } from 'node:http';
import { json } from 'node:stream/consumers';
import { USER_AGENT } from './people.ts';

/** One thing to ask. */
export interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** JSON, for a POST. */
  readonly body?: string;
  readonly authorization?: string;
}

/** What the process is asked to do, as JSON on its standard input: one request after the other, on one connection. */
export interface LatencyOrder {
  readonly url: string;
  readonly requests: readonly Asked[];
}

/** What it prints, as JSON: how long each request took, and the last of its answers where they are wanted. */
export interface LatencySummary {
  readonly milliseconds: readonly number[];
  readonly statuses: Readonly<Record<string, number>>;
  readonly accessTokens: readonly string[];
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function ask(url: string, { method, path, body, authorization }: Asked): Promise<[number, string]> {
  const headers = {
    'user-agent': USER_AGENT,
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
    ...(authorization === undefined ? {} : { authorization }),
  };
  return new Promise((resolve, reject) => {
    const asked = request(url + path, { method, agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (piece: string) => {
        text += piece;
      });
      answer.once('end', () => resolve([answer.statusCode ?? 0, text]));
    });
    asked.once('error', reject).end(body);
  });
}

async function run(order: LatencyOrder): Promise<LatencySummary> {
  const milliseconds: number[] = [];
  const statuses: Record<string, number> = {};
  const accessTokens: string[] = [];
  // The connection is made before anything is measured.
  await ask(order.url, { method: 'GET', path: '/livez' });
  for (const asked of order.requests) {
    const begun = performance.now();
    const [status, text] = await ask(order.url, asked);
    milliseconds.push(performance.now() - begun);
    statuses[status] = (statuses[status] ?? 0) + 1;
    const token = /"access_token":"([^"]+)"/.exec(text)?.[1];
    if (token !== undefined) accessTokens.push(token);
  }
  return { milliseconds, statuses, accessTokens };
}

const order = (await json(process.stdin)) as LatencyOrder;
process.stdout.write(JSON.stringify(await run(order)));
agent.destroy();
