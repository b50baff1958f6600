/** What the owner of an account asks about its devices. A device is named as in the list of its sessions. */
export type DeviceCommand =
  | { readonly kind: 'list-devices'; readonly token: string }
  | {
      readonly kind: 'name-device';
      readonly token: string;
      readonly deviceId: string;
      readonly name: string;
    }
  | { readonly kind: 'forget-device'; readonly token: string; readonly deviceId: string }
  | { readonly kind: 'forget-devices'; readonly token: string };

/** How that can end, beside that it is done. */
export type DeviceOutcome = { readonly kind: 'devices'; readonly devices: readonly OwnDevice[] };

/** A device as its owner may see it. Times are milliseconds since 1970. */
export interface OwnDevice {
  readonly id: string;
  /** What its owner calls it; null when it has no name. */
  readonly name: string | null;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  /** Whether the session that asks was begun on it. */
  readonly isCurrent: boolean;
}
