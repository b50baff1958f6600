import { createClient } from '@redis/client';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { Log } from '../ports.ts';
import { type Count, countOf, type SharedCount, WINDOW_NAMES, type WindowLimits } from './windows.ts';

/** A count on Redis, and what is known of it. Its owner closes it. */
export interface RedisCount extends SharedCount {
  /** Whether it can be asked now. */
  isHere(): boolean;
  close(): void;
}

/** How long Redis may take for anything; a request waits no longer for it, and waits once only. */
const ANSWER_MILLISECONDS = 200;
const CONNECT_MILLISECONDS = 2000;
/** How long after a failure it is tried again. */
const RETRY_MILLISECONDS = 500;

/** One connection, for as long as it lasts. */
interface Connection {
  readonly client: {
    readonly isOpen: boolean;
    connect(): Promise<unknown>;
    ping(): Promise<unknown>;
    destroy(): void;
  };
  readonly limiters: ReadonlyMap<string, RateLimiterRedis>;
}

/**
 * The count that servers share on Redis. When it does not answer in time, its connection is given up and a new one is made
 * every half second; until one answers, nobody waits for it, and each server goes by its own count. That is said once in
 * the log, and so is its return.
 * @param url `redis://…` or `rediss://…`
 */
export function redisCount(url: string, limits: WindowLimits, log: Log): RedisCount {
  let current: Connection | null = null;
  let isAway = false;
  let isClosed = false;
  let retry: NodeJS.Timeout | undefined;

  const lost = new WeakSet<Connection>();

  const lose = (connection: Connection, error: unknown): void => {
    if (lost.has(connection)) return;
    lost.add(connection);
    discard(connection);
    current = null;
    if (isClosed) return;
    clearTimeout(retry);
    retry = setTimeout(connect, RETRY_MILLISECONDS).unref();
    if (isAway) return;
    isAway = true;
    log.warn(
      { error: messageOf(error) },
      'the shared limits do not answer: each server counts for itself until they do',
    );
  };

  const connect = (): void => {
    const connection = newConnection(url, limits, (error) => lose(connection, error));
    open(connection).then(
      () => {
        if (isClosed || lost.has(connection)) return discard(connection);
        current = connection;
        if (isAway) log.info({}, 'the shared limits answer again');
        isAway = false;
      },
      (error: unknown) => lose(connection, error),
    );
  };
  connect();

  const ask = async (
    window: string,
    question: (limiter: RateLimiterRedis) => Promise<{ consumedPoints: number; msBeforeNext: number } | null>,
  ): Promise<Count | null> => {
    const connection = current;
    const limiter = connection?.limiters.get(window);
    if (!connection || !limiter) return null;
    try {
      const state = await inTime(question(limiter), ANSWER_MILLISECONDS);
      return state === null ? null : countOf(state);
    } catch (error) {
      lose(connection, error);
      return null;
    }
  };
  return {
    get: ({ window, key }) => ask(window, (limiter) => limiter.get(key)),
    add: ({ window, key }) => ask(window, (limiter) => limiter.penalty(key)),
    isHere: () => current !== null,
    close() {
      isClosed = true;
      clearTimeout(retry);
      if (current) discard(current);
      current = null;
    },
  };
}

/** Whether Redis answers there. @throws Error saying why it does not */
export async function requireRedis(url: string): Promise<void> {
  let failed: Error | undefined;
  const client = newClient(url, (error) => {
    failed ??= error;
  });
  try {
    await open({ client });
  } catch (error) {
    throw failed ?? error;
  } finally {
    discard({ client });
  }
}

/** A connection that makes no second attempt by itself, and keeps nothing for later. */
function newClient(url: string, onError: (error: Error) => void) {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    socket: { connectTimeout: CONNECT_MILLISECONDS, reconnectStrategy: false },
  });
  client.on('error', onError);
  return client;
}

function newConnection(url: string, limits: WindowLimits, onError: (error: Error) => void): Connection {
  const client = newClient(url, onError);
  const limiters = WINDOW_NAMES.map((name) => {
    const limiter = new RateLimiterRedis({
      storeClient: client,
      useRedisPackage: true,
      keyPrefix: `latchkey:limit:${name}`,
      points: limits[name].count,
      duration: limits[name].seconds,
    });
    return [name, limiter] as const;
  });
  return { client, limiters: new Map(limiters) };
}

/** Whether it is there is known once it has answered: a connection may open to somebody who says nothing. */
async function open({ client }: Pick<Connection, 'client'>): Promise<void> {
  await inTime(client.connect(), CONNECT_MILLISECONDS);
  await inTime(client.ping(), ANSWER_MILLISECONDS);
}

function discard({ client }: Pick<Connection, 'client'>): void {
  if (client.isOpen) client.destroy();
}

async function inTime<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    // Where this process itself was late, the answer may be there and not be read yet: it comes before the second turn.
    const giveUp = () => reject(new Error(`no answer within ${milliseconds} ms`));
    timer = setTimeout(() => setImmediate(() => setImmediate(giveUp)), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
