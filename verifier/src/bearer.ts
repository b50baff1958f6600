import type { TokenShape } from './claims.ts';
import { type RefusalReason, TokenRefusedError } from './refusal.ts';
import type { Verified, Verifier } from './verifier.ts';

/** An answer to a request that is refused, for any framework to send. */
export interface RefusalReply {
  readonly status: 401 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly error: { readonly code: RefusalReason; readonly message: string } };
}

/** A request came in: who it is from, or what to answer it. */
export type Authentication<Shape extends TokenShape = undefined> =
  | { readonly auth: Verified<Shape> }
  | { readonly reply: RefusalReply };

/** By when a server that could not be reached may be back. */
const RETRY_AFTER_SECONDS = 2;

/**
 * The token of a request: exactly one Authorization header, in the form of RFC 6750 §2.1.
 * @param authorization the value of each Authorization header that came
 * @throws TokenRefusedError `missing` without a bearer token, `malformed` with one that is not well formed, or two headers
 */
export function bearerToken(authorization: readonly string[]): string {
  const [value, ...others] = authorization;
  if (value === undefined) throw new TokenRefusedError('missing');
  if (others.length > 0) throw new TokenRefusedError('malformed');
  if (!/^Bearer(?: |$)/i.test(value)) throw new TokenRefusedError('missing');
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(value)?.[1];
  if (token === undefined) throw new TokenRefusedError('malformed');
  return token;
}

/**
 * Authenticates a request: what every framework's few lines are made of.
 * @param authorization the value of each Authorization header that came
 * @throws whatever is not a refusal of the token
 */
export async function authenticateBearer<Shape extends TokenShape = undefined>(
  verifier: Pick<Verifier, 'verify'>,
  authorization: readonly string[],
): Promise<Authentication<Shape>> {
  try {
    return { auth: await verifier.verify<Shape>(bearerToken(authorization)) };
  } catch (error) {
    if (error instanceof TokenRefusedError) return { reply: refusalReply(error) };
    throw error;
  }
}

/** How a refusal is answered: 503 where nothing is known about the token, otherwise 401 as RFC 6750 §3 has it. */
export function refusalReply({ reason, message }: TokenRefusedError): RefusalReply {
  const body = { error: { code: reason, message } };
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  if (reason === 'unavailable')
    return { status: 503, headers: { ...headers, 'retry-after': String(RETRY_AFTER_SECONDS) }, body };
  // Who shows no token is only told which kind is wanted.
  const challenge =
    reason === 'missing' ? 'Bearer' : `Bearer error="invalid_token", error_description="${reason}"`;
  return { status: 401, headers: { ...headers, 'www-authenticate': challenge }, body };
}

/** A request of Node.js's, or of a framework that is built on it. */
export interface NodeRequest {
  /** Names and values by turns, as they came. */
  readonly rawHeaders: readonly string[];
}

/** The values of the Authorization headers of a request, repeated ones too. */
export function authorizationOf({ rawHeaders }: NodeRequest): string[] {
  return rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'authorization',
  );
}

/** A request that a middleware has let through. */
export interface AuthenticatedRequest {
  /** What its token says; `authOf` reads it with the claims of a contract. */
  auth?: Verified<TokenShape>;
}

/**
 * What the token of a request says, once a middleware has put it there.
 * @throws Error where none has
 */
export function authOf<Shape extends TokenShape = undefined>(request: object): Verified<Shape> {
  const { auth } = request as { readonly auth?: Verified<Shape> };
  if (!auth) throw new Error('this request has not been authenticated: latchkey() must come first');
  return auth;
}
