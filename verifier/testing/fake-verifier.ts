import { type RefusalReason, TokenRefusedError } from '../src/refusal.ts';
import type { Verified, Verifier } from '../src/verifier.ts';

/** What `good` says. */
const GOOD: Verified<'login'> = {
  claims: {
    iss: 'https://id.example.com',
    aud: 'https://id.example.com',
    sub: 'ada',
    sid: 'a-session',
    iat: 1_790_000_000,
    exp: 1_790_003_600,
    jti: 'a-token',
    role: 'Member',
  },
  subject: 'ada',
  sessionId: 'a-session',
  issuedAt: 1_790_000_000_000,
  expiresAt: 1_790_003_600_000,
  revocation: 'feed',
};

/** Takes the token `good`, refuses any other for the reason that it names, and breaks at `broken`. */
export const fakeVerifier = {
  async verify(token: string) {
    if (token === 'good') return GOOD;
    if (token === 'broken') throw new Error('a mistake in the verifier');
    throw new TokenRefusedError(token as RefusalReason);
  },
} as unknown as Pick<Verifier, 'verify'>;
