import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { CompactSign, type JWK } from 'jose';
import type { Algorithm } from '../src/compact-token.ts';

/** The issuer of what a signer signs, where nothing else is said. */
export const ISSUER = 'https://id.example.com';

/** A key pair as the server has one. */
export interface Signer {
  readonly algorithm: Algorithm;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** As it is published. */
  readonly jwk: JWK & { readonly kid: string };
  /** A token as the server writes it. @param claims what is different from a good one; undefined leaves a claim out */
  sign(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
}

/** Makes a key pair. */
export function makeSigner(
  algorithm: Exclude<Algorithm, 'HS256'> = 'ES256',
  kid: string = randomUUID(),
): Signer {
  const { privateKey, publicKey } = pairFor(algorithm);
  const jwk = { ...(publicKey.export({ format: 'jwk' }) as JWK), kid, alg: algorithm, use: 'sig' };
  return {
    algorithm,
    privateKey,
    publicKey,
    jwk,
    sign: (claims = {}, header = {}) =>
      signWith(privateKey, { alg: algorithm, typ: 'at+jwt', kid, ...header }, goodClaims(claims)),
  };
}

/** Signs whatever is given. */
export function signWith(
  key: KeyObject | Uint8Array,
  header: Record<string, unknown>,
  payload: unknown,
): Promise<string> {
  return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader(header as { alg: string })
    .sign(key);
}

/** The claims of a good token, with others in their place. */
export function goodClaims(claims: Record<string, unknown> = {}): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: ISSUER,
    aud: ISSUER,
    sub: 'ada',
    sid: randomUUID(),
    iat: now,
    exp: now + 3600,
    jti: randomUUID(),
    role: 'Member',
    ...claims,
  };
}

/** A segment of a token. */
export function segment(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

function pairFor(algorithm: Exclude<Algorithm, 'HS256'>) {
  switch (algorithm) {
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'EdDSA':
      return generateKeyPairSync('ed25519');
    case 'RS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
  }
}
