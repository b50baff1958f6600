import type { Operations } from './api-types.ts';

/** What every call takes beside what it is for. */
export interface CallOptions {
  /** Stops waiting. What others wait for as well goes on. */
  readonly signal?: AbortSignal;
}

/** Signed in: the tokens are in the store. */
export interface SignedIn<Body> {
  readonly kind: 'signed-in';
  /** The contract's own success body, as it came. */
  readonly body: Body;
}

/** A step between the right password and a session. It can be tried again after a refusal, five times in all. */
interface Step<Kind, Body> {
  readonly kind: Kind;
  /** Shows the code that was mailed or that an authenticator has. */
  prove(code: string, options?: CallOptions): Promise<StepResult<Body>>;
  /** Asks for a new mail; there is at most one in 30 seconds. */
  resend(options?: CallOptions): Promise<ResendResult>;
}

/** A second factor is due: a mailed code, or the one that an authenticator shows. */
export type SecondFactor<Body> = Step<'second-factor', Body>;

/** The account does not know this device: a code was mailed. */
export type Device<Body> = Step<'device', Body>;

/** The roles that a password opens, and the others of the same person. */
export interface Choices {
  readonly kind: 'choices';
  /** Any of them can be handed to `pick`. */
  readonly granted: readonly GrantedRole[];
  readonly refused: readonly RefusedRole[];
}

type Roles = Operations['POST /auth/sign-in-verify']['reply']['result'];

/** A role that the password opens. */
export type GrantedRole = Roles[0][number];

/** A role that it does not open, and why. */
export type RefusedRole = Roles[1][number];

/**
 * Why it was refused, in one vocabulary for all contracts. A contract that does not tell two apart has the first:
 * `account-refused` is also an account that is not validated, `invalid-code` also a step that is over.
 */
export type RefusalReason =
  | 'bad-credentials'
  | 'unknown-identity'
  | 'account-refused'
  | 'account-not-validated'
  | 'invalid-code'
  | 'invalid-ticket'
  | 'invalid-input'
  | 'no-such-role';

/** The server said no. */
export interface Refused {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  readonly status: number;
  /** The server's sentence. */
  readonly message: string;
  /** The contract's own error body, as it came. */
  readonly body: unknown;
}

/** Too many attempts: the next one before this time will not even be looked at. */
export interface Throttled {
  readonly kind: 'throttled';
  readonly retryAfterSeconds: number;
  readonly message: string;
}

/** The server, or its store, has no time now. */
export interface Unavailable {
  readonly kind: 'unavailable';
  readonly retryAfterSeconds: number;
  readonly message: string;
}

/** How a call can end without what it asked for. */
export type NotDone = Refused | Throttled | Unavailable;

/** How a sign-in can go on. */
export type SignInResult<Body> = SignedIn<Body> | SecondFactor<Body> | Device<Body> | NotDone;

/** How a proof can end. */
export type StepResult<Body> = SignedIn<Body> | NotDone;

/** How asking for another code can end. `sent` is said whether or not a mail was due. */
export type ResendResult = { readonly kind: 'sent' } | NotDone;
