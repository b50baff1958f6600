import type { AccountWithMemberships, Membership, Organisation, Role } from '../src/accounts/account.ts';
import type { PickedRole } from '../src/sign-in/account-policy.ts';
import { uuid } from './core.ts';

// Accounts as a store would give them, for what looks at nothing but an account.

/** An active account of nobody in particular, with no role, no factor and no home, but for these fields. */
export function holder(fields: Partial<AccountWithMemberships> = {}): AccountWithMemberships {
  return {
    id: uuid(1),
    number: 1,
    home: null,
    user: { id: uuid(1), name: 'Ada', firstName: null, lastName: null, avatar: null },
    username: 'ada',
    email: 'ada@example.com',
    phone: null,
    passwordHash: null,
    status: 'active',
    emailValidated: true,
    phoneValidated: false,
    createdAt: 0,
    factors: NO_FACTORS,
    resetByMailAt: null,
    recogniseDevices: false,
    role: null,
    stats: {},
    locale: null,
    epoch: 0,
    signIns: 0,
    failedSignIns: 0,
    memberships: [],
    ...fields,
  };
}

/** Neither a PIN, nor an app, nor a passkey. */
export const NO_FACTORS: AccountWithMemberships['factors'] = {
  email: false,
  totpSealed: null,
  hasPasskey: false,
};

/** A PIN by mail and nothing else. */
export const PIN = { ...NO_FACTORS, email: true };
/** An authenticator app and nothing else. */
export const APP = { ...NO_FACTORS, totpSealed: 'sealed' };
/** A passkey and nothing else. */
export const PASSKEY = { ...NO_FACTORS, hasPasskey: true };

/** A role that was picked in an organisation. */
export function pickedAt({ id }: Organisation, name: string): PickedRole {
  return { organisationId: id, role: name };
}

/** A role that was picked outside of any. */
export function pickedOwn(name: string): PickedRole {
  return { organisationId: null, role: name };
}

/** An organisation with these settings. */
export function organisation(
  settings: Organisation['settings'] = null,
  fields: Partial<Organisation> = {},
): Organisation {
  return {
    id: uuid(100),
    name: 'Meadow University',
    accountName: null,
    parentId: null,
    isActive: true,
    isSuspended: false,
    isPaid: true,
    settings,
    ...fields,
  };
}

/** A role of this name; one that administers, where it says so. */
export function role(name: string, admin: Role['admin'] = null): Role {
  return { name, permissions: [], admin };
}

/** A role of this name in an organisation. */
export function membership(where: Organisation, name: string, admin: Role['admin'] = null): Membership {
  return { organisation: where, role: role(name, admin) };
}
