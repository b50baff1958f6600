import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { stateFact } from '../store/facts.ts';
import { KeyRing } from './key-ring.ts';

const PUBLISH_SECONDS = 300;
const TOKEN_SECONDS = 3600;

describe.each(ENGINES)('the key ring on %s', (engine) => {
  let core: TestCore;
  beforeAll(async () => {
    core = await openTestCore(engine);
  });
  afterAll(() => core.close());

  const open = async () => {
    const ring = new KeyRing({
      ...core,
      algorithms: ['ES256'],
      publishSeconds: PUBLISH_SECONDS,
      longestTokenSeconds: TOKEN_SECONDS,
    });
    await ring.start((error) => {
      throw error;
    });
    return ring;
  };
  const published = (ring: KeyRing) => ring.jwks().keys.map(({ kid }) => kid);

  test('of many servers that start together, one makes the first key and all use it', async () => {
    const rings = await Promise.all(Array.from({ length: 8 }, open));
    const ids = new Set(rings.map((ring) => ring.signer('ES256').key.id));
    expect(ids.size).toBe(1);
    for (const ring of rings) ring.stop();
  });

  test('a new key is published first, signs when every copy has it, and the old one stays until its last token has ended', async () => {
    const [one, other] = [await open(), await open()];
    const old = one.signer('ES256');
    const key = await one.rotate('ES256', ({ id }) => stateFact('rotated', id));
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
    one.stop();
    other.stop();
  });

  test('signs on when the clock is set back to before its first key', async () => {
    const ring = await open();
    const first = ring.signer('ES256').key.id;
    core.clock.advance(-3 * 3600);
    expect(published(ring)).toContain(ring.signer('ES256').key.id);
    core.clock.advance(3 * 3600);
    expect(ring.signer('ES256').key.id).toBe(first);
    ring.stop();
  });

  test('a rotation on a store that never served leaves the first key to sign until the new one does', async () => {
    const store = await openTestCore(engine);
    const ring = new KeyRing({
      ...store,
      algorithms: ['ES256'],
      publishSeconds: PUBLISH_SECONDS,
      longestTokenSeconds: TOKEN_SECONDS,
    });
    const key = await ring.rotate('ES256', ({ id }) => stateFact('rotated', id));
    await ring.start(() => undefined);
    const first = ring.signer('ES256');
    expect(first.key.id).not.toBe(key.id);
    store.clock.advance(PUBLISH_SECONDS + 11);
    expect(ring.signer('ES256').key.id).toBe(key.id);
    expect(ring.verifier(first.header)?.id).toBe(first.key.id);
    ring.stop();
    await store.close();
  });

  test('what the store keeps of a key cannot be used without the secret', async () => {
    for (const key of await core.store.signingKeys.all()) {
      expect(key.privateSealed).toMatch(/^v1\./);
      expect(JSON.parse(key.publicJwk)).not.toHaveProperty('d');
    }
  });
});
