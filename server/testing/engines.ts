import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { createDatabase } from './postgres.ts';

/** Those that there are. */
export const ALL_ENGINES = ['sqlite', 'postgres'] as const;

/** The engines that every suite about the store runs on: both, or those that `TEST_ENGINES` names. */
export const ENGINES = ALL_ENGINES.filter(
  (engine) => process.env.TEST_ENGINES?.split(',').includes(engine) ?? true,
);

/** A store address that nobody has used, and what removes it. */
export interface TestStoreAddress {
  readonly url: string;
  remove(): void;
}

/** A fresh store of that engine. */
export async function freshStoreAddress(engine: (typeof ENGINES)[number]): Promise<TestStoreAddress> {
  if (engine === 'postgres')
    return { url: await createDatabase(inject('postgresUrl')), remove: () => undefined };
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-store-'));
  return {
    url: `sqlite:${join(directory, 'latchkey.db')}`,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
