import { createSecretKey } from 'node:crypto';
import type { Mount } from '../mount.ts';
import type { Clock, Random } from '../ports.ts';
import { headerSegment, type JwsKey, signCompact, verifyCompact } from './compact-jws.ts';
import type { KeyRing } from './key-ring.ts';
import { RememberedTokens } from './remembered-tokens.ts';
import { shapeClaims } from './shape-claims.ts';

/** How far the clock of the node that issued a token may be ahead of ours. */
const SKEW_SECONDS = 10;

/** What an access token that is genuine and in time says. Whether its session still lives is the store's to know. */
export interface VerifiedAccessToken {
  readonly sessionId: string;
  readonly subject: string;
  readonly audience: string;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** The mount whose shared secret signed it; null when it was one of our own keys. */
  readonly sharedWith: string | null;
}

/** What goes into a token beside what every token has. */
export interface AccessTokenContent {
  readonly sessionId: string;
  readonly subject: string;
  /** What the contract puts there. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** What a mount may ask for beside that, by our names. */
  readonly known: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
  /** The latest time that it may end at, whatever the mount's lifetime is. */
  readonly notAfter: number;
}

/** What access tokens need. */
export interface AccessTokenOptions {
  readonly keyRing: KeyRing;
  readonly mounts: readonly Mount[];
  /** The issuer. Known only once the server listens, when it is made from the address. */
  readonly publicUrl: () => string;
  readonly clock: Clock;
  readonly random: Random;
}

/** Access tokens: signed JWTs in the form of RFC 9068, each mount with its algorithm, audience, lifetime and claim names. */
export type AccessTokens = ReturnType<typeof createAccessTokens>;

/** Makes and verifies access tokens. */
export function createAccessTokens(options: AccessTokenOptions) {
  const { keyRing, mounts, publicUrl, clock } = options;
  const sharedKeys = mounts.flatMap(sharedKeysOf);
  const sharedByHeader = new Map(sharedKeys.map((shared) => [shared.header, shared]));
  const sharedByMount = new Map(sharedKeys.map((shared) => [shared.mount, shared]));
  const verified = new RememberedTokens<Claims>();
  const longestSeconds = Math.max(...mounts.map((mount) => mount.accessTokenSeconds));

  function signerFor(mount: Mount): { key: JwsKey; header: string } {
    return sharedByMount.get(mount.name) ?? keyRing.signer(mount.algorithm);
  }

  return {
    /** The audience that a mount's tokens have. */
    audienceOf: (mount: Mount): string => mount.audience ?? publicUrl(),

    /** A signed token for a session. */
    issue(mount: Mount, content: AccessTokenContent): string {
      const { key, header } = signerFor(mount);
      const issuedAt = Math.floor(content.issuedAt / 1000);
      const ends = issuedAt + mount.accessTokenSeconds;
      const payload = {
        iss: publicUrl(),
        aud: mount.audience ?? publicUrl(),
        sub: content.subject,
        sid: content.sessionId,
        iat: issuedAt,
        exp: Math.min(ends, Math.floor(content.notAfter / 1000)),
        jti: Buffer.from(options.random.bytes(16)).toString('base64url'),
        ...shapeClaims(mount, content.claims, content.known),
      };
      return signCompact(header, payload, key);
    },

    /** What a token says; `'expired'` for a genuine one that has ended; null for anything else. */
    verify(token: string): VerifiedAccessToken | 'expired' | null {
      const header = token.slice(0, token.indexOf('.'));
      const shared = sharedByHeader.get(header);
      const key = shared?.key ?? keyRing.verifier(header);
      if (!key) return null;
      // Whether its key still holds, it is in time and its session lives is asked each time all the same.
      const known = verified.get(token);
      const claims = known ?? readClaims(token, key);
      if (
        claims === null ||
        claims.issuer !== publicUrl() ||
        claims.expiresAt - claims.issuedAt > longestSeconds
      )
        return null;
      if (known === undefined) verified.set(token, claims);
      const now = clock.now() / 1000;
      if (claims.issuedAt > now + SKEW_SECONDS) return null;
      if (claims.expiresAt <= now) return 'expired';
      const { sessionId, subject, audience, issuedAt, expiresAt } = claims;
      return {
        sessionId,
        subject,
        audience,
        issuedAt: issuedAt * 1000,
        expiresAt: expiresAt * 1000,
        sharedWith: shared?.mount ?? null,
      };
    },
  };
}

/** The claims of a token whose signature is right; times in seconds since 1970. */
interface Claims {
  readonly issuer: unknown;
  readonly audience: string;
  readonly subject: string;
  readonly sessionId: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

function readClaims(token: string, key: JwsKey): Claims | null {
  const payload = verifyCompact(token, () => key);
  if (payload === null) return null;
  const { iss, aud, sub, sid, iat, exp } = payload;
  if (
    typeof aud !== 'string' ||
    typeof sub !== 'string' ||
    typeof sid !== 'string' ||
    !isTime(iat) ||
    !isTime(exp)
  )
    return null;
  return { issuer: iss, audience: aud, subject: sub, sessionId: sid, issuedAt: iat, expiresAt: exp };
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

interface SharedKey {
  readonly mount: string;
  readonly key: JwsKey;
  readonly header: string;
}

function sharedKeysOf(mount: Mount): SharedKey[] {
  if (mount.secret === null) return [];
  const secret = createSecretKey(Buffer.from(mount.secret));
  const key: JwsKey = {
    id: `mount:${mount.name}`,
    algorithm: 'HS256',
    signingKey: secret,
    verifyingKey: secret,
  };
  return [{ mount: mount.name, key, header: headerSegment('at+jwt', key) }];
}
