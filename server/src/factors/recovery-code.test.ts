import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { createVault } from '../crypto/vault.ts';
import { replaceRecoveryCodes } from '../store/recovery-codes.ts';
import type { Proof, Shown } from './factor.ts';
import { drawRecoveryCodes, recoveryCode, recoveryCodeHash } from './recovery-code.ts';

const random = { bytes: (count: number) => randomBytes(count) };

describe('a recovery code', () => {
  const vault = createVault(Buffer.alloc(32, 1), random);
  const CODE = 'GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV';

  test('is random bytes and nothing else, in groups of four: nobody finds it by trying', () => {
    const codes = drawRecoveryCodes({ bytes: (count) => Buffer.from('123456789012345').subarray(0, count) });
    expect(codes).toEqual(new Array(10).fill(CODE));
    expect(recoveryCode.isGuessable).toBe(false);
  });

  test('is kept as it always was: people keep theirs for years', () => {
    expect(recoveryCodeHash('ada', CODE, vault)).toBe('ibjkeIGKT1n3_Ov2A2aL0orT5YUNyaWxpsjhQy005nY');
    expect(recoveryCodeHash('bob', CODE, vault)).not.toBe(recoveryCodeHash('ada', CODE, vault));
  });

  test.each([
    ['in small letters', CODE.toLowerCase()],
    ['in one piece', CODE.replaceAll('-', '')],
    ['with spaces', ` ${CODE.replaceAll('-', ' ')} `],
  ])('is the same %s', (_, typed) => {
    expect(recoveryCodeHash('ada', typed, vault)).toBe(recoveryCodeHash('ada', CODE, vault));
  });

  test.each([
    '',
    CODE.slice(1),
    `${CODE}A`,
    `A${CODE}`,
    `1${CODE}`,
    `${CODE}1`,
    `1${CODE.slice(1)}`,
    '287082',
  ])('can be none as %s', (typed) => {
    expect(recoveryCodeHash('ada', typed, vault)).toBeNull();
  });
});

describe.each(ENGINES)('as a proof, on %s', (engine) => {
  let core: TestCore;
  beforeAll(async () => {
    core = await openTestCore(engine);
    await loadDirectory(core, [{ kind: 'account', id: uuid(1), username: 'ada' }]);
  });
  afterAll(() => core.close());

  const check = (proof: Proof) => {
    const { vault, store } = core;
    return recoveryCode.check({ ...({ account: { id: uuid(1) } } as Shown), proof, vault, store });
  };
  const shown = (code: string) => check({ kind: 'code', code });

  test('a code stands in for a factor, once, and tells how many are left', async () => {
    const codes = drawRecoveryCodes(random);
    const hashes = codes.map((code) => recoveryCodeHash(uuid(1), code, core.vault) ?? '');
    await core.store.commit(replaceRecoveryCodes(uuid(1), hashes, core.clock.now()));
    const [first = '', second = ''] = codes;
    const proven = await shown(first);
    expect(proven).toMatchObject({ methods: ['recovery', 'mfa'], recoveryCodesLeft: 9 });
    const spends = proven !== null && 'spends' in proven ? proven.spends : [];
    expect((await core.store.commit(spends)).ok).toBe(true);
    expect(await core.store.commit(spends)).toMatchObject({ ok: false });
    expect(await shown(first)).toBeNull();
    expect(await shown(second)).toMatchObject({ recoveryCodesLeft: 8 });
  });

  test('whatever is no code of the account’s shows nothing', async () => {
    expect(await shown(drawRecoveryCodes(random)[0] ?? '')).toBeNull();
    expect(await shown('287082')).toBeNull();
    expect(await check({ kind: 'passkey' } as Proof)).toBeNull();
  });
});
