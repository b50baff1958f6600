import type { AddressInfo } from 'node:net';
import type { Worker } from 'node:worker_threads';
import { vi } from 'vitest';
import type { Log } from '../src/ports.ts';
import type { Engine } from '../src/store/engine.ts';
import type { TestCore } from './core.ts';
import { type RemoteServer, remoteServer } from './remote.ts';

/** A server beside others on one store, that shares nothing with them but the database and the clock. */
export interface MortalServer extends RemoteServer {
  /**
   * Ends it as a kill ends a process: from one moment to the next nothing of it reaches the store any more, and who waits for an
   * answer gets none. The thread that writes to an embedded store is gone with what it had not begun.
   */
  kill(): Promise<void>;
  /**
   * Has it die at the next commit that has a statement like this one: just before it, or as soon as it is on disk and nobody
   * has been told. What is left of it is to be killed.
   */
  dieAt(statement: RegExp, isCommitted: boolean): Fate;
  /** Ends it in order. */
  stop(): Promise<void>;
}

/** What may become of a server. */
export interface Fate {
  isDead(): boolean;
  /** Takes it back, when it has not come to that. */
  avert(): void;
}

/** Starts one. @param core whose configuration, clock and log it has; its store is opened anew */
export async function startMortalServer({ config, clock, log }: TestCore): Promise<MortalServer> {
  const { secretKey, publicUrl } = config;
  if (secretKey === null || publicUrl === null)
    throw new Error('the servers of a store have one secret and one name');
  const program = await freshProgram();
  const { engine, cut, dieAt } = await openMortalEngine(program, config.store.url, log);
  const store = program.storeOn(engine);
  const random = program.systemRandom;
  const vault = program.createVault(secretKey, random);
  const wording = program.createWording(program.wordingOptions(config));
  const ports = { store, vault, clock, random, log, wording, publicUrl: () => publicUrl };
  const app = await program.buildApp(config, ports);
  await app.server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.server.address() as AddressInfo;
  return {
    ...remoteServer(`http://127.0.0.1:${port}`),
    async kill() {
      app.server.server.closeAllConnections();
      await cut();
      // What is left are timers and threads of this process, which could do nothing more: they have no store.
      await app.close();
    },
    dieAt: (statement, isCommitted) =>
      dieAt({ statement, isCommitted, onDeath: () => app.server.server.closeAllConnections() }),
    async stop() {
      await app.close();
      await store.close();
    },
  };
}

type Program = Awaited<ReturnType<typeof freshProgram>>;

/** What a server is made of, its modules evaluated anew: what one of them might keep is of one server only, and goes with it. */
async function freshProgram() {
  vi.resetModules();
  return {
    ...(await import('../src/app.ts')),
    ...(await import('../src/crypto/vault.ts')),
    ...(await import('../src/delivery/wording.ts')),
    ...(await import('../src/errors.ts')),
    ...(await import('../src/ports.ts')),
    ...(await import('../src/store/postgres/engine.ts')),
    ...(await import('../src/store/sqlite/engine.ts')),
    ...(await import('../src/store/store.ts')),
  };
}

interface Doom {
  readonly statement: RegExp;
  readonly isCommitted: boolean;
  readonly onDeath: () => void;
}

/** An engine that can be cut off from its database in the middle of whatever it does. */
async function openMortalEngine(
  program: Program,
  url: string,
  log: Log,
): Promise<{ engine: Engine; cut: () => Promise<void>; dieAt: (doom: Doom) => Fate }> {
  const { StoreUnavailableError } = program;
  const { living, end } = url.startsWith('sqlite:')
    ? await openOnFile(program, url.slice('sqlite:'.length))
    : openOnServer(program, url, log);
  let isCut = false;
  let doom: Doom | null = null;
  const die = ({ onDeath }: Doom): void => {
    isCut = true;
    onDeath();
  };
  /** What was asked for before the cut is not told of after it. */
  const orNothing = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = isCut ? null : await work();
    if (isCut || result === null) throw new StoreUnavailableError('this server was killed');
    return result;
  };
  return {
    engine: {
      ...living,
      read: (query) => orNothing(() => living.read(query)),
      commit(changes) {
        const fatal = changes.some(({ sql }) => doom?.statement.test(sql)) ? doom : null;
        if (fatal && !fatal.isCommitted) die(fatal);
        return orNothing(async () => {
          const committed = await living.commit(changes);
          if (fatal && committed.ok) die(fatal);
          return committed;
        });
      },
    },
    dieAt(wanted) {
      doom = wanted;
      return {
        isDead: () => isCut,
        avert: () => {
          doom = null;
        },
      };
    },
    async cut() {
      isCut = true;
      await end();
    },
  };
}

/** An engine, and what ends it without order. */
interface Ending {
  readonly living: Engine;
  end(): Promise<void>;
}

async function openOnFile({ openSqliteEngine }: Program, path: string): Promise<Ending> {
  const started = new Promise<Worker>((resolve) => process.once('worker', resolve));
  const living = openSqliteEngine(path);
  const writer = await started;
  return {
    living,
    async end() {
      await writer.terminate();
      // Closes the connection that reads: it waits for the end of the thread, which has come.
      const closed = living.close();
      writer.emit('exit', 1);
      await closed;
    },
  };
}

/** Nothing waits in front of PostgreSQL but what is on its way there. */
function openOnServer({ openPostgresEngine }: Program, url: string, log: Log): Ending {
  const living = openPostgresEngine(url, log);
  return { living, end: () => living.close() };
}
