import type { Vault } from '../crypto/vault.ts';

/** What the store finds a resource code by. Codes are compared exactly, capitals included. */
export function resourceCodeHash(vault: Vault, context: string, code: string): string {
  return vault.hash('resource-code', `${context}\0${code}`);
}
