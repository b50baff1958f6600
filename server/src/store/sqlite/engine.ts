import { existsSync, mkdirSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { OperatorError, StoreConflictError, StoreUnavailableError } from '../../errors.ts';
import type { Change, Committed, Engine, StoreUse } from '../engine.ts';
import { batchEncoder } from './batch-message.ts';
import { openSqlite, type SqliteConnection } from './driver.ts';
import { turnsOfReads } from './turn-of-reads.ts';
import { failure, type WriteFailure, type WriteResult } from './write-batch.ts';

/** Transitions a shared commit takes at most: keeps the writer's turn short under a flood. */
const BATCH_LIMIT = 256;

interface Waiting {
  readonly changes: readonly Change[];
  readonly resolve: (committed: Committed) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The embedded store. Indexed reads run on the calling thread with a connection of their own; writes go to one worker
 * and are group-committed: those that arrive while a commit is in flight share the next one. Other processes may have the
 * same file open: their writers take turns, and reads see what any of them has acknowledged.
 */
export function openSqliteEngine(path: string, use?: StoreUse): Engine {
  const file = resolve(path);
  const reader = openFile(file);
  const turn = turnsOfReads(reader);
  const worker = new Worker(new URL(`./writer${extname(import.meta.url)}`, import.meta.url), {
    workerData: { path: file, use },
  });
  const encode = batchEncoder();
  const queue: Waiting[] = [];
  let inFlight: Waiting[] = [];
  let stopped: Error | undefined;

  function sendNext(): void {
    if (inFlight.length > 0 || queue.length === 0) return;
    inFlight = queue.splice(0, BATCH_LIMIT);
    worker.postMessage(encode(inFlight.map((waiting) => waiting.changes)));
  }

  function failAll(error: Error): void {
    stopped = new StoreUnavailableError(`the store's writer stopped: ${error.message}`);
    for (const waiting of [...inFlight.splice(0), ...queue.splice(0)]) waiting.reject(stopped);
  }

  worker.on('message', (answer: unknown) => {
    // Under `node --watch` Node.js itself sends messages from here, which name the files that the thread has loaded.
    if (typeof answer !== 'string') return;
    // Whoever is told of a commit now sees it in what it reads next.
    turn.end();
    const results = JSON.parse(answer) as WriteResult[];
    const settled = inFlight;
    inFlight = [];
    sendNext();
    for (const [index, result] of results.entries()) settle(settled[index], result);
  });
  worker.on('error', failAll);
  worker.on('exit', () => failAll(new Error('it ended')));

  return {
    dialect: 'sqlite',
    async read(query) {
      try {
        return turn.query(query.sql, query.params);
      } catch (error) {
        throw namedError(failure(error));
      }
    },
    commit(changes) {
      if (stopped) return Promise.reject(stopped);
      return new Promise((resolve, reject) => {
        queue.push({ changes, resolve, reject });
        // Those that arrive in the same turn of the event loop share the first commit.
        if (queue.length === 1 && inFlight.length === 0) setImmediate(sendNext);
      });
    },
    runScript: async (sql) => {
      turn.end();
      runScript(reader, sql);
    },
    buildIndex: async ({ sql }) => {
      turn.end();
      runScript(reader, sql);
    },
    // The database is in this process: its clock is this machine's, and the driver sets what makes commits durable.
    time: async () => Date.now(),
    durabilityWeaknesses: async () => [],
    limiterClient: () => null,
    async close() {
      while (inFlight.length > 0 || queue.length > 0) await new Promise((next) => setTimeout(next, 1));
      const ended = new Promise((resolve) => worker.once('exit', resolve));
      worker.postMessage('close');
      await ended;
      turn.end();
      reader.close();
    },
  };
}

function runScript(connection: SqliteConnection, sql: string): void {
  try {
    connection.execute(`BEGIN IMMEDIATE;\n${sql}\n;COMMIT;`);
  } catch (error) {
    if (connection.inTransaction()) connection.execute('ROLLBACK');
    throw namedError(failure(error));
  }
}

function openFile(file: string): SqliteConnection {
  try {
    makeFolder(dirname(file));
    return openSqlite(file);
  } catch (error) {
    throw new OperatorError(
      `cannot open the store ${file}: ${(error as Error).message}. Check store.url and the folder's permissions.`,
    );
  }
}

/** One level at a time: Node.js never comes back from making nested folders where none can be made, as in `/proc`. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function settle(waiting: Waiting | undefined, result: WriteResult): void {
  if (!waiting) return;
  if (result.ok || 'guard' in result) waiting.resolve(result);
  else waiting.reject(namedError(result));
}

function namedError(failed: WriteFailure): Error {
  if (failed.failure === 'conflict') return new StoreConflictError(failed.message);
  if (failed.failure === 'unavailable') return new StoreUnavailableError(failed.message);
  return new Error(failed.message);
}
