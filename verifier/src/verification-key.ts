import { type CryptoKey, importJWK, type JWK } from 'jose';
import type { Algorithm } from './compact-token.ts';

/** A key to verify with, and the one algorithm that it is for. */
export interface VerificationKey {
  /** The `kid`; null for a shared secret, which is known from its algorithm. */
  readonly keyId: string | null;
  readonly algorithm: Algorithm;
  readonly key: CryptoKey;
  /** What it was imported from, to tell whether it is still the same. */
  readonly source: string;
}

const SHORTEST_RSA_BITS = 2048;

/**
 * Imports a public key of a JWKS.
 * @returns null for one that is not for signatures with one of the algorithms: a key set may hold keys for others
 */
export async function importPublicKey(
  jwk: unknown,
  algorithms: ReadonlySet<Algorithm>,
): Promise<VerificationKey | null> {
  const { kid, alg, use = 'sig' } = (jwk ?? {}) as Partial<Record<string, unknown>>;
  if (typeof kid !== 'string' || use !== 'sig' || alg === 'HS256' || !algorithms.has(alg as Algorithm))
    return null;
  const algorithm = alg as Algorithm;
  try {
    const key = (await importJWK(jwk as JWK, algorithm)) as CryptoKey;
    const { modulusLength } = key.algorithm as { modulusLength?: number };
    if (key.type !== 'public' || (modulusLength !== undefined && modulusLength < SHORTEST_RSA_BITS))
      return null;
    return { keyId: kid, algorithm, key, source: JSON.stringify(jwk) };
  } catch {
    return null;
  }
}

/** Imports the secret of an `HS256` mount: its text in UTF-8. */
export async function importSecret(secret: string): Promise<VerificationKey> {
  const bytes = new TextEncoder().encode(secret);
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', bytes, hmac, false, ['verify']);
  return { keyId: null, algorithm: 'HS256', key, source: '' };
}
