import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../testing/core.ts';
import { ENGINES } from '../testing/engines.ts';
import { buildApp } from './app.ts';
import { CleanUp } from './clean-up.ts';
import { CHUNK_ROWS } from './store/clean-up.ts';
import { countAttempt, failAttempt, passAttempt } from './store/count-attempt.ts';
import type { Change } from './store/engine.ts';
import { endSession, insertSession } from './store/sessions.ts';

const DAY_SECONDS = 86_400;
const LIMIT = { maxFailures: 5, waitSeconds: 30, lockAfter: null, forgets: true };
const MANY = 2 * CHUNK_ROWS + 50;

describe.each(ENGINES)('cleaning up on %s', (engine) => {
  let core: TestCore;
  let cleanUp: CleanUp;
  beforeAll(async () => {
    core = await openTestCore(engine);
    cleanUp = new CleanUp(core.store, core.clock, core.log, {
      everySeconds: 60,
      keepSeconds: 7 * DAY_SECONDS,
      revocationSeconds: 0,
    });
    await loadDirectory(core, [{ kind: 'account', id: uuid(1), username: 'ada' }]);
  });
  afterAll(async () => {
    await cleanUp.stop();
    await core.close();
  });

  const keyOf = (index: number) => `password:account:${String(index).padStart(5, '0')}`;
  const states = async (keys: readonly string[]) =>
    Promise.all(keys.map(async (key) => (await core.store.attempts.state(key)) !== null));
  const sessionOf = (id: string, expiresAt: number): Change => {
    const now = core.clock.now();
    const times = { rotatedAt: now, createdAt: now, refreshExpiresAt: expiresAt, expiresAt, endedAt: null };
    const who = { principal: { kind: 'account', id: uuid(1) }, accountId: uuid(1), epoch: 1 } as const;
    return insertSession(
      { id, ...who, mount: 'login', membership: null, methods: ['pwd'], counter: 0, ...times },
      { opaqueHash: null, fingerprintHash: null, address: '::1', userAgent: null },
    );
  };

  test('takes what is counted for nothing any more, however much there is, and nothing else', async () => {
    const now = core.clock.now();
    for (let index = 0; index < MANY; index += 1)
      await core.store.commit([countAttempt(keyOf(index), LIMIT, now, 1000), passAttempt(keyOf(index))]);
    const old = [0, CHUNK_ROWS - 1, CHUNK_ROWS, 2 * CHUNK_ROWS - 1, 2 * CHUNK_ROWS, MANY - 1].map(keyOf);
    await cleanUp.run();
    expect(await states(old)).toEqual(old.map(() => true));
    core.clock.advance(8 * DAY_SECONDS);
    const fresh = [keyOf(7), keyOf(CHUNK_ROWS + 7)];
    for (const key of fresh)
      await core.store.commit([
        countAttempt(key, LIMIT, core.clock.now(), 1000),
        failAttempt(key, LIMIT, core.clock.now()),
      ]);
    await cleanUp.run();
    expect(await states(old)).toEqual(old.map(() => false));
    expect(await states(fresh)).toEqual([true, true]);
  });

  test('takes sessions a week after they expired or were ended', async () => {
    const now = core.clock.now();
    await core.store.commit([
      sessionOf('lives', now + 100 * DAY_SECONDS * 1000),
      sessionOf('ended', now + 100 * DAY_SECONDS * 1000),
      sessionOf('expires', now + 1000),
      ...endSession('ended', 'signed-out', now),
    ]);
    const left = async () =>
      (
        await Promise.all(
          ['lives', 'ended', 'expires'].map(
            async (id) => (await core.store.principals.bySession(id))?.session.id,
          ),
        )
      ).filter((id) => id !== undefined);
    core.clock.advance(6 * DAY_SECONDS);
    await cleanUp.run();
    expect(await left()).toEqual(['lives', 'ended', 'expires']);
    core.clock.advance(2 * DAY_SECONDS);
    await cleanUp.run();
    expect(await left()).toEqual(['lives']);
    expect(core.log.lines).toEqual([]);
  });

  test('is the work of one of several workers, whoever has its place', async () => {
    await core.store.commit([sessionOf('forgotten', core.clock.now() + 1000)]);
    core.clock.advance(8 * DAY_SECONDS);
    const isThere = async () => (await core.store.principals.bySession('forgotten')) !== null;
    const config = { ...core.config, cleanUp: { ...core.config.cleanUp, everySeconds: 1 } };
    const workerAt = (place: number) =>
      buildApp(config, { ...core, publicUrl: () => '', worker: { count: 2, place, isFirst: false } });
    const second = await workerAt(1);
    await sleep(2500);
    expect(await isThere()).toBe(true);
    await second.close();
    const first = await workerAt(0);
    await expect.poll(isThere, { timeout: 20_000 }).toBe(false);
    await first.close();
  });
});
