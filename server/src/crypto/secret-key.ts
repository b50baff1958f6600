import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { OperatorError } from '../errors.ts';
import type { Random } from '../ports.ts';

/** Where the secret is kept when the configuration does not give one. Relative to the working directory. */
export const SECRET_KEY_FILE = 'data/secret.key';

const KEY_BYTES = 32;

/**
 * Reads `secrets.key` as it stands in the configuration.
 * @returns the 32 bytes, or a sentence that says what is wrong with the text
 */
export function parseSecretKey(text: string): Buffer | string {
  const trimmed = text.trim();
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(trimmed)) return 'must be base64';
  const bytes = Buffer.from(trimmed, 'base64');
  if (bytes.length !== KEY_BYTES) return `must be ${KEY_BYTES} bytes in base64, this is ${bytes.length}`;
  if (new Set(bytes).size < KEY_BYTES / 4)
    return 'looks like a placeholder; make one with: openssl rand -base64 32';
  return bytes;
}

/** The secret in the key file, made with mode 0600 when there is none. Two processes that start together end with one. */
export function loadOrCreateSecretKey(file: string, random: Random): Buffer {
  const existing = readIfPresent(file);
  if (existing !== null) return checked(file, existing);
  try {
    createKeyFile(file, random);
  } catch (error) {
    throw new OperatorError(`cannot make ${file}: ${(error as Error).message}. Or give secrets.key.`);
  }
  return checked(file, readFileSync(file, 'utf8'));
}

/** Written aside and linked into place: nobody ever reads half a key, and only the first of two wins. */
function createKeyFile(file: string, random: Random): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${Buffer.from(random.bytes(6)).toString('hex')}`;
  writeFileSync(draft, `${Buffer.from(random.bytes(KEY_BYTES)).toString('base64')}\n`, {
    mode: 0o600,
    flag: 'wx',
  });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
}

function readIfPresent(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new OperatorError(`cannot read ${file}: ${(error as Error).message}`);
  }
}

function checked(file: string, text: string): Buffer {
  const key = parseSecretKey(text);
  if (typeof key === 'string')
    throw new OperatorError(`${file} ${key}. Restore the file that the store was made with.`);
  return key;
}
