/**
 * Why something beside signing in was not done. Contracts that have such endpoints word those that theirs can lead to; the
 * refusals of `refused` can meet every door.
 */
export type Decline = (typeof DECLINES)[number];

/** Every decline there is. */
export const DECLINES = [
  'proof-required',
  'reset-token-invalid',
  'password-length',
  'password-listed',
  'password-reused',
  'sign-up-disabled',
  'identifier-malformed',
  'identifier-taken',
  'username-not-allowed',
  'attestation-unavailable',
  'passkey-refused',
  'passkey-known',
  'too-many-passkeys',
  'no-such-passkey',
  'no-such-factor',
  'factor-needed',
  'factor-not-allowed',
  'no-address',
  'no-such-device',
] as const;

/** An outcome that declines and nothing else. */
export function declined(reason: Decline): { readonly kind: 'declined'; readonly reason: Decline } {
  return { kind: 'declined', reason };
}
