import { Secret, TOTP } from 'otpauth';
import { consumeTotpStep } from '../store/consume.ts';
import type { Factor } from './factor.ts';
import { normalCode } from './mailed-code.ts';

const PERIOD_SECONDS = 30;

/** Steps before and after the present one that are taken: clocks differ a little. */
const WINDOW_STEPS = 1;

/** The fewest bytes that a seed may have. */
const SEED_BYTES = 10;

/** A TOTP seed in canonical base32, or null for what is none (RFC 6238, RFC 4648). */
export function parseTotpSeed(text: string): string | null {
  const compact = text.replace(/[\s-]/g, '').replace(/=+$/, '').toUpperCase();
  if (!/^[A-Z2-7]+$/.test(compact)) return null;
  return Secret.fromBase32(compact).buffer.byteLength >= SEED_BYTES ? compact : null;
}

/**
 * The time step that a code belongs to, one step around the present at most; null when it is none of theirs.
 * Whether that step was used before is `consumeTotpStep`'s to say.
 * @param now milliseconds since 1970
 */
export function totpStep(seed: string, code: string, now: number): number | null {
  if (!/^\d{6}$/.test(code)) return null;
  const totp = new TOTP({
    secret: Secret.fromBase32(seed),
    algorithm: 'SHA1',
    digits: 6,
    period: PERIOD_SECONDS,
  });
  const delta = totp.validate({ token: code, timestamp: now, window: WINDOW_STEPS });
  return delta === null ? null : Math.floor(now / 1000 / PERIOD_SECONDS) + delta;
}

/** A code of the account's authenticator app. Its time step is spent, and with it all earlier ones. */
export const totp: Factor = {
  name: 'totp',
  async check({ proof, account, now, vault }) {
    const { totpSealed } = account.factors;
    if (proof.kind !== 'code' || totpSealed === null) return null;
    const step = totpStep(vault.unseal('totp', totpSealed), normalCode(proof.code), now);
    return step === null ? null : { methods: ['otp', 'mfa'], spends: [consumeTotpStep(account.id, step)] };
  },
};
