import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  timingSafeEqual,
} from 'node:crypto';
import type { Random } from '../ports.ts';

/** What the installation's one secret does: it seals, it makes keyed hashes, and it gives keys to those that sign. */
export interface Vault {
  /** Encrypts a text for one purpose (AES-256-GCM). The same text gives another result every time. */
  seal(purpose: string, text: string): string;

  /**
   * The text that was sealed for that purpose.
   * @throws Error when it was sealed with another key, for another purpose, or was changed
   */
  unseal(purpose: string, sealed: string): string;

  /** A keyed hash (HMAC-SHA-256, base64url): equal for equal texts, and no guess can be tested without the key. */
  hash(purpose: string, text: string): string;

  /** A key of 32 bytes for one purpose and no other. */
  key(purpose: string): Buffer;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 'v1.';

/** @param secret 32 bytes: the configuration's `secrets.key` */
export function createVault(secret: Buffer, random: Random): Vault {
  const derive = (purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, 'latchkey', purpose, 32));
  // As key objects: the bytes would be made into one at every use, which takes six times as long as the hash.
  const sealing = createSecretKey(derive('seal'));
  const hashing = createSecretKey(derive('hash'));

  return {
    seal(purpose, text) {
      const nonce = random.bytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce);
      cipher.setAAD(Buffer.from(purpose));
      const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return VERSION + sealed.toString('base64url');
    },
    unseal(purpose, sealed) {
      if (!sealed.startsWith(VERSION)) throw new Error(`sealed in an unknown form: ${purpose}`);
      const bytes = Buffer.from(sealed.slice(VERSION.length), 'base64url');
      // What is sealed has one spelling: another one could pass for a second ticket.
      if (bytes.toString('base64url') !== sealed.slice(VERSION.length))
        throw new Error(`sealed in another spelling: ${purpose}`);
      const decipher = createDecipheriv('aes-256-gcm', sealing, bytes.subarray(0, NONCE_BYTES));
      decipher.setAAD(Buffer.from(purpose));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
      return Buffer.concat([text, decipher.final()]).toString('utf8');
    },
    hash: (purpose, text) => createHmac('sha256', hashing).update(`${purpose}\0${text}`).digest('base64url'),
    key: derive,
  };
}

/** The plain SHA-256 of a secret that is too long to guess, in base64url: what the store keeps of it. */
export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

/** Whether two texts are equal, in a time that does not depend on where they differ. */
export function equalSecrets(left: string, right: string): boolean {
  const a = createHash('sha256').update(left).digest();
  const b = createHash('sha256').update(right).digest();
  return timingSafeEqual(a, b);
}
