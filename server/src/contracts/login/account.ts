import { type Static, Type } from 'typebox';
import {
  type Decoded,
  type Encoders,
  type Endpoint,
  IDENTIFIER_LIMIT,
  NEW_PASSWORD_LIMIT,
  neverSpoken,
  readText,
  type WireRequest,
} from '../contract.ts';
import { failure } from './failure.ts';

const CODE_LIMIT = 4096;

const Validated = Type.Object({ email: Type.String() });

function decodeForgot(request: WireRequest): Decoded {
  const reference = readText(request.body, 'user_reference', { max: IDENTIFIER_LIMIT });
  if (reference.state !== 'text') return { fault: 'unreadable' };
  const kinds = ['username', 'email', 'phone'] as const;
  return { command: { kind: 'forgot-password', identifier: { value: reference.value, kinds } } };
}

function decodeResend(request: WireRequest): Decoded {
  const code = readText(request.body, 'resend_code', { max: CODE_LIMIT });
  return code.state === 'text'
    ? { command: { kind: 'resend-validation', code: code.value } }
    : { fault: 'unreadable' };
}

function decodeValidate(request: WireRequest): Decoded {
  const code = readText(request.body, 'code', { max: CODE_LIMIT });
  const password = readText(request.body, 'password', { max: NEW_PASSWORD_LIMIT });
  return code.state === 'text' && password.state === 'text'
    ? { command: { kind: 'validate-account', code: code.value, password: password.value } }
    : { fault: 'unreadable' };
}

/** What somebody who cannot sign in can do about an account. */
export const accountEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/api/public/account/forgot-password',
    summary: 'Mail a code for a new password, if the reference names an account',
    accepts: ['json'],
    describe: { request: Type.Object({ user_reference: Type.String() }), replies: { 204: null } },
    decode: decodeForgot,
  },
  {
    method: 'POST',
    path: '/api/public/account/resend-validation',
    summary: 'Mail a validation code to whom a refused login gave a resend code',
    accepts: ['json'],
    describe: { request: Type.Object({ resend_code: Type.String() }), replies: { 204: null } },
    decode: decodeResend,
  },
  {
    method: 'POST',
    path: '/api/public/account/validate',
    summary: 'Validate the account with its password, or set a new password with the code for that',
    accepts: ['json'],
    describe: {
      request: Type.Object({ code: Type.String(), password: Type.String() }),
      replies: { 200: Validated },
    },
    decode: decodeValidate,
  },
];

const PASSWORD_PROBLEMS = {
  'password-length': 'The password must be between 8 and 1024 characters',
  'password-listed': 'The password is too easy to guess',
  'password-reused': 'The password was used before',
} as const;

/** How they are answered. */
export const accountReplies: Pick<Encoders, 'accepted' | 'validated' | 'declined'> = {
  accepted: () => ({ status: 204, body: null }),
  validated: ({ email }) => ({ status: 200, body: { email } satisfies Static<typeof Validated> }),
  declined: (outcome, wire) => {
    switch (outcome.reason) {
      case 'password-length':
      case 'password-listed':
      case 'password-reused':
        return failure(400, 'bad-request', PASSWORD_PROBLEMS[outcome.reason], wire);
      default:
        return neverSpoken(outcome);
    }
  },
};
