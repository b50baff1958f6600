import { Agent, request } from 'node:http';
import { json } from 'node:stream/consumers';

/** What the process is asked to do, as JSON on its standard input. */
export interface ProbeOrder {
  readonly url: string;
  readonly seconds: number;
  readonly refreshToken: string;
}

/** How long each kind of cheap request took, in milliseconds, and how many were not answered with 200. */
export interface ProbeSummary {
  readonly keySet: readonly number[];
  readonly health: readonly number[];
  readonly refresh: readonly number[];
  readonly failed: number;
}

const INTERVAL_MILLISECONDS = 25;
const agent = new Agent({ keepAlive: true });

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly milliseconds: number;
}

function ask(url: string, body: string | null): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sentAt = performance.now();
    const headers = { 'content-type': 'application/json' };
    const options = body === null ? { agent } : { agent, method: 'POST', headers };
    const sent = request(url, options, (response) => {
      let text = '';
      response.on('data', (piece: Buffer) => {
        text += piece.toString();
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text, milliseconds: performance.now() - sentAt }),
      );
    });
    sent.on('error', reject);
    sent.end(body ?? undefined);
  });
}

/** Asks for what is cheap, over and over, as a client beside a flood does. */
async function probe({ url, seconds, refreshToken }: ProbeOrder): Promise<ProbeSummary> {
  const times = { keySet: [] as number[], health: [] as number[], refresh: [] as number[] };
  let failed = 0;
  let token = refreshToken;
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const [keySet, health, refreshed] = await Promise.all([
      ask(`${url}/.well-known/jwks.json`, null),
      ask(`${url}/livez`, null),
      ask(`${url}/auth/refresh-token`, JSON.stringify({ refresh_token: token })),
    ]);
    times.keySet.push(keySet.milliseconds);
    times.health.push(health.milliseconds);
    times.refresh.push(refreshed.milliseconds);
    failed += [keySet, health, refreshed].filter(({ status }) => status !== 200).length;
    if (refreshed.status === 200)
      token = (JSON.parse(refreshed.text) as { refresh_token: string }).refresh_token;
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MILLISECONDS));
  }
  return { ...times, failed };
}

const order = (await json(process.stdin)) as ProbeOrder;
process.stdout.write(JSON.stringify(await probe(order)), () => process.exit(0));
