import pg from 'pg';
import type { Log } from '../../ports.ts';
import { Turns } from '../turns.ts';

/** How long anybody waits for a connection while all are in use. */
const WAIT_MILLISECONDS = 2000;

/** How long connections that are in use may take to end. */
const CLOSE_MILLISECONDS = 2000;

/** The connections to a database: a pool, which can be given up whole. */
export interface Connections {
  /** Does something with the pool of the moment, when its turn has come. */
  use<T>(work: (pool: pg.Pool) => Promise<T>): Promise<T>;
  /** Cuts every connection and begins with new ones. Whatever waited for one fails, and is not carried out later. */
  replace(): void;
  /** One connection beside the pool, not connected yet. */
  alone(): pg.Client;
  close(): Promise<void>;
}

/** A connection that knows whether it leads to a standby: PostgreSQL 14 and newer say so when it is made. */
class WatchedClient extends pg.Client {
  isStandby = false;

  constructor(config?: pg.ClientConfig) {
    super(config);
    // Whoever waits for an answer is told by it. One that is taken from the pool and asked nothing at the moment has nobody
    // to tell, and without a listener its end would be the end of this process.
    this.on('error', () => undefined);
    this.connection.on('parameterStatus', (status: { parameterName: string; parameterValue: string }) => {
      if (status.parameterName === 'in_hot_standby') this.isStandby = status.parameterValue === 'on';
    });
  }

  /** Ends it at once, whatever it is at, and without a word to the other side, which may not be there. */
  cut(): void {
    this.connection.stream.destroy();
  }
}

/**
 * Opens none yet.
 * @param config of the pool and of every connection
 * @param count how many connections the pool has at most
 */
export function openConnections(config: pg.PoolConfig, count: number, log: Log): Connections {
  const closing: Promise<void>[] = [];
  const make = () => ({
    ...makePool({ ...config, max: count }, log),
    turns: new Turns(count, WAIT_MILLISECONDS),
  });
  let { pool, clients, turns } = make();
  return {
    use(work) {
      const used = pool;
      return turns.take(() => work(used));
    },
    replace() {
      turns.end();
      closing.push(pool.end());
      cutAll(clients);
      ({ pool, clients, turns } = make());
    },
    alone: () => new WatchedClient(config),
    async close() {
      // Whatever mattered has ended by now: what is still open then waits for an answer that does not come.
      const timer = setTimeout(() => cutAll(clients), CLOSE_MILLISECONDS);
      await Promise.all([pool.end(), ...closing]).finally(() => clearTimeout(timer));
    },
  };
}

/** Has everything that is asked meanwhile sent at once. */
export function together<T>(client: pg.Client, ask: () => T): T {
  const { stream } = client.connection;
  stream.cork();
  try {
    return ask();
  } finally {
    stream.uncork();
  }
}

function cutAll(clients: ReadonlySet<WatchedClient>): void {
  for (const client of clients) client.cut();
}

interface Pooled {
  readonly pool: pg.Pool;
  /** Those of it that there are. */
  readonly clients: ReadonlySet<WatchedClient>;
}

function makePool(config: pg.PoolConfig, log: Log): Pooled {
  const clients = new Set<WatchedClient>();
  class CountedClient extends WatchedClient {
    constructor(options?: pg.ClientConfig) {
      super(options);
      clients.add(this);
      this.once('end', () => clients.delete(this));
    }
  }
  const pool = new pg.Pool({ ...config, Client: CountedClient, onConnect: refuseStandby });
  // Without a listener, a stop of the database would end this process.
  pool.on('error', (error) => log.warn({ error: error.message }, 'a store connection was lost'));
  return { pool, clients };
}

/** What a standby says of revocations, locks and counters is old, and it takes no writes. */
function refuseStandby(client: pg.ClientBase): void {
  if (client instanceof WatchedClient && client.isStandby)
    throw new Error('the database is a standby that has not been promoted');
}

/**
 * Whether a connection made alone answers.
 * @param milliseconds how long an answer may take
 */
export async function answers(client: pg.Client, milliseconds: number): Promise<boolean> {
  try {
    const { promise: late, resolve } = Promise.withResolvers<false>();
    // What has arrived while this thread was busy is read before it is judged.
    const timer = setTimeout(() => setImmediate(resolve, false), milliseconds);
    const asked = client.query('SELECT 1').then(() => true);
    asked.catch(() => undefined);
    return await Promise.race([asked, late]).finally(() => clearTimeout(timer));
  } catch {
    return false;
  }
}
