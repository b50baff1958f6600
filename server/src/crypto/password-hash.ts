import { hashSync as argon2Hash, verifySync as argon2Verify } from '@node-rs/argon2';
import { verifySync as bcryptVerify } from '@node-rs/bcrypt';
import type { Random } from '../ports.ts';
import { ARGON2_WORK_KIB_LIMIT } from './hash-work.ts';

/** The work of one argon2id hash (RFC 9106). ASVS 5.0 11.4.2 asks for at least 19 MiB with two passes. */
export interface HashingCost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** A stored hash that this program can verify. */
export interface StoredHash {
  readonly format: 'argon2' | 'bcrypt';
  /** Whether it is argon2id with just these parameters; another is replaced at the next success. */
  isCurrent(cost: HashingCost): boolean;
}

const ARGON2 =
  /^\$argon2(id|i|d)(?:\$v=(?:16|19))?\$m=(0|[1-9]\d{0,9}),t=(0|[1-9]\d{0,9}),p=(0|[1-9]\d{0,9})\$([A-Za-z0-9+/]{11,128})\$([A-Za-z0-9+/]{11,128})$/;
const BCRYPT = /^\$2[aby]\$(\d{2})\$[./A-Za-z0-9]{53}$/;

// A stored hash chooses our work: nothing that costs more than about a second is taken from outside.
const ARGON2_MEMORY_KIB_LIMIT = 256 * 1024;
const ARGON2_PARALLELISM_LIMIT = 16;
const BCRYPT_COST_LIMIT = 14;

/** The least memory that a lane needs (RFC 9106 §3.1). */
const ARGON2_LANE_KIB = 8;

/** bcrypt reads no further. A longer password could be verified only in part, so it never matches a bcrypt hash. */
const BCRYPT_BYTES = 72;

/**
 * Reads a PHC or modular-crypt string.
 * @returns the hash, or a sentence that says why it cannot be used
 */
export function readStoredHash(stored: string): StoredHash | string {
  const argon2 = ARGON2.exec(stored);
  if (argon2) {
    const [memoryKib, passes, parallelism] = [Number(argon2[2]), Number(argon2[3]), Number(argon2[4])];
    const bounded =
      memoryKib >= ARGON2_LANE_KIB * parallelism &&
      memoryKib <= ARGON2_MEMORY_KIB_LIMIT &&
      passes >= 1 &&
      memoryKib * passes <= ARGON2_WORK_KIB_LIMIT;
    if (!bounded || parallelism < 1 || parallelism > ARGON2_PARALLELISM_LIMIT) {
      return `its argon2 parameters (m=${memoryKib},t=${passes},p=${parallelism}) are outside what is accepted`;
    }
    if (!isBase64(argon2[5]) || !isBase64(argon2[6])) return 'its salt or hash is not base64';
    return {
      format: 'argon2',
      isCurrent: (cost) =>
        argon2[1] === 'id' &&
        memoryKib === cost.memoryKib &&
        passes === cost.passes &&
        parallelism === cost.parallelism,
    };
  }
  const bcrypt = BCRYPT.exec(stored);
  if (bcrypt) {
    const cost = Number(bcrypt[1]);
    if (cost < 4 || cost > BCRYPT_COST_LIMIT)
      return `its bcrypt cost (${cost}) is outside 4 to ${BCRYPT_COST_LIMIT}`;
    return { format: 'bcrypt', isCurrent: () => false };
  }
  return 'it is neither an argon2 nor a bcrypt string';
}

/** Whether it is base64 without padding in its one canonical spelling, which is all that the library reads. */
function isBase64(text = ''): boolean {
  return Buffer.from(text, 'base64').toString('base64').replace(/=+$/, '') === text;
}

/** The one form in which a password is hashed and verified: exactly what was typed, in Unicode's NFC. */
export function normalPassword(password: string): string {
  return password.normalize('NFC');
}

/** A new argon2id hash with a salt of its own, as a PHC string. Takes milliseconds of CPU: worker threads only. */
export function hashPassword(password: string, cost: HashingCost): string {
  return argon2Hash(normalPassword(password), {
    algorithm: 2,
    memoryCost: cost.memoryKib,
    timeCost: cost.passes,
    parallelism: cost.parallelism,
  });
}

const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** What looks like a hash of that cost, of no password that anybody knows: to find that out takes the work of any other. */
export function decoyHash({ memoryKib, passes, parallelism }: HashingCost, random: Random): string {
  const drawn = (count: number) => random.bytes(count).toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${drawn(SALT_BYTES)}$${drawn(HASH_BYTES)}`;
}

/** Whether the password is the one that was hashed. Takes milliseconds of CPU: worker threads only. */
export function verifyPassword(password: string, stored: string): boolean {
  const hash = readStoredHash(stored);
  if (typeof hash === 'string') return false;
  const normal = normalPassword(password);
  if (hash.format === 'argon2') return argon2Verify(stored, normal);
  return Buffer.byteLength(normal) <= BCRYPT_BYTES && bcryptVerify(normal, stored);
}
