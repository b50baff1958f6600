import type { Tokens } from './token-store.ts';

/** How far an access token is: `ageing` is good still, and should be renewed. */
export type Phase = 'fresh' | 'ageing' | 'ended';

/** The part of its life in which a token is ageing, at most. */
const AGEING_SHARE = 0.1;

/**
 * Where an access token is in its life. Its length is taken from the token, its beginning from when it came, so that the
 * server's clock and this one need not agree.
 * @param now milliseconds since 1970
 * @param aheadSeconds how long before its end it is to be renewed
 */
export function phaseOf(tokens: Tokens, now: number, aheadSeconds: number): Phase {
  const life = lifeMilliseconds(tokens.accessToken);
  // A token that cannot be read is good until the server says otherwise.
  if (life === null) return 'fresh';
  const left = tokens.receivedAt + life - now;
  if (left <= 0) return 'ended';
  return left <= Math.min(aheadSeconds * 1000, life * AGEING_SHARE) ? 'ageing' : 'fresh';
}

/** Who an access token is for; null when it cannot be read. */
export function subjectOf({ accessToken }: Tokens): string | null {
  const { sub } = claimsOf(accessToken);
  return typeof sub === 'string' ? sub : null;
}

/** How long a JWT lives, by its `iat` and `exp`; null for anything else. */
function lifeMilliseconds(jwt: string): number | null {
  const { iat, exp } = claimsOf(jwt);
  return typeof iat === 'number' && typeof exp === 'number' ? (exp - iat) * 1000 : null;
}

/** What a JWT says; nothing where it is none. */
function claimsOf(jwt: string): Readonly<Record<string, unknown>> {
  try {
    const encoded = jwt.split('.')[1] ?? '';
    return JSON.parse(atob(encoded.replaceAll('-', '+').replaceAll('_', '/'))) ?? {};
  } catch {
    return {};
  }
}
