import { hashSync as bcryptHash } from '@node-rs/bcrypt';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { comparable } from '../../testing/doors.ts';
import { ENGINES } from '../../testing/engines.ts';
import { PASSWORD_PLACES } from '../../testing/password-places.ts';
import { importDirectory } from '../directory/import.ts';
import { hashPassword, readStoredHash, verifyPassword } from './password-hash.ts';

const PASSWORD = 'a password that is long enough everywhere';
const PASSWORD_HASH = hashPassword(PASSWORD, { memoryKib: 256, passes: 1, parallelism: 1 });
const [, , , , SALT = '', HASH = ''] = PASSWORD_HASH.split('$');
const argon2 = (parameters: string, salt = SALT, hash = HASH) =>
  `$argon2id$v=19$${parameters}$${salt}$${hash}`;

/** Hashes that would take the machine's memory or its time, or that no library reads. */
const UNUSABLE: readonly (readonly [string, string])[] = [
  ['4 GiB of memory', argon2('m=4194304,t=1,p=1')],
  ['more memory than there is', argon2('m=4294967295,t=1,p=1')],
  ['a number that is too long', argon2('m=99999999999999999999,t=1,p=1')],
  ['four thousand million passes', argon2('m=8,t=4294967295,p=1')],
  ['a million passes over much memory', argon2('m=262144,t=1000000,p=1')],
  ['sixteen million lanes', argon2('m=134217728,t=1,p=16777215')],
  ['255 lanes', argon2('m=19456,t=2,p=255')],
  ['less memory than its lanes need', argon2('m=64,t=1,p=16')],
  ['no memory, pass or lane', argon2('m=0,t=0,p=0')],
  ['a number that begins with 0', argon2('m=0256,t=1,p=1')],
  ['a salt of six bytes', argon2('m=256,t=1,p=1', 'AAAAAAAA')],
  ['a salt that is not base64', argon2('m=256,t=1,p=1', 'AAAAAAAAAAAAA')],
  ['a hash that is not base64', argon2('m=256,t=1,p=1', SALT, 'AAAAAAAAAAAAA')],
  ['a bcrypt cost of 31', bcryptHash('another', 4).replace('$04$', '$31$')],
  ['a bcrypt cost of 99', bcryptHash('another', 4).replace('$04$', '$99$')],
];

const RSS_LIMIT_KIB = 192 * 1024;
const LIMIT_MILLISECONDS = 3000;

describe('PW-2: a stored hash', () => {
  test('that is read can be evaluated, whatever it says', () => {
    const number = (max: number) =>
      fc
        .tuple(fc.integer({ min: 0, max }), fc.nat({ max: 9 }))
        .map(([n, dice]) => (dice === 9 ? `0${n}` : `${n}`));
    const parameters = fc.tuple(number(80), number(2), number(6)).map(([m, t, p]) => `m=${m},t=${t},p=${p}`);
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'ABCxyz019+/'), minLength: 6, maxLength: 48 }),
      fc
        .uint8Array({ minLength: 6, maxLength: 32 })
        .map((bytes) => Buffer.from(bytes).toString('base64').replace(/=+$/, '')),
    );
    const kind = fc.constantFrom('id', 'i', 'd');
    const version = fc.constantFrom('$v=19', '$v=16', '');
    let evaluated = 0;
    fc.assert(
      fc.property(kind, version, parameters, text, text, (variant, v, given, salt, hash) => {
        const stored = `$argon2${variant}${v}$${given}$${salt}$${hash}`;
        if (typeof readStoredHash(stored) === 'object') evaluated += 1;
        expect(verifyPassword('another password', stored)).toBe(false);
      }),
      { numRuns: 5000 },
    );
    expect(evaluated).toBeGreaterThan(100);
  });
});

describe.each(ENGINES)('PW-2: a hash that cannot be used, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
    // What the first evaluation loads and starts is not what is measured.
    for (const place of PASSWORD_PLACES) await place.signIn(app, nextNumber(), PASSWORD);
  });
  afterAll(() => app.stop());

  test.each(UNUSABLE)('is refused by an import, which evaluates nothing: %s', async (_what, passwordHash) => {
    for (const place of PASSWORD_PLACES) {
      const text = JSON.stringify(place.lineFor(nextNumber(), { passwordHash }));
      async function* lines() {
        yield { source: 'test', lineNumber: 1, text };
      }
      const { refused } = await measured(() => importDirectory(app.core, lines(), { dryRun: false }));
      expect(refused.map(({ reason }) => reason).join()).toContain('passwordHash cannot be used');
    }
  });

  test.each(UNUSABLE)(
    'is a wrong password to everybody where it was stored already: %s',
    async (_what, hash) => {
      for (const place of PASSWORD_PLACES) {
        const who = nextNumber();
        await app.load(place.lineFor(who, { passwordHash: PASSWORD_HASH }));
        const refused = comparable(await place.signIn(app, who, 'a wrong password, which is long enough'));
        const { table, id } = place.rowOf(who);
        const sql = `UPDATE ${table} SET password_hash = $2 WHERE id = $1`;
        await app.core.store.commit([{ sql, params: [id, hash] }]);
        expect(comparable(await measured(() => place.signIn(app, who, PASSWORD)))).toEqual(refused);
      }
    },
  );
});

/** Does it within bounds of memory and time that one evaluation as it was asked for would break. */
async function measured<T>(work: () => Promise<T>): Promise<T> {
  const [before, begun] = [process.resourceUsage().maxRSS, performance.now()];
  const result = await work();
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(RSS_LIMIT_KIB);
  expect(performance.now() - begun).toBeLessThan(LIMIT_MILLISECONDS);
  return result;
}
