import { hashSync as argon2Hash } from '@node-rs/argon2';
import { hashSync as bcryptHash } from '@node-rs/bcrypt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { PASSWORD_PLACES, type PasswordPlace } from '../../testing/password-places.ts';
import { hashPassword } from '../crypto/password-hash.ts';
import { replacePasswordHash } from '../store/accounts.ts';

const PASSWORD = 'a password that was hashed long ago, elsewhere';
const NEW_PASSWORD = 'the password that is set in the meantime';
const PATIENCE_MILLISECONDS = 10_000;

const argon2 = (algorithm: number, memoryCost: number, timeCost = 1) =>
  argon2Hash(PASSWORD, { algorithm, memoryCost, timeCost, parallelism: 1 });

const OLD_HASHES: readonly (readonly [string, string])[] = [
  ['bcrypt', bcryptHash(PASSWORD, 4)],
  ['argon2id with less memory', argon2(2, 64)],
  ['argon2id with other passes', argon2(2, 256, 2)],
  ['argon2i', argon2(1, 256)],
  ['argon2d', argon2(0, 256)],
];

describe.each(ENGINES)('PW-2: on %s, a hash of old', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
  });
  afterAll(() => app.stop());

  const load = async (place: PasswordPlace, passwordHash: string) => {
    const who = nextNumber();
    await app.load(place.lineFor(who, { passwordHash }));
    return who;
  };

  describe.each(PASSWORD_PLACES)('at $name', (place) => {
    const isIn = async (who: number, password: string) =>
      place.isSignedIn(await place.signIn(app, who, password));

    test.each(OLD_HASHES)(
      'is renewed by the right password, and nothing else changes: %s',
      async (_what, old) => {
        const who = await load(place, old);
        const answer = await place.signIn(app, who, PASSWORD);
        expect(place.isSignedIn(answer)).toBe(true);
        const renewed = await untilRenewed(app, place, who, old);
        expect(renewed).toMatch(/^\$argon2id\$v=19\$m=256,t=1,p=1\$/);
        expect(await isIn(who, PASSWORD)).toBe(true);
        expect(await isIn(who, `${PASSWORD}.`)).toBe(false);
        const token = place.accessTokenOf(answer);
        const headers = { authorization: `Bearer ${token}` };
        if (token !== undefined)
          expect((await app.request('GET', '/v1/session', { headers })).status).toBe(200);
        expect(await place.storedHash(app, who)).toBe(renewed);
      },
    );

    test('stays as it is when a wrong password is tried', async () => {
      const [, old] = OLD_HASHES[0] ?? ['', ''];
      const [who, witness] = [await load(place, old), await load(place, old)];
      expect(await isIn(who, NEW_PASSWORD)).toBe(false);
      expect(await isIn(witness, PASSWORD)).toBe(true);
      await untilRenewed(app, place, witness, old);
      expect(await place.storedHash(app, who)).toBe(old);
    });

    test('is renewed once by twenty who sign in at once, who all do', async () => {
      const [, old] = OLD_HASHES[0] ?? ['', ''];
      const who = await load(place, old);
      const all = await Promise.all(Array.from({ length: 20 }, () => isIn(who, PASSWORD)));
      expect(all.filter(Boolean)).toHaveLength(20);
      const renewed = await untilRenewed(app, place, who, old);
      expect(await isIn(who, PASSWORD)).toBe(true);
      expect(await place.storedHash(app, who)).toBe(renewed);
    });

    test('does not come back over a newer one that was stored after it was read', async () => {
      const [, old] = OLD_HASHES[0] ?? ['', ''];
      const who = await load(place, old);
      const newer = hashPassword(NEW_PASSWORD, app.core.config.hashing);
      const { table, id } = place.rowOf(who);
      const renewal = replacePasswordHash(table, id, old, argon2(2, 256));
      await app.load(place.lineFor(who, { passwordHash: newer }));
      await app.core.store.commit([renewal]);
      expect(await place.storedHash(app, who)).toBe(newer);
      expect(await isIn(who, PASSWORD)).toBe(false);
      expect(await isIn(who, NEW_PASSWORD)).toBe(true);
    });
  });
});

// Renewing takes long here, so that a password is changed while it goes on.
describe.each(ENGINES)('PW-2: on %s, a renewal that is overtaken by a change of the password', (engine) => {
  const SLOW = { memoryKib: 65_536, passes: 4, parallelism: 1 };
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_HASHING_MEMORY_KIB: String(SLOW.memoryKib),
      LATCHKEY_HASHING_PASSES: String(SLOW.passes),
      LATCHKEY_HASHING_QUEUE_MILLISECONDS: '60000',
    });
  });
  afterAll(() => app.stop());

  test.each(PASSWORD_PLACES)('does not undo it: $name', async (place) => {
    const old = bcryptHash(PASSWORD, 4);
    const newer = hashPassword(NEW_PASSWORD, SLOW);
    const [who, witness] = [nextNumber(), nextNumber()];
    await app.load(place.lineFor(who, { passwordHash: old }), place.lineFor(witness, { passwordHash: old }));

    expect(place.isSignedIn(await place.signIn(app, who, PASSWORD))).toBe(true);
    expect(await place.storedHash(app, who)).toBe(old);
    await app.load(place.lineFor(who, { passwordHash: newer }));
    // What was asked for later is renewed later: then the first has had its chance.
    expect(place.isSignedIn(await place.signIn(app, witness, PASSWORD))).toBe(true);
    await untilRenewed(app, place, witness, old);
    expect(place.isSignedIn(await place.signIn(app, who, PASSWORD))).toBe(false);

    expect(await place.storedHash(app, who)).toBe(newer);
    expect(place.isSignedIn(await place.signIn(app, who, NEW_PASSWORD))).toBe(true);
  });
});

async function untilRenewed(app: TestApp, place: PasswordPlace, who: number, old: string): Promise<string> {
  const deadline = performance.now() + PATIENCE_MILLISECONDS;
  while (performance.now() < deadline) {
    const stored = await place.storedHash(app, who);
    if (stored !== null && stored !== old) return stored;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`the hash was not renewed in ${PATIENCE_MILLISECONDS} ms`);
}
