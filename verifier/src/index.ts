export type {
  Claims,
  ClaimsOf,
  CommonClaims,
  ContractClaims,
  ContractName,
  InstallationClaims,
  PersonClaims,
  ResourceClaims,
  TokenShape,
} from './claims.ts';
export type { Algorithm } from './compact-token.ts';
export { FeedRefusedError } from './feed-connection.ts';
export type { CacheOptions, RevocationOptions, VerifierOptions } from './options.ts';
export { type RefusalReason, TokenRefusedError } from './refusal.ts';
export type { FeedState } from './revocation-feed.ts';
export type { Revocation } from './session-revoked.ts';
export {
  createVerifier,
  type RevocationCheck,
  type Staleness,
  type Verified,
  type Verifier,
  type VerifyOptions,
} from './verifier.ts';
