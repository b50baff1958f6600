import type { Vault } from '../crypto/vault.ts';

/** Who a session begun with a resource code is for, as the store and the audit log know it: they keep no code. */
export function resourceSessionId(vault: Vault, resource: string): string {
  return vault.hash('resource', resource);
}

/** What the store finds a resource code by. Codes are compared exactly, capitals included. */
export function resourceCodeHash(vault: Vault, context: string, code: string): string {
  return vault.hash('resource-code', `${context}\0${code}`);
}
