/** Why there is no session. */
export type SignedOutReason =
  /** Nobody has signed in. */
  | 'not-signed-in'
  /** `signOut` was called. */
  | 'signed-out'
  /** The access token has ended, and the contract hands out nothing to renew it with. */
  | 'expired'
  /** The server refused to go on with the session: it has ended there. */
  | 'refused'
  /** Another tab or process that shares the store has signed out, and perhaps somebody else has signed in there. */
  | 'elsewhere';

/** There is no session: somebody has to sign in. */
export class SignedOutError extends Error {
  override readonly name = 'SignedOutError';
  readonly reason: SignedOutReason;

  constructor(reason: SignedOutReason) {
    super(`there is no session: ${reason}`);
    this.reason = reason;
  }
}

/** The server has no time for a call that needs a session (429, 502 to 504). The session stands. */
export class TryLaterError extends Error {
  override readonly name = 'TryLaterError';
  readonly status: number;
  readonly retryAfterSeconds: number;

  constructor(status: number, retryAfterSeconds: number) {
    super(`the server answered ${status}: try again in ${retryAfterSeconds} s`);
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The answer is none that the contract has: a wrong URL or prefix, something in between, or a fault of the server. */
export class UnexpectedReplyError extends Error {
  override readonly name = 'UnexpectedReplyError';
  readonly status: number;
  /** What came: JSON, or undefined when it was none. */
  readonly body: unknown;

  constructor(operation: string, status: number, body: unknown) {
    super(`${operation} answered ${status} with what the contract does not have`);
    this.status = status;
    this.body = body;
  }
}
