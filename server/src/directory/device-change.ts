import { deviceOf, fingerprintHashOf } from '../accounts/fingerprint.ts';
import type { Vault } from '../crypto/vault.ts';
import { DEVICE_LIMIT, forgetDevices, forgetOtherDevices, rememberDevice } from '../store/devices.ts';
import type { Change } from '../store/engine.ts';
import type { AccountLine } from './line.ts';

/** What becomes of the devices that an account knows. */
export interface DeviceChange {
  /** The hashes of those that stay as they are. */
  readonly kept: readonly string[];
  /** The fingerprints of those that it gets to know. */
  readonly added: readonly string[];
  readonly isAnyForgotten: boolean;
}

/**
 * Brings an account's devices to what its line says; null where it says nothing of them. Of more than an account can have those
 * stay that it knows already, so that the same line says the same tomorrow.
 * @param known the hashes of those that it knows
 */
export function deviceChange(line: AccountLine, known: readonly string[], vault: Vault): DeviceChange | null {
  if (line.devices === undefined) return null;
  const fingerprints = new Map(
    line.devices.map((fingerprint) => [
      fingerprintHashOf(line.id.toLowerCase(), fingerprint, vault),
      fingerprint,
    ]),
  );
  const kept = known.filter((hash) => fingerprints.has(hash));
  for (const hash of kept) fingerprints.delete(hash);
  const added = [...fingerprints.keys()]
    .sort()
    .slice(0, DEVICE_LIMIT - kept.length)
    .flatMap((hash) => fingerprints.get(hash) ?? []);
  return { kept, added, isAnyForgotten: kept.length < known.length };
}

/** Whether the devices stay as they are. */
export function keepsDevices(change: DeviceChange | null): boolean {
  return change === null || (change.added.length === 0 && !change.isAnyForgotten);
}

/**
 * Writes it.
 * @param isUntrusted whether those are forgotten that the line does not name, even where it says nothing of them
 */
export function changeDevices(
  accountId: string,
  change: DeviceChange | null,
  { isUntrusted, vault, now }: { isUntrusted: boolean; vault: Vault; now: number },
): Change[] {
  if (change === null) return isUntrusted ? [forgetDevices(accountId)] : [];
  return [
    ...(isUntrusted || change.isAnyForgotten ? [forgetOtherDevices(accountId, change.kept)] : []),
    ...change.added.flatMap((fingerprint) => rememberDevice(deviceOf(accountId, fingerprint, vault), now)),
  ];
}
