import type { Static } from 'typebox';
import type { Outcome } from '../../sign-in/attempt.ts';
import { type Fault, neverSpoken, type Reply, type Wire } from '../contract.ts';
import type { Inactive } from './shapes.ts';

/** Every code that the native API fails with, and what it says beside it. */
const MESSAGES = {
  'bad-request': 'The request body is missing a member or cannot be read.',
  'invalid-code': 'The code is wrong.',
  'invalid-passkey': 'The passkey was not accepted.',
  'invalid-ticket': 'The challenge token is not valid, was used, or has expired.',
  'account-refused': 'The account cannot sign in now.',
  unauthorised: 'The bearer token is missing or not good now.',
  'bad-credentials': 'The identifier or the password is wrong.',
  'no-such-role': 'The account does not have that role.',
  'proof-required':
    'Prove again who you are, at /v1/session/prove: the session is too old for this, or lacks a second factor.',
  'reset-token-invalid': 'The code is not valid, was used, or has expired.',
  'password-length': 'The password must be between 8 and 1024 characters.',
  'password-too-easy': 'The password is too easy to guess.',
  'password-reused': 'You cannot reuse old passwords.',
  'no-address': 'The account has no address to send a code to.',
  'sign-up-disabled': 'Signing up is not possible here.',
  'identifier-malformed': 'The e-mail address or the user name cannot be one.',
  'identifier-taken': 'The user name is taken.',
  'passkey-known': 'This passkey is registered already.',
  'too-many-passkeys': 'The account has as many passkeys as it can have. Remove one first.',
  'no-such-passkey': 'The account has no such passkey.',
  'no-such-factor': 'The account does not have that.',
  'factor-not-allowed':
    'What is asked of the account’s roles does not allow this: it could not sign in with the factors that it would have.',
  'factor-needed': 'Recovery codes stand in for a second factor: add one first.',
  'second-factor-required': 'That role asks for a second factor.',
  'device-required': 'The device must be recognised.',
  'not-found': 'There is nothing at this path.',
  'method-not-allowed': 'This path does not take that method.',
  'payload-too-large': 'The request body is too large.',
  'unsupported-media-type': 'The content type must be application/json.',
  'too-many-requests': 'Too many attempts. Try again later.',
  unavailable: 'The service is not available now. Try again later.',
  'internal-error': 'Something failed inside.',
} as const;

/** A failure in the native API's shape. */
export function failure(status: number, code: keyof typeof MESSAGES, wire: Wire): Reply {
  return { status, body: { error: { code, message: MESSAGES[code], requestId: wire.requestId } } };
}

/** The code of each fault. */
export const FAULT_CODES: Readonly<Record<Fault, keyof typeof MESSAGES>> = {
  unreadable: 'bad-request',
  'not-found': 'not-found',
  'method-not-allowed': 'method-not-allowed',
  'too-large': 'payload-too-large',
  'unsupported-media-type': 'unsupported-media-type',
  unavailable: 'unavailable',
  internal: 'internal-error',
};

/** Nothing stands behind a bearer token. */
export const inactive: Reply = { status: 401, body: { active: false } satisfies Static<typeof Inactive> };

/** The words for what every door can be refused with. */
export function refusal({ reason }: Extract<Outcome, { kind: 'refused' }>, wire: Wire): Reply {
  switch (reason) {
    case 'token-expired':
    case 'token-invalid':
      return wire.echo.inspects === undefined ? failure(401, 'unauthorised', wire) : inactive;
    case 'no-such-session':
      return failure(404, 'not-found', wire);
    case 'no-such-role':
      return failure(403, 'no-such-role', wire);
    case 'code-invalid':
      return failure(401, wire.echo.passkey === undefined ? 'invalid-code' : 'invalid-passkey', wire);
    case 'ticket-invalid':
      return failure(401, 'invalid-ticket', wire);
    case 'bad-credentials':
    case 'unknown-identity':
      return failure(401, 'bad-credentials', wire);
    case 'account-inactive':
    case 'account-not-validated':
    case 'organisation-suspended':
    case 'second-factor-missing':
      // Whoever holds a challenge is told of the challenge only.
      return wire.echo.proves === undefined
        ? failure(403, 'account-refused', wire)
        : failure(401, 'invalid-ticket', wire);
  }
}

/** The words for what is not done. */
export function decline({ reason }: Extract<Outcome, { kind: 'declined' }>, wire: Wire): Reply {
  switch (reason) {
    case 'proof-required':
      return failure(403, 'proof-required', wire);
    case 'reset-token-invalid':
      return failure(404, 'reset-token-invalid', wire);
    case 'password-length':
      return failure(422, 'password-length', wire);
    case 'password-listed':
      return failure(422, 'password-too-easy', wire);
    case 'password-reused':
      return failure(422, 'password-reused', wire);
    case 'sign-up-disabled':
      return failure(403, 'sign-up-disabled', wire);
    case 'identifier-malformed':
    case 'username-not-allowed':
      return failure(422, 'identifier-malformed', wire);
    case 'identifier-taken':
      return failure(409, 'identifier-taken', wire);
    case 'no-such-device':
      return failure(404, 'not-found', wire);
    case 'attestation-unavailable':
      return neverSpoken({ kind: 'declined', reason });
    case 'passkey-refused':
      return failure(400, 'invalid-passkey', wire);
    case 'passkey-known':
      return failure(409, 'passkey-known', wire);
    case 'too-many-passkeys':
      return failure(409, 'too-many-passkeys', wire);
    case 'no-such-passkey':
      return failure(404, 'no-such-passkey', wire);
    case 'no-such-factor':
      return failure(404, 'no-such-factor', wire);
    case 'factor-not-allowed':
      return failure(403, 'factor-not-allowed', wire);
    case 'factor-needed':
      return failure(409, 'factor-needed', wire);
    case 'no-address':
      return failure(409, 'no-address', wire);
  }
}
