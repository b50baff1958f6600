import type { CommonClaims } from './claims.ts';
import { TokenRefusedError } from './refusal.ts';

/** What claims are held against. */
export interface Expectations {
  readonly issuer: string;
  readonly audience: string;
  /** A token that lives longer than this is none of the server's. */
  readonly maxTokenSeconds: number;
}

/** The claims of a token whose signature is right, the common ones checked. */
export type CheckedClaims = CommonClaims & Readonly<Record<string, unknown>>;

const REQUIRED = ['iss', 'aud', 'sub', 'sid', 'iat', 'exp', 'jti'] as const;

/**
 * Checks everything about the claims of a token that no clock is needed for.
 * @throws TokenRefusedError `missing-claim`, `malformed`, `wrong-issuer` or `wrong-audience`
 */
export function checkClaims(payload: Record<string, unknown>, expected: Expectations): CheckedClaims {
  if (REQUIRED.some((name) => !Object.hasOwn(payload, name))) throw new TokenRefusedError('missing-claim');
  if (!isWellFormed(payload)) throw new TokenRefusedError('malformed');
  const { iss, aud, iat, exp } = payload;
  if (iss !== expected.issuer) throw new TokenRefusedError('wrong-issuer');
  if (typeof aud === 'string' ? aud !== expected.audience : !aud.includes(expected.audience))
    throw new TokenRefusedError('wrong-audience');
  // A revocation is forgotten when every token that it can mean must have ended.
  if (exp - iat > expected.maxTokenSeconds) throw new TokenRefusedError('malformed');
  return payload;
}

/**
 * Checks the times of a token.
 * @param nowSeconds since 1970
 * @throws TokenRefusedError `not-yet-valid` or `expired`
 */
export function checkTimes(claims: CheckedClaims, nowSeconds: number, toleranceSeconds: number): void {
  const { iat, exp, nbf } = claims;
  const latest = nowSeconds + toleranceSeconds;
  if (iat > latest || (typeof nbf === 'number' && nbf > latest)) throw new TokenRefusedError('not-yet-valid');
  if (exp <= nowSeconds - toleranceSeconds) throw new TokenRefusedError('expired');
}

function isWellFormed(payload: Record<string, unknown>): payload is CheckedClaims & typeof payload {
  const { iss, aud, sub, sid, iat, exp, jti, nbf } = payload;
  return (
    isText(iss) &&
    (isText(aud) || (Array.isArray(aud) && aud.every(isText))) &&
    isText(sub) &&
    isText(sid) &&
    isText(jti) &&
    isTime(iat) &&
    isTime(exp) &&
    (nbf === undefined || isTime(nbf))
  );
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Whole seconds, and never 0: a time of 0 is one that somebody forgot to set. */
function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
