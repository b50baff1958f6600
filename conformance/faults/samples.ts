import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { pause } from './fault.ts';

/** What a server has at a moment. */
export interface Sample {
  readonly atSeconds: number;
  readonly memoryMib: number;
  readonly heapMib: number;
  readonly descriptors: number;
  /** The delay of the event loop that one in a hundred was above since the sample before. */
  readonly delayMilliseconds: number;
  readonly rows: Readonly<Record<string, number>>;
}

/** What grows with use, and is removed when it is over. */
export const TABLES = ['sessions', 'tickets', 'outbox', 'attempts', 'limit_windows', 'revocations'] as const;

/** Looks at a server again and again. @param everySeconds how often @param seconds for how long */
export async function sampled(
  serverUrl: string,
  storeUrl: string,
  { everySeconds, seconds }: { everySeconds: number; seconds: number },
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const begun = performance.now();
  const elapsed = () => (performance.now() - begun) / 1000;
  // The first look ends what was measured before.
  await look(serverUrl, storeUrl, 0);
  while (elapsed() < seconds) {
    await pause(everySeconds * 1000);
    samples.push(await look(serverUrl, storeUrl, elapsed()));
  }
  return samples;
}

async function look(serverUrl: string, storeUrl: string, atSeconds: number): Promise<Sample> {
  const text = await (await fetch(`${serverUrl}/metrics`)).text();
  const metric = (name: string): number => {
    const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
    if (value === undefined) throw new Error(`the server has no metric ${name}`);
    return Number(value);
  };
  return {
    atSeconds,
    memoryMib: metric('process_resident_memory_bytes') / 1024 / 1024,
    heapMib: metric('nodejs_heap_size_used_bytes') / 1024 / 1024,
    descriptors: metric('process_open_fds'),
    delayMilliseconds: metric('nodejs_eventloop_lag_p99_seconds') * 1000,
    rows: await rowsOf(storeUrl),
  };
}

async function rowsOf(storeUrl: string): Promise<Record<string, number>> {
  const sql = `SELECT ${TABLES.map((table) => `(SELECT count(*) FROM ${table}) AS ${table}`).join(', ')}`;
  const row = storeUrl.startsWith('sqlite:')
    ? sqliteRow(storeUrl.slice('sqlite:'.length), sql)
    : await postgresRow(storeUrl, sql);
  return Object.fromEntries(TABLES.map((table) => [table, Number(row[table])]));
}

function sqliteRow(path: string, sql: string): Record<string, unknown> {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
  try {
    return database.prepare(sql).get() ?? {};
  } finally {
    database.close();
  }
}

async function postgresRow(url: string, sql: string): Promise<Record<string, unknown>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows[0];
  } finally {
    await client.end();
  }
}

/** The values of the second quarter of the time, and of the last. */
export function quarters(samples: readonly Sample[], value: (sample: Sample) => number) {
  const part = (from: number, to: number) =>
    samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to)).map(value);
  return { second: part(0.25, 0.5), last: part(0.75, 1) };
}

/** What lies in the middle. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** By how much a value rises in an hour: the line with the least squares through the second half of the time. */
export function slopePerHour(samples: readonly Sample[], value: (sample: Sample) => number): number {
  const half = samples.slice(Math.floor(samples.length / 2));
  const mean = (of: (sample: Sample) => number) =>
    half.reduce((sum, each) => sum + of(each), 0) / half.length;
  const [time, height] = [mean((each) => each.atSeconds), mean(value)];
  const over = half.reduce((sum, each) => sum + (each.atSeconds - time) * (value(each) - height), 0);
  const under = half.reduce((sum, each) => sum + (each.atSeconds - time) ** 2, 0);
  return under === 0 ? 0 : (over / under) * 3600;
}
