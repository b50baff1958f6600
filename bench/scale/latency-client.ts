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

/** What one server is asked, one request after the other. */
export interface Series {
  readonly url: string;
  readonly requests: readonly Asked[];
}

/** What came of a series: how long each request took, and the tokens that the answers had. */
export interface LatencySummary {
  readonly milliseconds: readonly number[];
  readonly statuses: Readonly<Record<string, number>>;
  readonly accessTokens: readonly string[];
}

// A process of its own. Its order, as JSON on its standard input, is a list of series of one length: the servers are asked in
// turns, request by request, so that whatever else the machine does hits them alike. It prints a summary of each.

// One connection to each.
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

async function run(all: readonly Series[]): Promise<LatencySummary[]> {
  const asked = all.map((series) => ({
    series,
    milliseconds: [] as number[],
    statuses: {} as Record<string, number>,
    accessTokens: [] as string[],
  }));
  // Connections are made before anything is measured.
  for (const { url } of all) await ask(url, { method: 'GET', path: '/livez' });
  for (let turn = 0; turn < Math.max(...all.map(({ requests }) => requests.length)); turn += 1)
    for (const { series, milliseconds, statuses, accessTokens } of turn % 2 === 0
      ? asked
      : asked.toReversed()) {
      const next = series.requests[turn];
      if (next === undefined) continue;
      const begun = performance.now();
      const [status, text] = await ask(series.url, next);
      milliseconds.push(performance.now() - begun);
      statuses[status] = (statuses[status] ?? 0) + 1;
      const token = /"access_token":"([^"]+)"/.exec(text)?.[1];
      if (token !== undefined) accessTokens.push(token);
    }
  return asked.map(({ series: _, ...summary }) => summary);
}

const order = (await json(process.stdin)) as Series[];
process.stdout.write(JSON.stringify(await run(order)));
agent.destroy();
