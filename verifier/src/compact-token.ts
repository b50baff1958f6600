import { TokenRefusedError } from './refusal.ts';

/** The signature algorithms that Latchkey has. */
export type Algorithm = 'ES256' | 'EdDSA' | 'RS256' | 'HS256';

/** What the header of an access token says. */
export interface TokenHeader {
  readonly algorithm: Algorithm;
  /** Null where there is none. */
  readonly keyId: string | null;
}

/** Longer ones are not looked at: Node.js takes no longer headers either. */
const LONGEST_TOKEN = 16_384;

const SEGMENTS = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;

/** The members that a header may have. One that names keys, extensions or encodings (`jwk`, `jku`, `crit`, `b64`) is refused. */
const HEADER_MEMBERS = new Set(['alg', 'typ', 'kid']);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The header segment of a compact JWS that has the one spelling that its bytes have. Nothing is decoded yet.
 * @throws TokenRefusedError `malformed`
 */
export function headerSegmentOf(token: string): string {
  const [, header, payload, signature] = token.length > LONGEST_TOKEN ? [] : (SEGMENTS.exec(token) ?? []);
  if (header === undefined || payload === undefined || signature === undefined)
    throw new TokenRefusedError('malformed');
  if (!isCanonical(header) || !isCanonical(payload) || !isCanonical(signature))
    throw new TokenRefusedError('malformed');
  return header;
}

/**
 * Reads a header.
 * @throws TokenRefusedError `malformed`, `wrong-type` or `wrong-algorithm`
 */
export function readHeader(segment: string, algorithms: ReadonlySet<Algorithm>): TokenHeader {
  const members = parseObject(bytesOf(segment));
  if (Object.keys(members).some((name) => !HEADER_MEMBERS.has(name)))
    throw new TokenRefusedError('malformed');
  const { alg, typ, kid = null } = members;
  if (typeof alg !== 'string' || (kid !== null && typeof kid !== 'string'))
    throw new TokenRefusedError('malformed');
  if (typ !== 'at+jwt') throw new TokenRefusedError('wrong-type');
  if (!isOneOf(algorithms, alg)) throw new TokenRefusedError('wrong-algorithm');
  return { algorithm: alg, keyId: kid };
}

/**
 * Parses a JSON object in UTF-8.
 * @throws TokenRefusedError `malformed` for anything else
 */
export function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    throw new TokenRefusedError('malformed', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TokenRefusedError('malformed');
  return value as Record<string, unknown>;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * Whether base64url text is the one that its bytes are written as. Of the last character, 2 or 4 bits belong to no byte:
 * decoders ignore them, so that one signature could be written in several ways.
 */
function isCanonical(segment: string): boolean {
  const over = segment.length % 4;
  if (over === 0) return true;
  if (over === 1) return false;
  const last = ALPHABET.indexOf(segment.charAt(segment.length - 1));
  return (last & (over === 2 ? 0b1111 : 0b11)) === 0;
}

function bytesOf(segment: string): Uint8Array {
  const binary = atob(segment.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function isOneOf(algorithms: ReadonlySet<string>, name: string): name is Algorithm {
  return algorithms.has(name);
}
