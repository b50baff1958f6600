import type { Operations } from './api-types.ts';
import type { OperationName, Reply } from './connection.ts';
import type { RefusalReason } from './results.ts';

/** The tokens in a contract's answer. */
export interface TokenPair {
  readonly accessToken: string;
  /** Null where the contract hands none out. */
  readonly refreshToken: string | null;
}

/** How a contract says what all of them have in one form or another. */
export interface Dialect {
  /** The tokens of a completed sign-in or a refresh; null when there are none in the body. */
  tokensOf(body: unknown): TokenPair | null;
  /** How a refresh token is redeemed; null where there are none. */
  readonly refresh: Refresh | null;
  /** What ends the session; null where nothing does. */
  readonly signOut: OperationName | null;
  /** What tells who is signed in. */
  readonly me: OperationName;
  /** Why an answer says no; null when it is none that the contract has. */
  reasonOf(reply: Reply): RefusalReason | null;
}

interface Refresh {
  readonly operation: RefreshOperation;
  request(refreshToken: string): Operations[RefreshOperation]['request'];
}

type RefreshOperation =
  | 'POST /identity/refresh-token'
  | 'POST /api/v1/auths/refresh'
  | 'POST /auth/refresh'
  | 'POST /auth/refresh-token';

/** Two texts as tokens; null when either is none. */
export function pairOf(accessToken: unknown, refreshToken: unknown): TokenPair | null {
  return typeof accessToken === 'string' && (typeof refreshToken === 'string' || refreshToken === null)
    ? { accessToken, refreshToken }
    : null;
}
