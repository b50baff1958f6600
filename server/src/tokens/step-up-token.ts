import { createSecretKey } from 'node:crypto';
import type { Vault } from '../crypto/vault.ts';
import type { Clock } from '../ports.ts';
import { headerSegment, type JwsKey, signCompact, verifyCompact } from './compact-jws.ts';

/** Step-up tokens: tickets for contracts whose clients expect a JWT. */
export type StepUpTokens = ReturnType<typeof createStepUpTokens>;

/** Wraps a ticket's secret in a JWT that is good for nothing else. The ticket in the store decides what it is worth. */
export function createStepUpTokens(vault: Vault, publicUrl: () => string, clock: Clock) {
  const secret = createSecretKey(vault.key('step-up-token'));
  const key: JwsKey = { id: null, algorithm: 'HS256', signingKey: secret, verifyingKey: secret };
  const header = headerSegment('step-up+jwt', key);

  return {
    /** @param times milliseconds since 1970 */
    issue(ticketSecret: string, times: { issuedAt: number; expiresAt: number }): string {
      const [iat, exp] = [Math.floor(times.issuedAt / 1000), Math.floor(times.expiresAt / 1000)];
      return signCompact(header, { iss: publicUrl(), jti: ticketSecret, iat, exp }, key);
    },

    /** The ticket's secret; null for anything that is not a step-up token in time. */
    verify(token: string): string | null {
      const payload = verifyCompact(token, (given) => (given === header ? key : undefined));
      if (payload === null || payload.iss !== publicUrl() || typeof payload.jti !== 'string') return null;
      return Number.isSafeInteger(payload.exp) && (payload.exp as number) * 1000 > clock.now()
        ? payload.jti
        : null;
    },
  };
}
