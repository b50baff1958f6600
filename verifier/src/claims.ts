/** The claims of every access token. Times in seconds since 1970. */
export interface CommonClaims {
  readonly iss: string;
  readonly aud: string | readonly string[];
  /** An account's id, `installation:…` or `resource:…`. */
  readonly sub: string;
  /** The session that the token speaks for. */
  readonly sid: string;
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
}

/**
 * The claims that the contracts add. They are what a mount writes as long as its `claims` setting renames none, and as
 * such a promise of the server's: a verifier checks the common ones only.
 */
export interface ContractClaims {
  readonly fingerprint: {
    readonly accountId: string;
    readonly userId: string;
    readonly name: string;
    /** Empty where the account has none. */
    readonly email: string;
    /** Names of roles, the primary one first. */
    readonly accessRoles: readonly string[];
  };
  readonly profile: {
    /** The name of the primary role; empty without one. */
    readonly role: string;
  };
  readonly 'role-picker': {
    /** The name of the role that was picked; empty without one. */
    readonly role: string;
    /** The id of its organisation; null for a role outside any. */
    readonly organisation: string | null;
  };
  readonly 'credential-type': PersonClaims | InstallationClaims | ResourceClaims;
  readonly login: {
    /** The name of the primary role; empty without one. */
    readonly role: string;
  };
}

/** Of a person at `credential-type`. */
export interface PersonClaims {
  readonly userId: string;
  /** The name of the primary role; empty without one. */
  readonly role: string;
}

/** Of a mobile installation at `credential-type`. */
export interface InstallationClaims {
  readonly deviceId: string;
  /** Where the installation belongs to somebody. */
  readonly userId?: string;
}

/** Of a resource code at `credential-type`. */
export interface ResourceClaims {
  readonly resource: string;
}

/** The contracts whose claims have types. */
export type ContractName = keyof ContractClaims;

/** All claims of the access tokens of each contract: `Claims['login']`. */
export type Claims = { readonly [Name in ContractName]: CommonClaims & ContractClaims[Name] };

/**
 * What somebody knows about the tokens of a mount: its contract, or, where its `claims` setting words them in another way,
 * the type of those claims; nothing by default.
 */
export type TokenShape = ContractName | object | undefined;

/** What `verify<Shape>()` says that a token holds. Without a shape the claims that are not common are unknown. */
export type ClaimsOf<Shape extends TokenShape> = Shape extends ContractName
  ? Claims[Shape]
  : CommonClaims & Readonly<Shape extends object ? Shape : Record<string, unknown>>;
