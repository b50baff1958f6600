import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { ALL_ENGINES, ENGINES } from './engines.ts';
import { startPostgres } from './postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
  }
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Builds the program, which some tests run as it is installed, and starts one PostgreSQL server for the whole run. A
 * server that is there already can be named instead.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  execFileSync('node_modules/.bin/tsc', ['-b', 'server'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  const left = ALL_ENGINES.filter((engine) => !ENGINES.includes(engine));
  if (left.length > 0) process.stderr.write(`TEST_ENGINES: nothing is tested on ${left.join(', ')}\n`);
  const given = process.env.TEST_POSTGRES_URL;
  if (given !== undefined) {
    project.provide('postgresUrl', given);
    return async () => undefined;
  }
  const postgres = await startPostgres();
  project.provide('postgresUrl', postgres.url);
  return () => postgres.stop();
}
