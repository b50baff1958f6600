import { createSecretKey } from 'node:crypto';
import type { Mount } from '../mount.ts';
import type { Clock, Random } from '../ports.ts';
import { headerSegment, type JwsKey, signCompact, verifyCompact } from './compact-jws.ts';
import type { KeyRing } from './key-ring.ts';

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
  readonly claims: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
  /** The latest time that it may end at, whatever the mount's lifetime is; null for no such time. */
  readonly notAfter: number | null;
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
  const longestSeconds = Math.max(...mounts.map((mount) => mount.accessTokenSeconds));

  function signerFor(mount: Mount): { key: JwsKey; header: string } {
    const secret = sharedByMount.get(mount.name);
    if (secret) return secret;
    if (mount.algorithm === 'HS256') throw new Error(`the mount ${mount.name} has no secret`);
    return keyRing.signer(mount.algorithm);
  }

  return {
    /** The audience that a mount's tokens have. */
    audienceOf: (mount: Mount): string => mount.audience ?? publicUrl(),

    /** A signed token for a session. */
    issue(mount: Mount, content: AccessTokenContent): string {
      const { key, header } = signerFor(mount);
      const issuedAt = Math.floor(content.issuedAt / 1000);
      const ends = issuedAt + mount.accessTokenSeconds;
      const claims = Object.entries(content.claims).map(([name, value]) => [
        Object.hasOwn(mount.claims, name) ? mount.claims[name] : name,
        value,
      ]);
      const payload = {
        iss: publicUrl(),
        aud: mount.audience ?? publicUrl(),
        sub: content.subject,
        sid: content.sessionId,
        iat: issuedAt,
        exp: content.notAfter === null ? ends : Math.min(ends, Math.floor(content.notAfter / 1000)),
        jti: Buffer.from(options.random.bytes(16)).toString('base64url'),
        ...Object.fromEntries(claims),
      };
      return signCompact(header, payload, key);
    },

    /** What a token says; `'expired'` for a genuine one that has ended; null for anything else. */
    verify(token: string): VerifiedAccessToken | 'expired' | null {
      let shared: SharedKey | undefined;
      const payload = verifyCompact(token, (header) => {
        shared = sharedByHeader.get(header);
        return shared?.key ?? keyRing.verifier(header);
      });
      if (payload === null) return null;
      const { iss, aud, sub, sid, iat, exp } = payload;
      if (
        iss !== publicUrl() ||
        typeof aud !== 'string' ||
        typeof sub !== 'string' ||
        typeof sid !== 'string'
      )
        return null;
      if (!isTime(iat) || !isTime(exp) || exp - iat > longestSeconds) return null;
      const now = clock.now() / 1000;
      if (iat > now + SKEW_SECONDS) return null;
      if (exp <= now) return 'expired';
      return {
        sessionId: sid,
        subject: sub,
        audience: aud,
        issuedAt: iat * 1000,
        expiresAt: exp * 1000,
        sharedWith: shared?.mount ?? null,
      };
    },
  };
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
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
