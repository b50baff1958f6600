import { createDatabase, startPostgres } from '../../server/testing/postgres.ts';
import { directoryLine, passwordHashAtDefaults } from '../subject.ts';
import type { Contender } from './contender.ts';
import { latchkeyOnPostgres } from './latchkey.ts';
import { betterAuthOnPostgres } from './peer.ts';

const NODES = [1, 2, 4] as const;

/** Contenders that share a PostgreSQL server of the bench's own, as it comes. */
export interface OnPostgres {
  readonly contenders: readonly Contender[];
  stop(): Promise<void>;
}

/** Latchkey with one node and with several on one database, and Better Auth on another. */
export async function contendersOnPostgres(people: number): Promise<OnPostgres> {
  const server = await startPostgres();
  const hash = passwordHashAtDefaults();
  const lines = Array.from({ length: people }, (_, index) => directoryLine(index, hash)).join('\n');
  const withNodes = latchkeyOnPostgres(await createDatabase(server.url), lines);
  return {
    contenders: [...NODES.map(withNodes), betterAuthOnPostgres(people, await createDatabase(server.url))],
    stop: () => server.stop(),
  };
}
