import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose';

/** A token's header and payload, its signature not looked at. */
export function readJwt(token: string): {
  header: ReturnType<typeof decodeProtectedHeader>;
  payload: JWTPayload;
} {
  return { header: decodeProtectedHeader(token), payload: decodeJwt(token) };
}

/** Verifies an access token as a resource server would: with the published keys, exact issuer, audience and type. */
export async function verifyAsResourceServer(
  token: string,
  issuer: string,
  audience = issuer,
): Promise<JWTPayload> {
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
  const { payload } = await jwtVerify(token, keys, {
    issuer,
    audience,
    typ: 'at+jwt',
    algorithms: ['ES256', 'EdDSA', 'RS256'],
  });
  return payload;
}
