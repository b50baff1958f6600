import { createDatabase, startPostgres, type TestPostgres } from '../../server/testing/postgres.ts';
import { directoryLine, passwordHashAtDefaults } from '../subject.ts';
import type { Contender } from './contender.ts';
import { latchkeyOnPostgres } from './latchkey.ts';
import { betterAuthOnPostgres } from './peer.ts';

const NODES = [1, 2, 4] as const;

/** A PostgreSQL server of the bench's own, as it comes. */
class BenchPostgres {
  #server: TestPostgres | null = null;

  /** Latchkey with one node and with several on one database, and Better Auth on another. */
  async contenders(people: number): Promise<Contender[]> {
    this.#server = await startPostgres();
    const hash = passwordHashAtDefaults();
    const lines = Array.from({ length: people }, (_, index) => directoryLine(index, hash)).join('\n');
    const withNodes = latchkeyOnPostgres(await createDatabase(this.#server.url), lines);
    return [...NODES.map(withNodes), betterAuthOnPostgres(people, await createDatabase(this.#server.url))];
  }

  /** Ends it, if it runs. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    await server?.stop();
  }
}

/** The one that a run has. */
export const benchPostgres = new BenchPostgres();
