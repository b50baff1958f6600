import type { JWK } from 'jose';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeFakeServer } from '../testing/fake-server.ts';
import { makeSigner } from '../testing/signer.ts';
import type { Algorithm } from './compact-token.ts';
import { KeySet } from './key-set.ts';

const [first, second] = [makeSigner('ES256', 'first'), makeSigner('ES256', 'second')];

/** A key set, its server, and a clock to move. */
function setUp(...keys: readonly JWK[]) {
  const server = makeFakeServer(...keys);
  const closing = new AbortController();
  onTestFinished(() => closing.abort(new Error('closed')));
  const errors: Error[] = [];
  const clock = { now: 0 };
  const set = new KeySet({
    access: { baseUrl: 'https://id.example.com', fetch: server.fetch, closed: closing.signal },
    algorithms: new Set<Algorithm>(['ES256']),
    lifeMilliseconds: 60_000,
    unknownKeyMilliseconds: 5000,
    steadyNow: () => clock.now,
    onError: (error) => errors.push(error),
  });
  return { server, set, clock, errors, closing, fetches: () => server.asked.length };
}

const unavailable = expect.objectContaining({ reason: 'unavailable' });

describe('a key set', () => {
  test('fetches when it is first asked, once for all who wait, and imports a key once', async () => {
    const { set, clock, fetches } = setUp(first.jwk);
    const found = await Promise.all(Array.from({ length: 20 }, () => set.find('first')));
    expect(new Set(found).size).toBe(1);
    expect(found[0]?.algorithm).toBe('ES256');
    expect(fetches()).toBe(1);
    clock.now = 301_000;
    expect(await set.find('first')).toBe(found[0]);
    expect(fetches()).toBe(2);
  });

  test.each([
    ['public, max-age=120', 120_000],
    ['max-age=120,public', 120_000],
    ['no-store', 60_000],
    [null, 60_000],
    ['max-age=0', 5000],
    ['max-age=99999999999', 86_400_000],
  ])('keeps keys as long as %j says', async (cacheControl, milliseconds) => {
    const { set, server, clock, fetches } = setUp(first.jwk);
    server.cacheControl = cacheControl;
    await set.find('first');
    clock.now = milliseconds - 1;
    await set.find('first');
    expect(fetches()).toBe(1);
    clock.now = milliseconds;
    await set.find('first');
    expect(fetches()).toBe(2);
  });

  test('counts that from when it asked: the answer may have been on its way for long', async () => {
    const { set, server, clock, fetches } = setUp(first.jwk);
    server.cacheControl = 'max-age=120';
    const release = server.hold();
    const found = set.find('first');
    clock.now = 100_000;
    release();
    await found;
    clock.now = 120_000;
    await set.find('first');
    expect(fetches()).toBe(2);
  });

  test('wants no answer that a cache has kept', async () => {
    const { set, server } = setUp(first.jwk);
    await set.find('first');
    expect(server.headers.get('cache-control')).toBe('no-cache');
  });

  test('finds a key that is new', async () => {
    const { set, server, clock, fetches } = setUp(first.jwk);
    await set.find('first');
    server.keys = [first.jwk, second.jwk];
    clock.now = 5000;
    expect(await set.find('second')).toBeDefined();
    expect(fetches()).toBe(2);
  });

  test('is not made to fetch by ids that nobody has', async () => {
    const { set, clock, fetches } = setUp(first.jwk);
    for (clock.now = 0; clock.now < 10_000; clock.now += 100)
      await Promise.all([set.find(`unknown-${clock.now}`), set.find('unknown')]);
    expect(fetches()).toBe(2);
    expect(await set.find('unknown')).toBeUndefined();
  });

  test('keeps its keys while the server is down, waits for it once, and says so', async () => {
    const { set, server, clock, errors, fetches } = setUp(first.jwk);
    const key = await set.find('first');
    server.isDown = true;
    clock.now = 300_000;
    expect(await set.find('first')).toBe(key);
    expect(fetches()).toBe(2);
    expect(errors).toHaveLength(1);
    for (; clock.now < 300_900; clock.now += 100) await set.find('first');
    expect(fetches()).toBe(2);
    // From now on it is tried in the background: nobody waits, though nothing is answered.
    const release = server.hold();
    clock.now = 302_000;
    expect(await set.find('first')).toBe(key);
    expect(fetches()).toBe(3);
    server.isDown = false;
    release();
    await expect.poll(() => set.find('second')).toBeUndefined();
  });

  test('cannot say that a key is unknown while the server is down', async () => {
    const { set, server, clock, fetches } = setUp(first.jwk);
    await set.find('first');
    server.isDown = true;
    clock.now = 6000;
    await expect(set.find('second')).rejects.toEqual(unavailable);
    await expect(set.find('second')).rejects.toEqual(unavailable);
    expect(fetches()).toBe(2);
    server.isDown = false;
    clock.now = 7000;
    expect(await set.find('second')).toBeUndefined();
  });

  test('without any keys tries again a second later', async () => {
    const { set, server, clock, fetches } = setUp(first.jwk);
    server.isDown = true;
    await expect(set.find('first')).rejects.toEqual(unavailable);
    await expect(set.find('first')).rejects.toEqual(unavailable);
    expect(fetches()).toBe(1);
    server.isDown = false;
    clock.now = 1000;
    expect(await set.find('first')).toBeDefined();
  });

  test.each([
    ['no JSON', { body: '<html>' }],
    ['no key set', { body: { keys: {} } }],
    ['nothing', { body: null }],
    ['an error', { status: 500, body: { keys: [] } }],
  ])('keeps its keys when what comes is %s', async (_, answer) => {
    const { set, server, clock, errors } = setUp(first.jwk);
    await set.find('first');
    server.keysAnswer = answer;
    clock.now = 300_000;
    expect(await set.find('first')).toBeDefined();
    expect(errors).toHaveLength(1);
  });

  test('drops keys that the server has taken back, and waits for the news', async () => {
    const { set, server } = setUp(first.jwk, second.jwk);
    await set.find('first');
    server.keys = [second.jwk];
    const release = server.hold();
    const replaced = set.replace();
    const found = Promise.all([set.find('first'), set.find('second')]);
    release();
    expect((await found).map((key) => key?.keyId)).toEqual([undefined, 'second']);
    await replaced;
  });

  test('does not believe an answer that was on its way when the keys changed', async () => {
    const { set, server, clock, fetches } = setUp(first.jwk);
    await set.find('first');
    clock.now = 5000;
    const release = server.hold();
    const early = set.find('second');
    server.keys = [];
    const replaced = set.replace();
    release();
    await Promise.all([early, replaced]);
    expect(fetches()).toBe(3);
    expect(await set.find('first')).toBeUndefined();
  });

  test('uses no key while it cannot learn which were taken back', async () => {
    const { set, server, clock } = setUp(first.jwk);
    await set.find('first');
    server.isDown = true;
    await expect(set.replace()).rejects.toThrow('cannot be fetched');
    await expect(set.find('first')).rejects.toEqual(unavailable);
    server.isDown = false;
    clock.now = 1000;
    expect(await set.find('first')).toBeDefined();
  });

  test('lets one who waits go, and not the others', async () => {
    const { set, server } = setUp(first.jwk);
    const release = server.hold();
    const impatient = new AbortController();
    const left = set.find('first', impatient.signal);
    const stays = set.find('first');
    impatient.abort(new Error('enough'));
    await expect(left).rejects.toThrow('enough');
    release();
    expect(await stays).toBeDefined();
  });

  test('ends its fetch when it is closed, and tells nobody', async () => {
    const { set, server, closing, errors } = setUp(first.jwk);
    server.hold();
    const found = set.find('first');
    closing.abort(new Error('closed'));
    await expect(found).rejects.toEqual(unavailable);
    await expect(set.untilReady()).rejects.toThrow('closed');
    expect(errors).toEqual([]);
  });
});
