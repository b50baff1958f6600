import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment, latchkeyIn, makeStore, PROGRAM, type Subject, start } from '../subject.ts';
import type { Contender, Running } from './contender.ts';
import { latchkeyDialect } from './dialects.ts';
import { LATCHKEY } from './names.ts';
import { sqliteSize } from './sqlite-size.ts';

/** Several processes as one server. */
export function together(subjects: readonly Subject[]): Running {
  return {
    urls: subjects.map(({ url }) => url),
    pids: subjects.map(({ pid }) => pid),
    startMilliseconds: Math.max(...subjects.map(({ startMilliseconds }) => startMilliseconds)),
    stop: async () => {
      await Promise.all(subjects.map((subject) => subject.stop()));
    },
  };
}

/**
 * Latchkey as it is installed, with its defaults, on the embedded store.
 * @param options of `latchkey serve`; the name says them
 */
export function latchkeyOnSqlite(people: number, options: readonly string[] = []): Contender {
  const store = makeStore(people);
  return {
    name: [LATCHKEY, ...options].join(' '),
    dialect: latchkeyDialect,
    start: async () => together([await latchkeyIn(store.directory, options)]),
    storeSize: () => sqliteSize(join(store.directory, 'data', 'latchkey.db')),
    remove: store.remove,
  };
}

/**
 * Nodes of Latchkey on one PostgreSQL database, with their defaults.
 * @param database an empty one
 * @param directoryLines the accounts
 */
export function latchkeyOnPostgres(database: string, directoryLines: string): (nodes: number) => Contender {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
  const settings = {
    LATCHKEY_STORE_URL: database,
    LATCHKEY_SECRETS_KEY: randomBytes(32).toString('base64'),
    LATCHKEY_PUBLIC_URL: 'http://127.0.0.1:3000',
  };
  const options = { cwd: directory, env: { ...environment(), ...settings } };
  execFileSync(PROGRAM, ['migrate'], { ...options, stdio: 'ignore' });
  execFileSync(PROGRAM, ['import', '-'], {
    ...options,
    input: directoryLines,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return (nodes) => ({
    name: `Latchkey, PostgreSQL, ${nodes} ${nodes === 1 ? 'node' : 'nodes'}`,
    dialect: latchkeyDialect,
    start: async () => {
      const subjects: Subject[] = [];
      for (let node = 0; node < nodes; node += 1)
        subjects.push(await start(PROGRAM, ['serve'], directory, settings));
      return together(subjects);
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  });
}
