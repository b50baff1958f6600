import { createHmac, type KeyObject, sign, timingSafeEqual, verify } from 'node:crypto';

/** The signature algorithms of access tokens (RFC 7518, RFC 8037). */
export type Algorithm = 'ES256' | 'EdDSA' | 'RS256' | 'HS256';

/** Every kind of token that is a JWT, by its `typ` (RFC 8725 §3.11): one kind is nothing to what takes another. */
export type TokenType = 'at+jwt' | 'rt+jwt' | 'step-up+jwt';

/** A key with the one algorithm it is used with. */
export interface JwsKey {
  /** The `kid`; null where the key is known from the token's type. */
  readonly id: string | null;
  readonly algorithm: Algorithm;
  /** The private half for signing, or the shared secret. */
  readonly signingKey: KeyObject;
  /** The public half, or the shared secret. */
  readonly verifyingKey: KeyObject;
}

/**
 * The header segment of a token: the same bytes for every token of a kind and key. Verifying is looking it up, so a
 * header that this program would not write is never even parsed.
 */
export function headerSegment(type: TokenType, key: JwsKey): string {
  const header = { alg: key.algorithm, typ: type, ...(key.id === null ? {} : { kid: key.id }) };
  return Buffer.from(JSON.stringify(header)).toString('base64url');
}

/** Signs a payload. `header` is the key's `headerSegment`. Synchronous: nothing here waits for a shared thread pool. */
export function signCompact(header: string, payload: object, key: JwsKey): string {
  const input = `${header}.${Buffer.from(JSON.stringify(payload)).toString('base64url')}`;
  return `${input}.${signature(input, key).toString('base64url')}`;
}

function signature(input: string, key: JwsKey): Buffer {
  const data = Buffer.from(input);
  switch (key.algorithm) {
    case 'ES256':
      return rawFromDer(sign('sha256', data, key.signingKey));
    case 'EdDSA':
      return sign(null, data, key.signingKey);
    case 'RS256':
      return sign('sha256', data, key.signingKey);
    case 'HS256':
      return createHmac('sha256', key.signingKey).update(data).digest();
  }
}

/**
 * Verifies a compact JWS.
 * @param keyOf the key that goes with a header segment, for the one type that is expected here
 * @returns the claims, or null for anything that is not, byte for byte, what one of those keys signed, or says no claims
 */
export function verifyCompact(
  token: string,
  keyOf: (header: string) => JwsKey | undefined,
): Record<string, unknown> | null {
  const parts = token.split('.');
  const [header, payload, signed] = parts;
  if (parts.length !== 3 || !header || !payload || !signed) return null;
  const key = keyOf(header);
  if (!key) return null;
  const signatureBytes = strictBase64url(signed);
  const payloadBytes = strictBase64url(payload);
  if (!signatureBytes || !payloadBytes) return null;
  if (!isSigned(`${header}.${payload}`, signatureBytes, key)) return null;
  return claimsIn(payloadBytes);
}

/** The claims set in a payload (RFC 7519 §7.2); null where it is no JSON object. Who has a shared secret can sign anything. */
function claimsIn(payload: Buffer): Record<string, unknown> | null {
  try {
    const claims: unknown = JSON.parse(payload.toString('utf8'));
    const isObject = typeof claims === 'object' && claims !== null && !Array.isArray(claims);
    return isObject ? (claims as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function isSigned(input: string, signed: Buffer, key: JwsKey): boolean {
  const data = Buffer.from(input);
  switch (key.algorithm) {
    case 'ES256':
      return signed.length === 64 && verify('sha256', data, key.verifyingKey, derFromRaw(signed));
    case 'EdDSA':
      return verify(null, data, key.verifyingKey, signed);
    case 'RS256':
      return verify('sha256', data, key.verifyingKey, signed);
    case 'HS256': {
      const expected = createHmac('sha256', key.verifyingKey).update(data).digest();
      return expected.length === signed.length && timingSafeEqual(expected, signed);
    }
  }
}

/** The bytes of base64url without padding in its one canonical spelling; null for any other. */
function strictBase64url(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : null;
}

// ECDSA signatures: JOSE wants r and s as 32 bytes each (RFC 7518 §3.4), OpenSSL is twice as fast with a DER sequence
// of two integers (X.690 §8.3): 30 len 02 len r 02 len s, each integer without leading zeros but for its sign bit.

const COORDINATE_BYTES = 32;

function rawFromDer(der: Buffer): Buffer {
  const raw = Buffer.alloc(2 * COORDINATE_BYTES);
  let at = 2;
  for (const end of [COORDINATE_BYTES, 2 * COORDINATE_BYTES]) {
    const length = der.readUInt8(at + 1);
    const digits = der.subarray(at + 2, at + 2 + length).subarray(-COORDINATE_BYTES);
    digits.copy(raw, end - digits.length);
    at += 2 + length;
  }
  return raw;
}

function derFromRaw(raw: Buffer): Buffer {
  const r = derInteger(raw.subarray(0, COORDINATE_BYTES));
  const s = derInteger(raw.subarray(COORDINATE_BYTES));
  return Buffer.concat([Buffer.from([0x30, r.length + s.length]), r, s]);
}

function derInteger(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const digits = bytes.subarray(start);
  const sign = digits.readUInt8(0) & 0x80 ? [0] : [];
  return Buffer.concat([Buffer.from([0x02, digits.length + sign.length, ...sign]), digits]);
}
