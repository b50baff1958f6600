import type { Log, Worker } from '../ports.ts';
import type { Store } from '../store/store.ts';
import { type LoadGuard, type LoadLimits, type LoadTrouble, watchLoad } from './load-guard.ts';
import { postgresCount } from './postgres-count.ts';
import type { RedisCount } from './redis-count.ts';
import { type WindowLimit, type WindowLimits, type WindowName, Windows } from './windows.ts';
import { workerCount } from './worker-count.ts';

/** What the configuration says of limits. */
interface LimitSettings {
  readonly signIn: {
    readonly perAddress: WindowLimit;
    readonly asksPerAddress: WindowLimit;
    readonly perOrganisation: WindowLimit;
    readonly overall: WindowLimit;
    readonly perContext: WindowLimit;
  };
  readonly limits: LoadLimits & { readonly url?: string };
}

/** Everything by which a server turns attempts away. Its owner closes it. */
export interface Limits {
  readonly windows: Windows;
  readonly load: LoadGuard;
  /** Whether the count on Redis can be asked; null where there is none. */
  isSharedCountHere(): boolean | null;
  close(): void;
}

/**
 * Opens the limits: counted on Redis where the configuration names one, else by the store, or in memory: in that of the
 * process over the workers where this is one of several, else in this one's.
 * @param told who counts what was turned away, asked for when it is
 */
export async function openLimits(
  { signIn, limits }: LimitSettings,
  { store, log, worker }: { readonly store: Store; readonly log: Log; readonly worker?: Worker },
  told: () => { limited(window: WindowName): void; turnedAway(why: LoadTrouble): void },
): Promise<Limits> {
  const windowLimits = {
    address: signIn.perAddress,
    asking: signIn.asksPerAddress,
    organisation: signIn.perOrganisation,
    everybody: signIn.overall,
    context: signIn.perContext,
  };
  const redis = limits.url === undefined ? null : await openRedisCount(limits.url, windowLimits, log);
  const client = redis === null ? store.limiterClient() : null;
  const shared = redis ?? (client && postgresCount(client, windowLimits));
  const load = watchLoad(limits, (why) => told().turnedAway(why));
  return {
    windows: new Windows({
      limits: windowLimits,
      shared: shared ?? (worker === undefined ? null : workerCount(windowLimits, log)),
      onLimited: (window) => told().limited(window),
    }),
    load,
    isSharedCountHere: () => redis?.isHere() ?? null,
    close() {
      load.stop();
      redis?.close();
    },
  };
}

/** The client is loaded where there is a Redis to speak to: it is as large as the rest of the server. */
async function openRedisCount(url: string, limits: WindowLimits, log: Log): Promise<RedisCount> {
  const { redisCount } = await import('./redis-count.ts');
  return redisCount(url, limits, log);
}
