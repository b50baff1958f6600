import { Agent, request } from 'node:http';
import { type Attempt, attemptsAt, isPrimed, type TimedDoor } from './reasons.ts';

/** What was measured of one reason at one contract. */
export interface Measured {
  readonly reason: string;
  readonly status: number;
  /** Until the whole answer is there, in milliseconds. */
  readonly times: readonly number[];
}

/** How it is measured. */
export interface MeasureOptions {
  readonly url: string;
  readonly samples: number;
  /** How many attempts are on their way at one time. */
  readonly atOnce: number;
}

/** The part of all attempts that goes before the others and is not counted. */
const WARM_UP_PART = 0.1;

/** Makes all attempts, in an order of chance, a few at a time. */
export async function measure(door: TimedDoor, options: MeasureOptions): Promise<Measured[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.atOnce });
  const attempts = attemptsAt(door, options.samples);
  const timed = (attempt: Attempt) => timedAt(options.url, door, attempt, agent);
  await eachAtOnce(attempts.filter(isPrimed), options.atOnce, timed);
  const order = shuffled(attempts);
  const warmUp = Math.ceil(order.length * WARM_UP_PART);
  const found = new Map<string, { status: number; times: number[] }>();
  let done = 0;
  await eachAtOnce(order, options.atOnce, async (attempt) => {
    const { status, milliseconds } = await timed(attempt);
    const so = found.get(attempt.reason) ?? { status, times: [] };
    if (so.status !== status) throw new Error(`${attempt.reason} is answered ${so.status} and ${status}`);
    found.set(attempt.reason, so);
    done += 1;
    if (done > warmUp) so.times.push(milliseconds);
  });
  agent.destroy();
  return [...found].map(([reason, { status, times }]) => ({ reason, status, times }));
}

function timedAt(
  url: string,
  door: TimedDoor,
  attempt: Attempt,
  agent: Agent,
): Promise<{ status: number; milliseconds: number }> {
  const body = JSON.stringify(door.body(attempt));
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const headers = { 'content-type': 'application/json', ...door.headers };
    const asked = request(url + door.path, { method: 'POST', agent, headers }, (answer) => {
      const status = answer.statusCode ?? 0;
      if (status === 429 || status === 503)
        reject(new Error(`${door.contract} answered ${status} for ${attempt.reason}`));
      answer.resume().once('end', () => resolve({ status, milliseconds: performance.now() - begun }));
    });
    asked.once('error', reject).end(body);
  });
}

async function eachAtOnce<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  const left = [...items];
  const workers = Array.from({ length: atOnce }, async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  });
  await Promise.all(workers);
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
