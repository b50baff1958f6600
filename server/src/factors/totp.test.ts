import { randomBytes } from 'node:crypto';
import jsqr from 'jsqr';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { DOORS } from '../../testing/doors.ts';
import { ENGINES } from '../../testing/engines.ts';
import { oathtoolCode } from '../../testing/oathtool.ts';
import { findSecrets } from '../../testing/secrets.ts';
import { accessTokenIn, type OpenStep, openStep, STEP_CONTRACTS } from '../../testing/steps.ts';
import { dumpStore } from '../../testing/store-dump.ts';
import { SEED, totpCode } from '../../testing/totp.ts';
import { createVault } from '../crypto/vault.ts';
import type { Proof, Shown } from './factor.ts';
import { drawTotpSeed, inviteToTotp, parseTotpSeed, totp, totpStep } from './totp.ts';

const STEP = 30_000;

// The library is CommonJS, and its types are not.
const readQrCode = jsqr as unknown as typeof jsqr.default;

describe('MF-5: TOTP codes', () => {
  // RFC 6238, appendix B, SHA-1; a code of six digits is the end of one of eight.
  const SEED_OF_RFC = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
  const VECTORS: readonly (readonly [number, string])[] = [
    [59, '94287082'],
    [1_111_111_109, '07081804'],
    [1_111_111_111, '14050471'],
    [1_234_567_890, '89005924'],
    [2_000_000_000, '69279037'],
    [20_000_000_000, '65353130'],
  ];

  test.each(VECTORS)('at %i s are those of RFC 6238', (seconds, digits) => {
    expect(totpStep(SEED_OF_RFC, digits.slice(-6), seconds * 1000)).toBe(Math.floor(seconds / 30));
  });

  test('are taken one step before and after their own, to the millisecond, and told as that step', () => {
    for (const [seconds, digits] of VECTORS) {
      const code = digits.slice(-6);
      const own = Math.floor(seconds / 30);
      const at = (milliseconds: number) => totpStep(SEED_OF_RFC, code, own * STEP + milliseconds);
      for (const milliseconds of [-STEP, -1, 0, STEP - 1, STEP, 2 * STEP - 1])
        expect(at(milliseconds)).toBe(own);
      for (const milliseconds of [-2 * STEP, -STEP - 1, 2 * STEP, 3 * STEP])
        expect(at(milliseconds)).toBeNull();
    }
  });

  test('are six ASCII digits and nothing else', () => {
    const now = 59_000;
    for (const code of [
      '',
      '28708',
      '94287082',
      '2870820',
      ' 287082',
      '287082\n',
      '２８７０８２',
      '28708a',
      '-87082',
    ])
      expect(totpStep(SEED_OF_RFC, code, now), JSON.stringify(code)).toBeNull();
    expect(totpStep(SEED_OF_RFC, '287082', now)).toBe(1);
    expect(totp.isGuessable, 'they can be found by trying').toBe(true);
  });

  test('come from a seed in base32, of any usual spelling', () => {
    expect(parseTotpSeed('gezd gnbv gy3t-qojq GEZDGNBVGY3TQOJQ')).toBe(SEED_OF_RFC);
    expect(parseTotpSeed(`${SEED_OF_RFC}====`)).toBe(SEED_OF_RFC);
    for (const seed of [
      '',
      'GEZDGNBV',
      '0189',
      'GEZDGNBVGY3TQOJ1',
      '1GEZDGNBVGY3TQOJ',
      '12345678901234567890',
    ])
      expect(parseTotpSeed(seed), seed).toBeNull();
    expect(parseTotpSeed(`GEZD=${SEED_OF_RFC}`)).toBeNull();
  });

  test('come from a seed of ten bytes at least', () => {
    const tenBytes = 'GEZDGNBVGY3TQOJQ';
    expect(parseTotpSeed(tenBytes)).toBe(tenBytes);
    expect(parseTotpSeed(tenBytes.slice(1))).toBeNull();
  });

  test('are a second factor where the account has a seed, and spend their step', async () => {
    const random = { bytes: (count: number) => randomBytes(count) };
    const vault = createVault(random.bytes(32), random);
    const sealed = vault.seal('totp', SEED_OF_RFC);
    const check = (proof: Proof, totpSealed: string | null = sealed) =>
      totp.check({
        ...({ account: { id: 'ada', factors: { totpSealed } } } as unknown as Shown),
        ...{ proof, now: 59_000, vault },
      });
    const code = { kind: 'code', code: '287082' } as const;
    expect(await check(code)).toEqual({
      methods: ['otp', 'mfa'],
      spends: [expect.objectContaining({ guard: 'code', params: expect.arrayContaining(['ada', 1]) })],
    });
    expect(await check({ kind: 'code', code: '287083' })).toBeNull();
    expect(await check(code, null)).toBeNull();
    expect(await check({ kind: 'passkey' } as Proof)).toBeNull();
  });
});

describe('a seed for an authenticator app', () => {
  const random = { bytes: (count: number) => randomBytes(count) };

  test('MF-5: has the codes that oathtool makes of it, at any time', () => {
    for (const seconds of [59, 1_111_111_109, 2_000_000_000, 4_102_444_800]) {
      const seed = drawTotpSeed(random);
      expect(seed).toMatch(/^[A-Z2-7]{32}$/);
      for (const step of [-1, 0, 1]) {
        const code = oathtoolCode(seed, seconds * 1000 + step * STEP);
        expect(totpStep(seed, code, seconds * 1000)).toBe(Math.floor(seconds / 30) + step);
      }
      const late = oathtoolCode(seed, seconds * 1000 + 2 * STEP);
      expect(totpStep(seed, late, seconds * 1000)).toBeNull();
    }
  });

  test('is of random bytes and nothing else', () => {
    expect(drawTotpSeed({ bytes: (count) => Buffer.from('12345678901234567890').subarray(0, count) })).toBe(
      'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
    );
  });

  test('has a picture with the margin that readers need: four modules, all around (ISO/IEC 18004)', () => {
    const { qr } = inviteToTotp(drawTotpSeed(random), { issuer: 'id.example.com', account: 'ada' });
    const { pixels, width } = rasterise(qr);
    const black = Array.from({ length: width * width }, (_, at) => at).filter((at) => pixels[at * 4] === 0);
    const columns = black.map((at) => at % width);
    const [left, right] = [Math.min(...columns), Math.max(...columns)];
    const [top, bottom] = [Math.floor((black[0] ?? 0) / width), Math.floor((black.at(-1) ?? 0) / width)];
    // The square in the corner is seven modules wide.
    const module = black.findIndex((at, index) => at !== (black[0] ?? 0) + index) / 7;
    expect([left, top, width - 1 - right, width - 1 - bottom]).toEqual(new Array(4).fill(4 * module));
  });

  test.each([
    ['id.example.com', 'ada@example.com'],
    ['Meadow: the University & sons', 'Ada "Lovelace" <ada@example.com>'],
    ['Universität 大学', 'ädä@例え.jp'],
    ['x'.repeat(64), `${'a'.repeat(190)}@${'b'.repeat(60)}.com`],
  ])('is read from the picture as it is in the URI: %s', (issuer, account) => {
    const seed = drawTotpSeed(random);
    const { uri, qr } = inviteToTotp(seed, { issuer, account });
    const parsed = new URL(uri);
    expect(Object.fromEntries(parsed.searchParams)).toMatchObject({ issuer, secret: seed });
    expect(decodeURIComponent(parsed.pathname)).toMatch(`/${issuer}:${account}`);
    const { pixels, width } = rasterise(qr);
    expect(readQrCode(pixels, width, width)?.data).toBe(uri);
  });

  /** The pixels of a picture that is white, with black squares. */
  function rasterise(svg: string): { pixels: Uint8ClampedArray; width: number } {
    const width = Number(/viewBox="0 0 (\d+) /.exec(svg)?.[1]);
    const pixels = new Uint8ClampedArray(width * width * 4).fill(255);
    for (const [, ...numbers] of svg.matchAll(/M(\d+),(\d+)h(\d+)v(\d+)h-\d+z/g)) {
      const [x = 0, y = 0, wide = 0, high = 0] = numbers.map(Number);
      for (let row = y; row < y + high; row += 1)
        for (let column = x; column < x + wide; column += 1)
          pixels.fill(0, (row * width + column) * 4, (row * width + column) * 4 + 3);
    }
    return { pixels, width };
  }
});

describe.each(ENGINES)('MF-5: a second factor by TOTP on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
  });
  afterAll(() => app.stop());
  // Each test has most of a time step before it.
  beforeEach(() => app.core.clock.advance((STEP - (app.core.clock.now() % STEP) + 1000) / 1000));

  const withTotp = () => app.person({ secondFactor: { totp: SEED } });
  const code = (steps = 0) => totpCode(app.core.clock.now() + steps * STEP);
  const isIn = async (step: OpenStep, typed: string) =>
    accessTokenIn(step.contract, await step.prove(typed)) !== undefined;
  const tryAt = async (contract: string, person: Person, typed: string) =>
    isIn(await openStep(app, contract, person), typed);

  test('every contract at which people sign in is tried', () => {
    expect(DOORS.map(({ contract }) => contract)).toEqual(STEP_CONTRACTS);
  });

  test('keeps the seed sealed', async () => {
    await withTotp();
    const dump = await dumpStore(app.core.config.store.url);
    const bytes = Buffer.from(
      [...SEED]
        .map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'))
        .join('')
        .match(/.{8}/g)
        ?.map((bits) => Number.parseInt(bits, 2)) ?? [],
    );
    expect(bytes).toHaveLength(20);
    const seeds = [
      { what: 'the seed', text: SEED },
      { what: 'the seed in lower case', text: SEED.toLowerCase() },
      { what: 'the bytes of the seed', text: bytes },
    ];
    expect(findSecrets(dump, seeds)).toEqual([]);
    expect(dump.includes('v1.')).toBe(true);
  });

  describe.each(STEP_CONTRACTS)('at %s', (contract) => {
    test('takes the codes of the step before, of this one and of the next, and no others', async () => {
      for (const steps of [-1, 0, 1])
        expect(await tryAt(contract, await withTotp(), code(steps)), `${steps}`).toBe(true);
      for (const steps of [-20, -2, 2, 20])
        expect(await tryAt(contract, await withTotp(), code(steps)), `${steps}`).toBe(false);
    });

    test('takes a code once, at any contract, however it is typed', async () => {
      const person = await withTotp();
      const digits = code();
      expect(await tryAt(contract, person, digits)).toBe(true);
      for (const other of STEP_CONTRACTS)
        for (const typed of typedOtherwise(digits))
          expect(await tryAt(other, person, typed), `${other}: ${typed}`).toBe(false);
    });

    test('takes a code in whatever way people type it, the first time', async () => {
      for (const typed of typedOtherwise(code()))
        expect(await tryAt(contract, await withTotp(), typed), typed).toBe(true);
    });

    test('takes no code of a step before the last one that was used', async () => {
      const person = await withTotp();
      const [before, present, next] = [code(-1), code(), code(1)];
      expect(await tryAt(contract, person, next)).toBe(true);
      for (const typed of [before, present, next]) expect(await tryAt(contract, person, typed)).toBe(false);
      app.core.clock.advance(30);
      expect(await tryAt(contract, person, next)).toBe(false);
      expect(await tryAt(contract, person, code(1))).toBe(true);
    });
  });

  test('of twenty right codes at once, on one ticket or on twenty, at all contracts, one signs in', async () => {
    const twenty = Array.from(
      { length: 20 },
      (_, index) => STEP_CONTRACTS[index % STEP_CONTRACTS.length] ?? '',
    );
    const person = await withTotp();
    const steps = await Promise.all(twenty.map((contract) => openStep(app, contract, person)));
    const digits = code();
    const many = await Promise.all(steps.map((step) => isIn(step, digits)));
    expect(many.filter(Boolean)).toHaveLength(1);

    const [first = ''] = STEP_CONTRACTS;
    const step = await openStep(app, first, await withTotp());
    const one = await Promise.all(twenty.map(() => isIn(step, digits)));
    expect(one.filter(Boolean)).toHaveLength(1);
  });

  test('a code that was used is a wrong one: it is counted, and spends a try of its ticket', async () => {
    const person = await withTotp();
    const digits = code();
    expect(await tryAt('login', person, digits)).toBe(true);
    const step = await openStep(app, 'login', person);
    for (let each = 0; each < 5; each += 1)
      expect((await step.prove(digits)).body.error.code).toBe('invalid-code');
    expect((await step.prove(code(1))).body.error.code).toBe('invalid-ticket');
    const events = await app.core.store.audit.events({
      afterSequence: 0,
      since: 0,
      accountId: person.id,
      limit: 100,
    });
    expect(events.filter(({ event }) => event === 'code.refused')).toHaveLength(5);
  });

  test('a used code does not come back by loading the account’s line again', async () => {
    const person = await withTotp();
    const digits = code();
    expect(await tryAt('profile', person, digits)).toBe(true);
    await app.person({ ...person, secondFactor: { totp: SEED } });
    expect(await tryAt('profile', person, digits)).toBe(false);
  });
});

function typedOtherwise(digits: string): string[] {
  const fullWidth = Array.from(digits, (digit) => String.fromCodePoint(0xff10 + Number(digit))).join('');
  const halves = `${digits.slice(0, 3)} ${digits.slice(3)}`;
  return [digits, halves, ` ${digits} `, fullWidth, halves.replace(' ', '-'), halves.replace(' ', '\u3000')];
}
