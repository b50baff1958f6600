import type { Contract } from './contracts/contract.ts';
import type { Algorithm } from './tokens/compact-jws.ts';

/** A contract served under a prefix, with settings of its own. */
export interface Mount {
  /** Unique among the mounts and the same after every start: sessions and tickets are kept under it. */
  readonly name: string;
  readonly contract: Contract;
  /** Begins with a slash, or is empty. */
  readonly prefix: string;
  /** Only accounts whose home is in this organisation's subtree; null for all. */
  readonly organisation: string | null;
  readonly accessTokenSeconds: number;
  /** Null where the contract hands no refresh tokens out. */
  readonly refreshTokenSeconds: number | null;
  readonly algorithm: Algorithm;
  /** Null stands for `publicUrl`. */
  readonly audience: string | null;
  /** What the mount's tokens have in the place of our claims, by our names. */
  readonly claims: Readonly<Record<string, ClaimShape>>;
  /** The shared secret of HS256. */
  readonly secret: string | null;
  readonly requireValidatedEmail: boolean;
  readonly hideUnknownIdentity: boolean;
  readonly trustFirstDevice: boolean;
  /** Whether people and devices can make themselves known here. */
  readonly allowSignUp: boolean;
  /** Whether devices may without anybody vouching for them. */
  readonly allowUnattestedDevices: boolean;
  /** The region that national phone numbers are read in. */
  readonly phoneRegion: string | null;
}

/** How a mount words one of our claims; null leaves it out. */
export type ClaimShape = {
  readonly name: string;
  /** Their value for one of ours; what is not there stays. */
  readonly values: Readonly<Record<string, string>>;
} | null;

/** The claims that every access token has: a mount cannot rename them, nor another to one of them. */
export const COMMON_CLAIMS: readonly string[] = ['iss', 'aud', 'sub', 'sid', 'iat', 'exp', 'nbf', 'jti'];
