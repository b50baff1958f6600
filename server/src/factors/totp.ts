import { Secret, TOTP } from 'otpauth';
import { renderSVG } from 'uqr';
import type { Random } from '../ports.ts';
import { consumeTotpStep } from '../store/consume.ts';
import type { Factor } from './factor.ts';
import { normalCode } from './mailed-code.ts';

const PERIOD_SECONDS = 30;

/** Steps before and after the present one that are taken: clocks differ a little. */
const WINDOW_STEPS = 1;

/** The fewest bytes that a seed from elsewhere may have. */
const SEED_BYTES = 10;

/** The bytes of our own: 160 bits, as RFC 4226 recommends. */
const DRAWN_SEED_BYTES = 20;

/** A fresh seed, in base32. */
export function drawTotpSeed(random: Random): string {
  return drawBase32(DRAWN_SEED_BYTES, random);
}

/** That many random bytes in base32 (RFC 4648), upper case. */
export function drawBase32(bytes: number, random: Random): string {
  return new Secret({ buffer: Uint8Array.from(random.bytes(bytes)).buffer }).base32;
}

/** What an authenticator app reads to take up a seed. */
export interface TotpInvitation {
  /** `otpauth://totp/…` */
  readonly uri: string;
  /** The uri as a QR code: the text of an SVG image. */
  readonly qr: string;
}

/**
 * Words a seed for authenticator apps.
 * @param names what the app shows beside the codes: who takes them, and the account's name there
 */
export function inviteToTotp(seed: string, names: { issuer: string; account: string }): TotpInvitation {
  const uri = totpOf(seed, { issuer: names.issuer, label: names.account }).toString();
  // One mask pattern is as readable as another on a screen; weighing all eight takes several times as long.
  return { uri, qr: renderSVG(uri, { ecc: 'M', maskPattern: 0, border: 4, pixelSize: 4 }) };
}

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
  const delta = totpOf(seed).validate({ token: code, timestamp: now, window: WINDOW_STEPS });
  return delta === null ? null : Math.floor(now / 1000 / PERIOD_SECONDS) + delta;
}

function totpOf(seed: string, names: { issuer?: string; label?: string } = {}): TOTP {
  const secret = Secret.fromBase32(seed);
  return new TOTP({ ...names, secret, algorithm: 'SHA1', digits: 6, period: PERIOD_SECONDS });
}

/** A code of the account's authenticator app. Its time step is spent, and with it all earlier ones. */
export const totp: Factor = {
  isGuessable: true,
  async check({ proof, account, now, vault }) {
    const { totpSealed } = account.factors;
    if (proof.kind !== 'code' || totpSealed === null) return null;
    const step = totpStep(vault.unseal('totp', totpSealed), normalCode(proof.code), now);
    return step === null ? null : { methods: ['otp', 'mfa'], spends: [consumeTotpStep(account.id, step)] };
  },
};
