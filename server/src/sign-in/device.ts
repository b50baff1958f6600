import type { AccountWithMemberships } from '../accounts/account.ts';
import type { Device } from '../accounts/fingerprint.ts';
import type { Mount } from '../mount.ts';
import type { Corridor } from './corridor.ts';

/** What a device is to an account: `first` is taken without a code, as the first that it ever has. */
export type DeviceStanding = 'known' | 'first' | 'due';

/**
 * Whether the device must be proven by a mailed code. A client chooses its own fingerprint: knowing one only spares this
 * step, never a password or a second factor. Without a fingerprint every device is a new one. An account whose devices were
 * forgotten has had one: the next is not its first.
 */
export async function deviceStanding(
  account: AccountWithMemberships,
  device: Device | null,
  mount: Pick<Mount, 'trustFirstDevice'>,
  corridor: Pick<Corridor, 'store' | 'clock' | 'limits'>,
): Promise<DeviceStanding> {
  if (!account.recogniseDevices) return 'known';
  if (device === null) return 'due';
  if (await isRecognised(corridor, account.id, device.fingerprintHash)) return 'known';
  return mount.trustFirstDevice && !(await corridor.store.devices.hasHadOne(account.id)) ? 'first' : 'due';
}

/** Whether the account knows a device, and has seen it lately enough. */
export function isRecognised(
  corridor: Pick<Corridor, 'store' | 'clock' | 'limits'>,
  accountId: string,
  fingerprintHash: string,
): Promise<boolean> {
  return corridor.store.devices.isKnown(accountId, fingerprintHash, usedSince(corridor));
}

/** Since when a device must have been used to be known still, in milliseconds since 1970. */
export function usedSince({ clock, limits }: Pick<Corridor, 'clock' | 'limits'>): number {
  return clock.now() - limits.forgetDeviceSeconds * 1000;
}
