import { tmpdir } from 'node:os';
import { hashSync as argon2Hash } from '@node-rs/argon2';
import { hashSync as bcryptHash } from '@node-rs/bcrypt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { comparable } from '../../testing/doors.ts';
import { ENGINES } from '../../testing/engines.ts';
import { type GivenPassword, PASSWORD_PLACES, type PasswordPlace } from '../../testing/password-places.ts';
import { loadConfiguration } from '../config.ts';
import { importDirectory } from '../directory/import.ts';

const CHEAP = { algorithm: 2, memoryCost: 256, timeCost: 1, parallelism: 1 } as const;

// What a password is: the same rule wherever one is set, and wherever one is typed.
describe.each(ENGINES)('passwords on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
  });
  afterAll(() => app.stop());

  const known = async (place: PasswordPlace, given: GivenPassword) => {
    const who = nextNumber();
    await app.load(place.lineFor(who, given));
    return who;
  };
  const isIn = async (place: PasswordPlace, who: number, password: string) =>
    place.isSignedIn(await place.signIn(app, who, password));

  test('PW-1: are stored as argon2id with its cost and a salt of its own, at the cost that ASVS asks for by default', async () => {
    const { hashing } = loadConfiguration({ environment: {}, directory: tmpdir() });
    const full = await startApp(engine, {
      LATCHKEY_HASHING_MEMORY_KIB: String(hashing.memoryKib),
      LATCHKEY_HASHING_PASSES: String(hashing.passes),
    });
    for (const place of PASSWORD_PLACES) {
      const password = 'the same password for everybody here';
      const pair = [nextNumber(), nextNumber()];
      await full.load(...pair.map((who) => place.lineFor(who, { password })));
      const stored = await Promise.all(pair.map(async (who) => partsOf(await place.storedHash(full, who))));
      for (const { algorithm, memory, passes, lanes, salt, hash } of stored) {
        expect(algorithm).toBe('argon2id');
        expect(memory).toBeGreaterThanOrEqual(19 * 1024);
        expect(passes).toBeGreaterThanOrEqual(2);
        expect(lanes).toBeGreaterThanOrEqual(1);
        expect(salt.length).toBeGreaterThanOrEqual(16);
        expect(hash.length).toBeGreaterThanOrEqual(32);
      }
      expect(stored[0]?.salt).not.toEqual(stored[1]?.salt);
      expect(stored[0]?.hash).not.toEqual(stored[1]?.hash);
    }
    await full.stop();
  });

  describe.each(PASSWORD_PLACES)('at $name', (place) => {
    test('PW-4: count to the last byte: nothing is cut, trimmed, folded or added', async () => {
      const head = 'Seventy-two bytes, after which some hashes read no further: '.padEnd(72, 'x');
      const password = `${head}and a Tail`;
      const who = await known(place, { password });
      for (const other of [
        `${head}and a Tale`,
        head,
        `${head}and a Tai`,
        `${password}l`,
        `${password} `,
        ` ${password}`,
        ` ${password} `,
        `${password}\n`,
        `\t${password}`,
        `${password}\u00a0`,
        password.toLowerCase(),
        password.toUpperCase(),
        password.replace('a Tail', 'a  Tail'),
        `${password}${password}`,
      ])
        expect(await isIn(place, who, other), JSON.stringify(other)).toBe(false);
      expect(await isIn(place, who, password)).toBe(true);
    });

    test('PW-4: with a space around them are just that', async () => {
      const password = ' a password with a space on both of its sides ';
      const who = await known(place, { password });
      expect(await isIn(place, who, password.trim())).toBe(false);
      expect(await isIn(place, who, password)).toBe(true);
    });

    test('PW-4: reach to the most that the contract takes; what is longer is refused, known or not', async () => {
      const longest = '😀'.repeat(place.limit);
      const who = await known(place, { password: longest });
      expect(await isIn(place, who, longest)).toBe(true);
      const [one, other] = [
        await place.signIn(app, who, `${longest}x`),
        await place.signIn(app, nextNumber(), `${longest}x`),
      ];
      expect([400, 422]).toContain(one.status);
      expect(comparable(other)).toEqual(comparable(one));
    });

    test.each([
      ['letters with marks', 'Ångström über Çà, señor Žižek: naïve'],
      ['several marks on one letter', 'Tiếng Việt được viết với nhiều dấu thanh'],
      ['Hangul', '한글로 쓴 비밀번호는 모든 계약에서 똑같이 통한다 그렇다 언제나'],
      ['signs that have another form', 'Å and Ω and K are signs of their own: \u212b \u2126 \u212a'],
    ])('IN-2: are compared in NFC: %s', async (_what, password) => {
      const [composed, decomposed] = [password.normalize('NFC'), password.normalize('NFD')];
      expect(composed).not.toBe(decomposed);
      const given = [
        { password: composed },
        { password: decomposed },
        { passwordHash: argon2Hash(composed, CHEAP) },
      ];
      const people = given.map((each) => ({ who: nextNumber(), each }));
      await app.load(...people.map(({ who, each }) => place.lineFor(who, each)));
      for (const { who } of people)
        for (const typed of [composed, decomposed]) expect(await isIn(place, who, typed)).toBe(true);
    });

    test('IN-2: are compared in NFC with a bcrypt hash from elsewhere too', async () => {
      const password = 'Ångström über Çà, señor Žižek: naïve';
      const who = await known(place, { passwordHash: bcryptHash(password.normalize('NFC'), 4) });
      expect(await isIn(place, who, password.normalize('NFD'))).toBe(true);
    });

    test('IN-2: are not folded any further', async () => {
      const who = await known(place, { password: 'ﬁnal Ｆull-width ① straße, x² and so on' });
      for (const other of [
        'final Ｆull-width ① straße, x² and so on',
        'ﬁnal Full-width ① straße, x² and so on',
        'ﬁnal Ｆull-width 1 straße, x² and so on',
        'ﬁnal Ｆull-width ① strasse, x² and so on',
        'ﬁnal Ｆull-width ① straße, x2 and so on',
        'ﬁnal Ｆull-width ① straße, x²\u200b and so on',
        'ﬁnal Ｆull-width ① straße, x²\u00a0and so on',
      ])
        expect(await isIn(place, who, other), other).toBe(false);
    });

    test('IN-2: are as long as they are in NFC, whatever the keyboard sends', async () => {
      const password = '한'.repeat(place.limit);
      const who = await known(place, { password });
      expect(await isIn(place, who, password.normalize('NFD'))).toBe(true);
    });
  });

  // The line of an account is the same for every door.
  test.each(PASSWORD_PLACES.slice(-2))(
    'PW-4: are refused where they are set when too long or short: $name',
    async (place) => {
      const problemWith = async (password: string) => {
        const text = JSON.stringify(place.lineFor(nextNumber(), { password }));
        async function* lines() {
          yield { source: 'test', lineNumber: 1, text };
        }
        return (await importDirectory(app.core, lines(), { dryRun: true })).refused[0]?.reason;
      };
      for (const password of [
        '',
        'x'.repeat(7),
        'é'.normalize('NFD').repeat(7),
        'x'.repeat(1025),
        '😀'.repeat(1025),
      ])
        expect(await problemWith(password), password.slice(0, 20)).toContain(
          'must have 8 to 1024 characters',
        );
      for (const password of ['x'.repeat(8), '😀'.repeat(1024), '한'.normalize('NFD').repeat(1024)])
        expect(await problemWith(password)).toBeUndefined();
    },
  );
});

interface HashParts {
  readonly algorithm: string;
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** The parts of a PHC string. */
function partsOf(stored: string | null): HashParts {
  const [, algorithm = '', , parameters = '', salt = '', hash = ''] = (stored ?? '').split('$');
  const number = (name: string) => Number(new RegExp(`(?:^|,)${name}=(\\d+)`).exec(parameters)?.[1]);
  return {
    algorithm,
    memory: number('m'),
    passes: number('t'),
    lanes: number('p'),
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
}
