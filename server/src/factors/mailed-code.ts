import { sixDigits } from '../crypto/secret-text.ts';
import { equalSecrets, type Vault } from '../crypto/vault.ts';
import type { Random } from '../ports.ts';

/** A code that was mailed for a ticket: a keyed hash, and until when it is good. */
export interface MailedCode {
  readonly hash: string;
  readonly sentAt: number;
  readonly expiresAt: number;
}

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
