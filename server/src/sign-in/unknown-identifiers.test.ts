import { randomBytes } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { ALL_DOORS, signInAt } from '../../testing/doors.ts';
import { ENGINES } from '../../testing/engines.ts';
import { readTables } from '../../testing/store-dump.ts';
import { CleanUp } from '../clean-up.ts';
import type { Core } from '../core.ts';
import { CHUNK_ROWS } from '../store/clean-up.ts';
import { countAttempt, failAttempt } from '../store/count-attempt.ts';
import { unknownKey } from './throttle.ts';

const DAY_SECONDS = 86_400;
const randomName = () => `${randomBytes(12).toString('hex')}@example.com`;

/** Lets the store's clean-up do one round. @param everySeconds how often it is to do one */
async function cleanUpOnce({ clock, log }: Core, store: Core['store'], everySeconds = 60): Promise<void> {
  const times = { everySeconds, keepSeconds: 7 * DAY_SECONDS, revocationSeconds: 0 };
  const cleanUp = new CleanUp(store, clock, log, times);
  await cleanUp.run();
  await cleanUp.stop();
}

describe.each(ENGINES)('EN-5: identifiers that nobody has, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
  });
  afterAll(() => app.stop());

  test('leave nothing after a week but their lines in the audit log', async () => {
    const rows = async () => {
      const tables = Object.entries(await readTables(app.core.config.store.url));
      // SQLite has one of its own.
      const ours = tables.filter(([name]) => !name.startsWith('sqlite_'));
      return new Map(ours.map(([name, { length }]) => [name, length]));
    };
    const before = await rows();
    const grown = async () =>
      [...(await rows())].flatMap(([name, count]) => (count > (before.get(name) ?? 0) ? [name] : []));
    const counted = async () => ((await rows()).get('attempts') ?? 0) - (before.get('attempts') ?? 0);

    const asked = ALL_DOORS.flatMap((door) => Array.from({ length: 10 }, () => door));
    for (const door of asked)
      await signInAt(app, door, { email: randomName(), password: 'a wrong password' });
    expect(await counted()).toBe(asked.length);
    app.core.clock.advance(6 * DAY_SECONDS);
    await cleanUpOnce(app.core, app.core.store);
    expect(await counted()).toBe(asked.length);
    app.core.clock.advance(2 * DAY_SECONDS);
    await cleanUpOnce(app.core, app.core.store);
    expect(await grown()).toEqual(['audit']);
  });
});

describe('EN-5: 20,000 identifiers that nobody has', () => {
  /** As many as come in a minute, and are gone through in one. */
  const MANY = 20_000;
  let core: TestCore;
  let database: DatabaseSync;
  beforeAll(async () => {
    core = await openTestCore('sqlite');
    database = new DatabaseSync(core.config.store.url.slice('sqlite:'.length), { readOnly: true });
  });
  afterAll(async () => {
    database.close();
    await core.close();
  });

  /** Has that many come, each with a wrong password. */
  async function come(count: number): Promise<void> {
    const now = core.clock.now();
    const limit = { maxFailures: 5, waitSeconds: 30, lockAfter: null, forgets: true };
    const keys = Array.from({ length: count }, () => unknownKey(core.vault.hash('identifier', randomName())));
    while (keys.length > 0)
      await core.store.commit(
        keys
          .splice(0, 500)
          .flatMap((key) => [countAttempt(key, limit, now, 1000), failAttempt(key, limit, now)]),
      );
  }

  const left = () => Number(database.prepare('SELECT count(*) AS rows FROM attempts').get()?.rows);

  /** Cleans up, and tells how many rows each commit of it has removed. */
  async function cleanUpInSteps(): Promise<number[]> {
    const steps: number[] = [];
    const commit: Core['store']['commit'] = async (changes) => {
      const before = left();
      const committed = await core.store.commit(changes);
      steps.push(before - left());
      return committed;
    };
    await cleanUpOnce(core, { ...core.store, commit });
    return steps;
  }

  test('are counted for a week, and then removed a piece at a time', async () => {
    await come(MANY);
    expect(left()).toBe(MANY);
    core.clock.advance(6 * DAY_SECONDS);
    expect(Math.max(...(await cleanUpInSteps()))).toBe(0);
    core.clock.advance(2 * DAY_SECONDS);
    const steps = await cleanUpInSteps();
    expect(Math.max(...steps)).toBe(CHUNK_ROWS);
    expect(left()).toBe(0);
  });

  test('are no more when rounds are rarer: each goes through more', async () => {
    await come(MANY + 2 * CHUNK_ROWS);
    core.clock.advance(8 * DAY_SECONDS);
    await cleanUpOnce(core, core.store, 120);
    expect(left()).toBe(0);
  });
});
