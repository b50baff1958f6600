import { equalSecrets, type Vault } from '../crypto/vault.ts';
import type { Random } from '../ports.ts';

// A challenge says by itself that it is ours and until when: asking for one writes nothing, so nobody can fill the store.
// 36 bytes, 48 characters of base64url: 10 of chance, 6 of time, 20 of a keyed hash.

const RANDOM_BYTES = 10;
const TIME_BYTES = 6;
const HASH_BYTES = 20;

/** How long a challenge is good. */
export const CHALLENGE_SECONDS = 300;

const FORM = /^[A-Za-z0-9_-]{48}$/;

/** Draws a challenge that only this mount takes. @param now milliseconds since 1970 */
export function drawChallenge(vault: Vault, random: Random, mount: string, now: number): string {
  const said = Buffer.alloc(RANDOM_BYTES + TIME_BYTES);
  random.bytes(RANDOM_BYTES).copy(said);
  said.writeUIntBE(now + CHALLENGE_SECONDS * 1000, RANDOM_BYTES, TIME_BYTES);
  return Buffer.concat([said, hashOf(vault, mount, said)]).toString('base64url');
}

/** Until when a challenge of this mount is good, in milliseconds since 1970; null when it is none, or too old. */
export function challengeExpiry(vault: Vault, mount: string, challenge: string, now: number): number | null {
  // 48 characters are 36 bytes to the bit: each challenge has one spelling.
  if (!FORM.test(challenge)) return null;
  const bytes = Buffer.from(challenge, 'base64url');
  const said = bytes.subarray(0, RANDOM_BYTES + TIME_BYTES);
  const shown = bytes.subarray(RANDOM_BYTES + TIME_BYTES).toString('hex');
  if (!equalSecrets(shown, hashOf(vault, mount, said).toString('hex'))) return null;
  const expiresAt = said.readUIntBE(RANDOM_BYTES, TIME_BYTES);
  return expiresAt > now ? expiresAt : null;
}

function hashOf(vault: Vault, mount: string, said: Buffer): Buffer {
  const hash = vault.hash('attestation-challenge', `${mount}\0${said.toString('hex')}`);
  return Buffer.from(hash, 'base64url').subarray(0, HASH_BYTES);
}
