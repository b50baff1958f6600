import type { Vault } from '../crypto/vault.ts';

/** A device of an account. The fingerprint is a keyed hash to find it by, and sealed to export it. */
export interface Device {
  readonly accountId: string;
  readonly fingerprintHash: string;
  readonly fingerprintSealed: string;
}

/** Tells an account's devices apart, and says nothing about them. @param fingerprintHash as in `Device` */
export function deviceName(fingerprintHash: string): string {
  return fingerprintHash.slice(0, 12);
}

/** What a device of an account is found by. */
export function fingerprintHashOf(accountId: string, fingerprint: string, vault: Vault): string {
  return vault.hash('fingerprint', `${accountId}\0${fingerprint}`);
}

/** A device as the store knows it: found by a keyed hash of the account and what the client sent, which is sealed. */
export function deviceOf(accountId: string, fingerprint: string, vault: Vault): Device {
  return {
    accountId,
    fingerprintHash: fingerprintHashOf(accountId, fingerprint, vault),
    fingerprintSealed: vault.seal('fingerprint', fingerprint),
  };
}
