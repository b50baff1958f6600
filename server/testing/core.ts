import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { loadConfiguration } from '../src/config.ts';
import { type Core, openCore } from '../src/core.ts';
import { importDirectory } from '../src/directory/import.ts';
import { type ENGINES, freshStoreAddress } from './engines.ts';
import { type KeptLog, keptLog, type MovableClock, movableClock } from './ports.ts';

/** A core on a fresh store, with a clock that can be moved and a log that can be read. */
export interface TestCore extends Core {
  readonly clock: MovableClock;
  readonly log: KeptLog;
  close(): Promise<void>;
}

/** Settings for tests, as the environment would give them: hashing is cheap and refusals are not held back. */
export const TEST_SETTINGS: Readonly<Record<string, string>> = {
  LATCHKEY_LISTEN_DRAIN_MILLISECONDS: '100',
  LATCHKEY_HASHING_MEMORY_KIB: '256',
  LATCHKEY_HASHING_PASSES: '1',
  LATCHKEY_SIGN_IN_REFUSAL_MILLISECONDS: '0',
  LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":100000,"seconds":60}',
  LATCHKEY_SIGN_IN_ASKS_PER_ADDRESS: '{"count":100000,"seconds":60}',
  // Tests share their processors with others: nobody is turned away for that.
  LATCHKEY_HASHING_QUEUE_MILLISECONDS: '30000',
  LATCHKEY_LIMITS_EVENT_LOOP_MILLISECONDS: '0',
  // Everybody in the tests comes from one address.
  LATCHKEY_MAIL_LIMIT_UNPROVEN_PER_SOURCE: '100000',
  LATCHKEY_MAIL_LIMIT_PROVEN_PER_SOURCE: '100000',
  LATCHKEY_SMS_LIMIT_PER_SOURCE: '100000',
};

/** @param settings more settings, as environment variables */
export async function openTestCore(
  engine: (typeof ENGINES)[number],
  settings: Readonly<Record<string, string>> = {},
  clock: MovableClock = movableClock(),
): Promise<TestCore> {
  const address = await freshStoreAddress(engine);
  const environment = {
    ...TEST_SETTINGS,
    LATCHKEY_STORE_URL: address.url,
    LATCHKEY_SECRETS_KEY: randomBytes(32).toString('base64'),
    ...settings,
  };
  const config = loadConfiguration({ environment, directory: tmpdir() });
  const log = keptLog();
  if (engine === 'postgres') await migrateFirst(config.store.url, log);
  const core = await openCore(config, log);
  return {
    ...core,
    clock,
    log,
    async close() {
      await core.store.close();
      address.remove();
    },
  };
}

async function migrateFirst(url: string, log: KeptLog): Promise<void> {
  const { openStore } = await import('../src/store/store.ts');
  const store = await openStore(url, log);
  await store.migrate(movableClock());
  await store.close();
}

/** Takes every signing key away, as if nobody had ever served on the store. */
export async function forgetKeys({ store }: Pick<Core, 'store'>): Promise<void> {
  await store.commit([
    { sql: 'DELETE FROM signing_keys', params: [] },
    { sql: "DELETE FROM facts WHERE name LIKE 'first-key:%'", params: [] },
  ]);
}

/** Loads objects into a core's directory; every one of them must be right. */
export async function loadDirectory(core: Core, objects: readonly object[]): Promise<void> {
  async function* lines() {
    for (const [index, object] of objects.entries())
      yield { source: 'test', lineNumber: index + 1, text: JSON.stringify(object) };
  }
  const report = await importDirectory(core, lines(), { dryRun: false });
  if (report.refused.length > 0)
    throw new Error(`the test directory is wrong: ${JSON.stringify(report.refused)}`);
}

/** A UUID that is easy to read in a failure: the same number gives the same id. */
export function uuid(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}
