import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { forgetKeys, openTestCore, type TestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { frozenClock } from '../../testing/ports.ts';
import { stateFact } from '../store/facts.ts';
import type { SigningKeyRecord } from '../store/signing-keys.ts';
import { type AsymmetricAlgorithm, KeyRing, signingNow } from './key-ring.ts';

const PUBLISH_SECONDS = 300;
const TOKEN_SECONDS = 3600;

const told = ({ id }: SigningKeyRecord) => stateFact(`told:${id}`, id);

describe.each(ENGINES)('the key ring on %s', (engine) => {
  let core: TestCore;
  const rings: KeyRing[] = [];
  beforeAll(async () => {
    core = await openTestCore(engine, {}, frozenClock());
  });
  beforeEach(async () => {
    stopAll();
    await forgetKeys(core);
  });
  afterAll(async () => {
    stopAll();
    await core.close();
  });

  function stopAll(): void {
    for (const ring of rings.splice(0)) ring.stop();
    vi.useRealTimers();
  }
  const ringOf = (...algorithms: AsymmetricAlgorithm[]) =>
    new KeyRing({ ...core, algorithms, publishSeconds: PUBLISH_SECONDS, longestTokenSeconds: TOKEN_SECONDS });
  const open = async (...algorithms: AsymmetricAlgorithm[]) => {
    const ring = ringOf(...(algorithms.length === 0 ? (['ES256'] as const) : algorithms));
    await ring.start((error) => {
      throw error;
    });
    rings.push(ring);
    return ring;
  };
  const published = (ring: KeyRing) => ring.jwks().keys.map(({ kid }) => kid);

  test('of many servers that start together, one makes the first key and all use it', async () => {
    const rings = await Promise.all(Array.from({ length: 8 }, () => open()));
    const ids = new Set(rings.map((ring) => ring.signer('ES256').key.id));
    expect(ids.size).toBe(1);
  });

  test('a new key is published first, signs when every copy has it, and the old one stays until its last token has ended', async () => {
    const [one, other] = [await open(), await open()];
    const old = one.signer('ES256');
    core.clock.advance(1);
    const key = await one.rotate('ES256', told);
    await other.reload();
    for (const ring of [one, other]) {
      expect(published(ring)).toEqual([old.key.id, key.id]);
      expect(ring.signer('ES256').key.id).toBe(old.key.id);
    }
    core.clock.advance(PUBLISH_SECONDS + 11);
    for (const ring of [one, other]) expect(ring.signer('ES256').key.id).toBe(key.id);
    expect(one.verifier(old.header)?.id).toBe(old.key.id);
    core.clock.advance(TOKEN_SECONDS - 10);
    expect(one.verifier(old.header)?.id).toBe(old.key.id);
    core.clock.advance(30);
    expect(one.verifier(old.header)).toBeUndefined();
    expect(published(one)).toEqual([key.id]);
  });

  test('signs on when the clock is set back to before its first key', async () => {
    const ring = await open();
    const first = ring.signer('ES256').key.id;
    core.clock.advance(-3 * 3600);
    expect(published(ring)).toContain(ring.signer('ES256').key.id);
    core.clock.advance(3 * 3600);
    expect(ring.signer('ES256').key.id).toBe(first);
  });

  test('a rotation on a store that never served leaves the first key to sign until the new one does', async () => {
    const key = await ringOf('ES256').rotate('ES256', told);
    const ring = await open();
    const first = ring.signer('ES256');
    expect(first.key.id).not.toBe(key.id);
    core.clock.advance(PUBLISH_SECONDS + 11);
    expect(ring.signer('ES256').key.id).toBe(key.id);
    expect(ring.verifier(first.header)?.id).toBe(first.key.id);
  });

  test('a key that was made while the clock was ahead does not take over from its successor', async () => {
    const ring = await open();
    core.clock.advance(3600);
    const ahead = await ring.rotate('ES256', told);
    core.clock.advance(10 - 3600);
    const successor = await ring.rotate('ES256', told);
    core.clock.advance((ahead.signsFrom - core.clock.now()) / 1000 + 1);
    expect(ring.signer('ES256').key.id).toBe(successor.id);
  });

  test('an old key stays to the moment at which the last token of a server that was late to look has ended', async () => {
    const ring = await open();
    const old = ring.signer('ES256');
    const key = await ring.rotate('ES256', told);
    const now = core.clock.now();
    expect(key.signsFrom - now).toBe((PUBLISH_SECONDS + 2) * 1000);
    const leftSeconds = PUBLISH_SECONDS + 2 + TOKEN_SECONDS + 2;
    const before = ring.keySet();
    core.clock.advance(leftSeconds - 1);
    expect([ring.verifier(old.header)?.id, ring.keySet()]).toEqual([old.key.id, before]);
    core.clock.advance(1);
    expect([ring.verifier(old.header)?.id, ring.keySet()]).toEqual([undefined, key.id]);
  });

  test('an emergency ends the keys before it at once, also one that was to sign later', async () => {
    const ring = await open();
    const old = ring.signer('ES256');
    await ring.rotate('ES256', told);
    const key = await ring.rotate('ES256', told, { emergency: true });
    expect(published(ring)).toEqual([key.id]);
    expect(ring.signer('ES256').key.id).toBe(key.id);
    expect(ring.verifier(old.header)).toBeUndefined();
  });

  test.each([false, true])(
    'a rotation that is not written down is none; in an emergency: %s',
    async (emergency) => {
      const ring = await open();
      const before = ring.jwks();
      await core.store.commit([stateFact('taken', '')]);
      const notTold = () => stateFact('taken', '');
      await expect(ring.rotate('ES256', notTold, { emergency })).rejects.toThrow('not committed: fact');
      await ring.reload();
      expect(ring.jwks()).toEqual(before);
    },
  );

  test('the schedule replaces the newest key of its algorithm when that is older, each time once', async () => {
    const rings = [await open('ES256', 'EdDSA'), await open('ES256', 'EdDSA')];
    const round = async (before: number) => {
      const made = await Promise.all(rings.map((ring) => ring.rotateIfOlder('ES256', before, told)));
      for (const ring of rings) await ring.reload();
      return made.filter((key) => key !== null);
    };
    const seen = new Set<string | undefined>();
    for (let turn = 0; turn < 3; turn += 1) {
      const madeAt = core.clock.now();
      core.clock.advance(60);
      // The other algorithm's key is younger: it says nothing of this one's.
      await rings[0]?.rotate('EdDSA', told, { emergency: true });
      expect(await round(madeAt)).toEqual([]);
      const made = await round(madeAt + 1);
      expect(made).toMatchObject([{ algorithm: 'ES256', createdAt: core.clock.now() }]);
      seen.add(made[0]?.id);
    }
    expect(seen.size).toBe(3);
    expect(rings[0]?.keySet()).toBe(rings[1]?.keySet());
  });

  test('has keys of every algorithm that it is asked for, each named in its header and published', async () => {
    const algorithms = ['ES256', 'EdDSA', 'RS256'] as const;
    const ring = await open(...algorithms);
    expect(ring.algorithms).toEqual(algorithms);
    for (const algorithm of algorithms) {
      const { key, header } = ring.signer(algorithm);
      expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
        alg: algorithm,
        typ: 'at+jwt',
        kid: key.id,
      });
      expect(ring.verifier(header)?.id).toBe(key.id);
      const jwk = ring.jwks().keys.find(({ kid }) => kid === key.id);
      expect(jwk).toEqual({
        ...key.verifyingKey.export({ format: 'jwk' }),
        kid: key.id,
        alg: algorithm,
        use: 'sig',
      });
    }
    expect(ring.signer('ES256').key.verifyingKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect(ring.signer('EdDSA').key.verifyingKey.asymmetricKeyType).toBe('ed25519');
    expect(ring.signer('RS256').key.verifyingKey.asymmetricKeyDetails?.modulusLength).toBe(3072);
  });

  test('has nothing before it starts, and makes nothing where there is nothing to replace', async () => {
    const ring = ringOf('ES256');
    expect([ring.jwks(), ring.keySet()]).toEqual([{ keys: [] }, '']);
    expect(() => ring.signer('ES256')).toThrow('no ES256 key');
    expect(await ring.rotateIfOlder('ES256', core.clock.now() + 1, told)).toBeNull();
    expect(await core.store.signingKeys.all()).toEqual([]);
  });

  test('looks for the keys of others until it is stopped, and unseals none twice', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const ring = await open();
    const unsealed = ring.signer('ES256').key.signingKey;
    const key = await ringOf('ES256').rotate('ES256', told);
    expect(published(ring)).not.toContain(key.id);
    vi.advanceTimersByTime(1000);
    await expect.poll(() => published(ring), { timeout: 10_000 }).toContain(key.id);
    expect(ring.signer('ES256').key.signingKey).toBe(unsealed);
    ring.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('what the store keeps of a key cannot be used without the secret', async () => {
    await open();
    const keys = await core.store.signingKeys.all();
    expect(keys).toHaveLength(1);
    for (const key of keys) {
      expect(key.privateSealed).toMatch(/^v1\./);
      expect(JSON.parse(key.publicJwk)).not.toHaveProperty('d');
    }
  });
});

describe('of the keys that there are, the one that signs', () => {
  const key = (id: string, signsFrom: number, retiresAt: number | null, algorithm = 'ES256') =>
    ({ id, algorithm, signsFrom, retiresAt, createdAt: 0, publicJwk: '', privateSealed: '' }) as const;
  test.each([
    ['is the only one', [key('a', 100, null)], 'a'],
    ['is one of the algorithm', [key('a', 100, null), key('b', 100, null, 'EdDSA')], 'a'],
    ['is the one before until the next may', [key('a', 100, 900), key('b', 501, null)], 'a'],
    ['is the next from the moment at which it may', [key('a', 100, 900), key('b', 500, null)], 'b'],
    ['is the one that took over, though it began sooner', [key('a', 400, 900), key('b', 300, null)], 'b'],
    ['is the last that took over, of two that end', [key('a', 1, 800), key('b', 2, 900)], 'b'],
    ['is the last that took over, in whatever order', [key('b', 2, 900), key('a', 1, 800)], 'b'],
    ['is the newer of two that nothing has followed', [key('a', 100, null), key('b', 100, null)], 'b'],
    ['is the oldest, of some that may all sign only later', [key('a', 600, 900), key('b', 501, null)], 'a'],
    ['has not ended', [key('a', 600, 500), key('b', 700, 501)], 'b'],
    ['is none when all have ended', [key('a', 100, 500)], undefined],
    ['is none of another algorithm', [key('a', 100, null, 'EdDSA')], undefined],
  ])('%s', (_what, keys, expected) => {
    expect(signingNow(keys, 'ES256', 500)?.id).toBe(expected);
  });
});
