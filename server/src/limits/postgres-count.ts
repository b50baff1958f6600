import { RateLimiterPostgres } from 'rate-limiter-flexible';
import type { LimiterClient } from '../store/engine.ts';
import { type Count, countOf, type SharedCount, WINDOW_NAMES, type WindowLimits } from './windows.ts';

const TABLE = 'limit_windows';

/**
 * The count that the servers on one PostgreSQL share. When the store does not answer it throws, and the request is
 * answered like any other that the store is missing for.
 */
export function postgresCount(client: LimiterClient, limits: WindowLimits): SharedCount {
  const limiters = new Map(
    WINDOW_NAMES.map((name) => [
      name,
      new RateLimiterPostgres({
        storeClient: client,
        storeType: 'client',
        // The table comes by a migration, and the clean-up of the store removes what has ended.
        tableName: TABLE,
        tableCreated: true,
        clearExpiredByTimeout: false,
        keyPrefix: name,
        points: limits[name].count,
        duration: limits[name].seconds,
      }),
    ]),
  );
  return {
    async get({ window, key }): Promise<Count | null> {
      const state = await limiters.get(window)?.get(key);
      return state ? countOf(state) : null;
    },
    async add({ window, key }): Promise<Count | null> {
      const state = await limiters.get(window)?.penalty(key);
      return state ? countOf(state) : null;
    },
  };
}
