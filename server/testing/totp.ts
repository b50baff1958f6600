import { Secret, TOTP } from 'otpauth';

/** A seed for tests, 160 bits. */
export const SEED = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';

/** The code that an authenticator shows. @param now milliseconds since 1970 */
export function totpCode(now: number, seed = SEED): string {
  return new TOTP({ secret: Secret.fromBase32(seed), algorithm: 'SHA1', digits: 6, period: 30 }).generate({
    timestamp: now,
  });
}
