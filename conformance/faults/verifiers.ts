import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { createVerifier } from '../../verifier/src/index.ts';
import { clientOf } from './client.ts';

/** Somebody who checks access tokens. */
export interface TokenChecker {
  readonly name: string;
  /** @returns why the token is refused, or null when it is taken */
  readonly refuses: (token: string) => Promise<string | null>;
  readonly stop: () => void;
}

const refusal = (checked: Promise<unknown>): Promise<string | null> =>
  checked.then(
    () => null,
    (error: Error) => error.message,
  );

/** The server at that address, asked about the token. */
export function askingServer(url: string): TokenChecker {
  const client = clientOf(() => url);
  return {
    name: 'server',
    async refuses(token) {
      const { status, body } = await client.get('/v1/session', token);
      return status === 200 && body.active === true ? null : `answered ${status}, active: ${body.active}`;
    },
    stop: () => undefined,
  };
}

/**
 * The product's own verifier, which reads keys and revocations from the server at that address.
 * @param credential of a resource server that follows revocations; null for one that does not
 */
export function ownVerifier(issuer: string, url: string, credential: string | null): TokenChecker {
  const verifier = createVerifier({
    issuer,
    fetch: (input, init) => fetch(String(input).replace(issuer, url), init),
    ...(credential === null ? {} : { revocations: { credential } }),
  });
  return {
    name: credential === null ? 'verifier' : 'verifier that follows revocations',
    refuses: (token) => refusal(verifier.verify(token)),
    stop: () => verifier.close(),
  };
}

/** A plain one on jose: it reads the JWKS when its copy is as old as its max-age allows, and never before. */
export function cachingVerifier(issuer: string, url: string): TokenChecker {
  let copy: { readonly keys: ReturnType<typeof createLocalJWKSet>; readonly goodUntil: number } | null = null;
  const keys = async () => {
    if (copy !== null && performance.now() < copy.goodUntil) return copy.keys;
    const asked = performance.now();
    const response = await fetch(`${url}/.well-known/jwks.json`);
    const maxAge = Number(/max-age=(\d+)/.exec(response.headers.get('cache-control') ?? '')?.[1]);
    const set = createLocalJWKSet((await response.json()) as JSONWebKeySet);
    copy = { keys: set, goodUntil: asked + maxAge * 1000 };
    return set;
  };
  return {
    name: 'jose with a cached JWKS',
    refuses: async (token) => refusal(jwtVerify(token, await keys(), { issuer, audience: issuer })),
    stop: () => undefined,
  };
}
