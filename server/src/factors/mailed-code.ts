import type { Account } from '../accounts/account.ts';
import { sixDigits } from '../crypto/secret-text.ts';
import { equalSecrets, type Vault } from '../crypto/vault.ts';
import type { Random } from '../ports.ts';
import type { MailedCode } from '../store/tickets.ts';
import type { Factor } from './factor.ts';

/** A fresh code for a ticket: the digits for the mail, and what the store keeps of them. */
export interface FreshCode {
  readonly digits: string;
  readonly code: MailedCode;
}

/** Draws a code that only this ticket takes. `times.now` in milliseconds since 1970. */
export function drawCode(
  ticketHash: string,
  times: { now: number; lifeSeconds: number },
  vault: Vault,
  random: Random,
): FreshCode {
  const digits = sixDigits(random);
  const code = {
    hash: hashOf(ticketHash, digits, vault),
    sentAt: times.now,
    expiresAt: times.now + times.lifeSeconds * 1000,
  };
  return { digits, code };
}

/** Whether the digits are the ticket's newest mailed code, in time. */
export function isMailedCode(
  ticketHash: string,
  code: MailedCode | null,
  digits: string,
  now: number,
  vault: Vault,
): boolean {
  return code !== null && code.expiresAt > now && equalSecrets(code.hash, hashOf(ticketHash, digits, vault));
}

function hashOf(ticketHash: string, digits: string, vault: Vault): string {
  return vault.hash('mailed-code', `${ticketHash}\0${digits}`);
}

/** A code as people type it, made plain: full-width digits, spaces and dashes between groups are taken. */
export function normalCode(typed: string): string {
  return typed.normalize('NFKC').replace(/[\s-]/g, '');
}

/** What `amr` says in the place of `mfa` when the mailed PIN came after a reset by mail: one mailbox showed both. */
export const SINGLE_CHANNEL = 'single-channel';

/** How long a reset by mail takes the worth of a mailed PIN away: both show no more than the same mailbox. */
const RESET_SHADOW_MILLISECONDS = 24 * 3_600_000;

/** Whether the password was set by a code that was mailed so lately that a mailed PIN proves nothing more. */
export function isResetByMailRecent({ resetByMailAt }: Pick<Account, 'resetByMailAt'>, now: number): boolean {
  return resetByMailAt !== null && now - resetByMailAt < RESET_SHADOW_MILLISECONDS;
}

/** A PIN that was mailed for the step's ticket. Spent with the ticket. */
export const mailedPin = {
  isGuessable: true,
  async check({ proof, ticket, account, now, vault }) {
    if (proof.kind !== 'code') return null;
    if (!isMailedCode(ticket.secretHash, ticket.code, normalCode(proof.code), now, vault)) return null;
    return { methods: ['email', isResetByMailRecent(account, now) ? SINGLE_CHANNEL : 'mfa'], spends: [] };
  },
} satisfies Factor;
