import { traced } from '../observability/tracing.ts';
import type { Engine } from './engine.ts';

/** Is told how long the store took. */
export type StoreWatch = (operation: 'read' | 'commit', seconds: number, failed: boolean) => void;

/** An engine whose answers can be watched. */
export interface WatchedEngine extends Engine {
  /** Tells from now on. */
  watch(listener: StoreWatch): void;
}

/**
 * Times what an engine does. Reads of the embedded store are function calls of a few microseconds on this thread: they are not
 * timed, since that would cost as much as they do.
 */
export function watchedEngine(engine: Engine): WatchedEngine {
  let listener: StoreWatch | undefined;
  const timed = async <T>(operation: 'read' | 'commit', work: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    let failed = true;
    try {
      const result = await traced(`store.${operation}`, {}, work);
      failed = false;
      return result;
    } finally {
      listener?.(operation, (performance.now() - startedAt) / 1000, failed);
    }
  };
  return {
    ...engine,
    watch(told) {
      listener = told;
    },
    read: engine.dialect === 'sqlite' ? engine.read : (query) => timed('read', () => engine.read(query)),
    commit: (changes) => timed('commit', () => engine.commit(changes)),
  };
}
