import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifySync as argon2Verify } from '@node-rs/argon2';
import { hashSync as bcryptHash } from '@node-rs/bcrypt';
import { afterAll, describe, expect, test } from 'vitest';
import { systemRandom } from '../ports.ts';
import { HashPool } from './hash-pool.ts';
import { decoyHash, hashPassword, readStoredHash, verifyPassword } from './password-hash.ts';
import { loadOrCreateSecretKey, parseSecretKey } from './secret-key.ts';
import { alphanumeric, sixDigits, timedUuid } from './secret-text.ts';
import { createVault } from './vault.ts';

const DEFAULT_COST = { memoryKib: 19_456, passes: 2, parallelism: 1 };
const CHEAP = { memoryKib: 256, passes: 1, parallelism: 1 };

describe('password hashes', () => {
  test('are argon2id at the cost that is asked for, each with a salt of its own', () => {
    const [one, other] = [
      hashPassword('the same password', DEFAULT_COST),
      hashPassword('the same password', DEFAULT_COST),
    ];
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(one).not.toBe(other);
  });

  test('verify every byte, nothing trimmed, folded or cut', () => {
    const base = 'x'.repeat(72);
    const stored = hashPassword(`${base}tail`, CHEAP);
    expect(verifyPassword(`${base}tail`, stored)).toBe(true);
    for (const other of [
      `${base}liat`,
      base,
      `${base}tai`,
      `${base}tail `,
      ` ${base}tail`,
      `${base}TAIL`,
      `X${base.slice(1)}tail`,
    ]) {
      expect(verifyPassword(other, stored), other).toBe(false);
    }
    const long = 'y'.repeat(1024);
    expect(verifyPassword(long, hashPassword(long, CHEAP))).toBe(true);
    expect(verifyPassword(long.slice(1), hashPassword(long, CHEAP))).toBe(false);
  });

  test('compare in NFC', () => {
    expect(verifyPassword('A\u030angström', hashPassword('\u00c5ngstro\u0308m', CHEAP))).toBe(true);
    expect(verifyPassword('ﬁnn', hashPassword('finn', CHEAP))).toBe(false);
  });

  test('bcrypt is verified, but never by the first 72 bytes of something longer', () => {
    const stored = bcryptHash('a password of old', 4);
    expect(verifyPassword('a password of old', stored)).toBe(true);
    expect(verifyPassword('a password of new', stored)).toBe(false);
    const long = bcryptHash('z'.repeat(80), 4);
    expect(verifyPassword('z'.repeat(80), long)).toBe(false);
    expect(verifyPassword(`${'z'.repeat(72)}other`, long)).toBe(false);
  });

  test.each([
    ['$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA', 'outside'],
    ['$argon2id$v=19$m=65536,t=4000000,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA', 'outside'],
    ['$argon2id$v=19$m=65536,t=2,p=255$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA', 'outside'],
    ['$argon2id$v=19$m=0,t=0,p=0$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA', 'outside'],
    [`$2b$31$${'a'.repeat(53)}`, 'outside'],
    [`$2x$10$${'a'.repeat(53)}`, 'neither'],
    ['plain', 'neither'],
    ['', 'neither'],
  ])('%s is not even tried', (stored, reason) => {
    expect(readStoredHash(stored)).toContain(reason);
    expect(verifyPassword('anything', stored)).toBe(false);
  });

  test('a decoy is such a hash, of no password, and never the same', () => {
    const decoy = decoyHash(CHEAP, systemRandom);
    const pattern = /^\$argon2id\$v=19\$m=256,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/;
    expect([hashPassword('', CHEAP), decoy]).toEqual([
      expect.stringMatching(pattern),
      expect.stringMatching(pattern),
    ]);
    expect(readStoredHash(decoy)).toMatchObject({ format: 'argon2' });
    // The library itself answers: it reads the decoy, and does its work.
    expect(argon2Verify(decoy, '')).toBe(false);
    expect(decoyHash(CHEAP, systemRandom)).not.toBe(decoy);
  });

  test('one that is not argon2id at today’s cost is told as outdated', () => {
    const isCurrent = (stored: string) => {
      const hash = readStoredHash(stored);
      return typeof hash !== 'string' && hash.isCurrent(CHEAP);
    };
    expect(isCurrent(hashPassword('a', CHEAP))).toBe(true);
    expect(isCurrent(hashPassword('a', { ...CHEAP, passes: 2 }))).toBe(false);
    expect(isCurrent(hashPassword('a', CHEAP).replace('argon2id', 'argon2i'))).toBe(false);
    expect(isCurrent(bcryptHash('a', 4))).toBe(false);
  });
});

describe('the hash pool', () => {
  const pool = new HashPool({ threads: 2, cost: CHEAP, queueMilliseconds: 100 });
  afterAll(() => pool.close());

  test('hashes and verifies off this thread', async () => {
    const hash = await pool.hash('a password');
    expect(await pool.verify('a password', String(hash))).toBe(true);
    expect(await pool.verify('another', String(hash))).toBe(false);
  });

  test('refuses at once what would wait longer than the bound, and serves the rest', async () => {
    const slow = new HashPool({
      threads: 1,
      cost: { memoryKib: 65_536, passes: 4, parallelism: 1 },
      queueMilliseconds: 100,
    });
    const results = await Promise.all(Array.from({ length: 40 }, () => slow.hash('a password')));
    const served = results.filter((result) => typeof result === 'string');
    const refused = results.filter((result) => typeof result !== 'string');
    expect(served.length).toBeGreaterThan(0);
    expect(refused.length).toBeGreaterThan(0);
    for (const each of refused) expect(each).toMatchObject({ overloaded: true });
    expect(slow.overload()).toBeNull();
    await slow.close();
  });

  test('answers each of many that wait with its own result', async () => {
    const stored = await pool.hash('the password');
    if (typeof stored !== 'string') throw new Error('the pool is busy');
    const passwords = Array.from({ length: 60 }, (_, index) =>
      index % 3 === 0 ? 'the password' : `another ${index}`,
    );
    const patient = new HashPool({ threads: 2, cost: CHEAP, queueMilliseconds: 60_000 });
    const results = await Promise.all(passwords.map((password) => patient.verify(password, stored)));
    expect(results).toEqual(passwords.map((password) => password === 'the password'));
    await patient.close();
  });

  test('tells those who wait when it is closed', async () => {
    const closing = new HashPool({
      threads: 1,
      cost: { memoryKib: 65_536, passes: 4, parallelism: 1 },
      queueMilliseconds: 60_000,
    });
    const waiting = Promise.allSettled(Array.from({ length: 5 }, () => closing.hash('a password')));
    await closing.close();
    expect((await waiting).filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
  });
});

describe('the vault', () => {
  const vault = createVault(Buffer.alloc(32, 1), systemRandom);

  test('gives back what it sealed, for the same purpose and with the same key only', () => {
    const sealed = vault.seal('totp', 'a seed');
    expect(vault.unseal('totp', sealed)).toBe('a seed');
    expect(vault.seal('totp', 'a seed')).not.toBe(sealed);
    expect(() => vault.unseal('mail', sealed)).toThrow();
    expect(() => createVault(Buffer.alloc(32, 2), systemRandom).unseal('totp', sealed)).toThrow();
    expect(() => vault.unseal('totp', `${sealed.slice(0, -4)}AAAA`)).toThrow();
    expect(() => vault.unseal('totp', 'v2.xxxx')).toThrow();
  });

  test('its hashes and keys differ by purpose and secret', () => {
    const other = createVault(Buffer.alloc(32, 2), systemRandom);
    expect(vault.hash('a', 'text')).toBe(vault.hash('a', 'text'));
    expect(new Set([vault.hash('a', 'text'), vault.hash('b', 'text'), other.hash('a', 'text')]).size).toBe(3);
    expect(vault.key('a').equals(vault.key('b'))).toBe(false);
  });
});

describe('secrets', () => {
  test('codes are six digits and tokens letters and digits, with nothing missing among them', () => {
    const codes = Array.from({ length: 3000 }, () => sixDigits(systemRandom));
    expect(codes.every((code) => /^\d{6}$/.test(code))).toBe(true);
    expect(new Set(codes.map((code) => code[0])).size).toBe(10);
    const token = alphanumeric(20_000, systemRandom);
    expect(token).toMatch(/^[A-Za-z0-9]{20000}$/);
    expect(new Set(token).size).toBe(62);
  });

  test('timed ids sort by their time and are UUIDs of version 7', () => {
    const [early, late] = [
      timedUuid(1_700_000_000_000, systemRandom),
      timedUuid(1_700_000_000_001, systemRandom),
    ];
    expect(early < late).toBe(true);
    expect(early).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test.each([
    ['short', 'must be'],
    [Buffer.alloc(16, 3).toString('base64'), 'must be 32 bytes'],
    [Buffer.alloc(32).toString('base64'), 'placeholder'],
    ['not base64!', 'must be base64'],
  ])('the key %s is refused', (text, reason) => {
    expect(parseSecretKey(text)).toContain(reason);
  });

  test('the key file is made once, for its owner only, and kept', () => {
    const directory = mkdtempSync(join(tmpdir(), 'latchkey-key-'));
    const file = join(directory, 'data', 'secret.key');
    const made = loadOrCreateSecretKey(file, systemRandom);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(loadOrCreateSecretKey(file, systemRandom).equals(made)).toBe(true);
    expect(Buffer.from(readFileSync(file, 'utf8'), 'base64').equals(made)).toBe(true);
    writeFileSync(file, 'garbage');
    expect(() => loadOrCreateSecretKey(file, systemRandom)).toThrow(/Restore the file/);
    rmSync(directory, { recursive: true });
  });
});
