import type { Vault } from '../crypto/vault.ts';
import type { Random } from '../ports.ts';
import { consumeRecoveryCode } from '../store/consume.ts';
import type { Factor } from './factor.ts';
import { normalCode } from './mailed-code.ts';
import { drawBase32 } from './totp.ts';

/** How many codes a set has. */
const RECOVERY_CODES = 10;

/** 120 bits each: so many that a keyed hash which is fast keeps them (ASVS 6.5.2 wants a slow one below 112). */
const CODE_BYTES = 15;

/** A fresh set of codes, in the form that people keep: base32 in groups of four. */
export function drawRecoveryCodes(random: Random): string[] {
  return Array.from({ length: RECOVERY_CODES }, () =>
    drawBase32(CODE_BYTES, random).replace(/.{4}(?=.)/g, '$&-'),
  );
}

/** What the store keeps of an account's code, however it is typed; null for what can be none. */
export function recoveryCodeHash(accountId: string, typed: string, vault: Vault): string | null {
  const code = normalCode(typed).toUpperCase();
  return /^[A-Z2-7]{24}$/.test(code) ? vault.hash('recovery-code', `${accountId}\0${code}`) : null;
}

/** One of the codes that stand in for a factor that is not at hand. Each can be used once. */
export const recoveryCode: Factor = {
  isGuessable: false,
  async check({ proof, account, vault, store }) {
    if (proof.kind !== 'code') return null;
    const hash = recoveryCodeHash(account.id, proof.code, vault);
    if (hash === null) return null;
    const left = await store.recoveryCodes.leftOf(account.id);
    if (!left.has(hash)) return null;
    return {
      methods: ['recovery', 'mfa'],
      spends: [consumeRecoveryCode(account.id, hash)],
      recoveryCodesLeft: left.size - 1,
    };
  },
};
