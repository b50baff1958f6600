/** What an account is allowed to do. A deleted account keeps its row, so that its identifiers are not handed on. */
export type AccountStatus = 'active' | 'inactive' | 'deleted';

/** An organisation, with its parent where it belongs to a group. */
export interface Organisation {
  readonly id: string;
  readonly name: string;
  readonly accountName: string | null;
  readonly parentId: string | null;
  readonly isActive: boolean;
  readonly isSuspended: boolean;
  readonly isPaid: boolean;
  /** The stored object as it was given; only the policy readers look inside. */
  readonly settings: Readonly<Record<string, unknown>> | null;
}

/** A role and what it permits. */
export interface Role {
  readonly name: string;
  readonly permissions: readonly string[];
  /** Administers every organisation (`global`) or those of a group (`group`). */
  readonly admin: 'global' | 'group' | null;
}

/** An account's role in one organisation. */
export interface Membership {
  readonly organisation: Organisation;
  readonly role: Role;
}

/** The person behind one or more accounts. */
export interface User {
  readonly id: string;
  readonly name: string;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly avatar: string | null;
}

/** The second factors that an account has of its own, whatever organisations ask for. */
export interface AccountFactors {
  /** A PIN is mailed to `email`. */
  readonly email: boolean;
  /** The sealed TOTP seed, or null when there is none. */
  readonly totpSealed: string | null;
}

/** What signs in: identifiers, a password, a state. Times are milliseconds since 1970. */
export interface Account {
  readonly id: string;
  /** A stable integer, unique over all accounts: some contracts have no room for anything else. */
  readonly number: number;
  /** The organisation within which its identifiers are unique; null is the home that all others share. */
  readonly home: Organisation | null;
  readonly user: User;
  readonly username: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly passwordHash: string | null;
  readonly status: AccountStatus;
  readonly emailValidated: boolean;
  readonly phoneValidated: boolean;
  readonly createdAt: number;
  readonly factors: AccountFactors & {
    /** A passkey is a factor where one can be shown, and is never asked for by itself. */
    readonly hasPasskey: boolean;
  };
  /** When the password was last set by a code that was mailed; null when it was not. */
  readonly resetByMailAt: number | null;
  readonly recogniseDevices: boolean;
  /** Its role outside any organisation. */
  readonly role: Role | null;
  readonly stats: Readonly<Record<string, unknown>>;
  /** The language that the person reads, as a BCP 47 tag: the directory's `attributes.locale`. Null without one. */
  readonly locale: string | null;
  /** Rises with every change that must end what was issued before it. */
  readonly epoch: number;
  readonly signIns: number;
  readonly failedSignIns: number;
}

/** An account with its memberships, ordered by the organisation's name and then the role, by code point. */
export interface AccountWithMemberships extends Account {
  readonly memberships: readonly Membership[];
}

/** As much of an account as decides whether it may act, and as what. */
export interface RoleHolder {
  readonly status: AccountStatus;
  readonly emailValidated: boolean;
  readonly home: Pick<Organisation, 'id' | 'isSuspended' | 'settings'> | null;
  readonly role: Role | null;
  readonly factors: AccountFactors;
  readonly memberships: readonly HeldRole[];
}

/** As much of a membership as decides that. */
export interface HeldRole {
  readonly organisation: Pick<Organisation, 'id' | 'name' | 'isSuspended' | 'settings'>;
  readonly role: Role;
}

/** A mobile device that signs in by itself, on behalf of an account where it is bound to one. */
export interface Installation {
  readonly id: string;
  readonly passwordHash: string | null;
  /** The password before it, which is good beside it until then (milliseconds since 1970). */
  readonly previous: { readonly passwordHash: string; readonly until: number } | null;
  readonly account: AccountWithMemberships | null;
  readonly status: AccountStatus;
  readonly epoch: number;
}

/** Compares by code point, which is the same on every machine and in every locale. */
export function byCodePoint(left: string, right: string): number {
  const a = Array.from(left, (character) => character.codePointAt(0) ?? 0);
  const b = Array.from(right, (character) => character.codePointAt(0) ?? 0);
  for (let index = 0; index < Math.min(a.length, b.length); index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Orders memberships by the organisation's name and then the role, by code point. */
export function byOrganisation(left: HeldRole, right: HeldRole): number {
  return (
    byCodePoint(left.organisation.name, right.organisation.name) ||
    byCodePoint(left.role.name, right.role.name)
  );
}
