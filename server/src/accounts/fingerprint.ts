import type { Vault } from '../crypto/vault.ts';
import type { Device } from '../store/devices.ts';

/** A device as the store knows it: found by a keyed hash of the account and what the client sent, which is sealed. */
export function deviceOf(accountId: string, fingerprint: string, vault: Vault): Device {
  return {
    accountId,
    fingerprintHash: vault.hash('fingerprint', `${accountId}\0${fingerprint}`),
    fingerprintSealed: vault.seal('fingerprint', fingerprint),
  };
}
