/** Why a token was not taken. `unavailable` says nothing about the token: it could not be judged. */
export type RefusalReason = keyof typeof MESSAGES;

/** What each reason means, in words. */
export const MESSAGES = {
  missing: 'there is no bearer token',
  malformed: 'the token is not in the form that the server writes',
  'wrong-type': 'the token is of another kind than an access token',
  'wrong-algorithm': 'the token is signed with an algorithm that is not taken here',
  'unknown-key': 'the token is signed with a key that the server does not publish',
  'bad-signature': 'the signature is not right',
  expired: 'the token has expired',
  'not-yet-valid': 'the token is not valid yet',
  'wrong-issuer': 'the token is from another issuer',
  'wrong-audience': 'the token is for another audience',
  'missing-claim': 'the token lacks a claim that every access token has',
  revoked: 'the session behind the token has ended',
  unavailable: 'the token cannot be judged now',
} as const;

/**
 * A token was not taken. Answer `unavailable` with 503, every other reason with 401. `cause` is set where something else
 * failed first: a fetch, a signature.
 */
export class TokenRefusedError extends Error {
  override readonly name = 'TokenRefusedError';
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, options?: { readonly cause?: unknown }) {
    super(MESSAGES[reason], options);
    this.reason = reason;
  }
}
