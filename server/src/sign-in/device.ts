import type { AccountWithMemberships } from '../accounts/account.ts';
import type { Device } from '../accounts/fingerprint.ts';
import type { Mount } from '../mount.ts';
import type { Store } from '../store/store.ts';

/**
 * Whether the device must be proven by a mailed code. A client chooses its own fingerprint: knowing one only spares this
 * step, never a password or a second factor. Without a fingerprint every device is a new one.
 */
export async function isDeviceDue(
  account: AccountWithMemberships,
  device: Device | null,
  mount: Mount,
  store: Store,
): Promise<boolean> {
  if (!account.recogniseDevices) return false;
  if (device === null) return true;
  if (await store.devices.isKnown(account.id, device.fingerprintHash)) return false;
  return !(mount.trustFirstDevice && (await store.devices.ofAccount(account.id)).length === 0);
}
