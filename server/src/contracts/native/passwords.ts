import { Type } from 'typebox';
import {
  type Decoded,
  type Endpoint,
  IDENTIFIER_LIMIT,
  NEW_PASSWORD_LIMIT,
  PASSWORD_LIMIT,
  readText,
  type WireRequest,
} from '../contract.ts';
import { TOKEN_LIMIT } from './bearer.ts';
import { Accepted, Failure } from './shapes.ts';

function decodeForgot(request: WireRequest): Decoded {
  const identifier = readText(request.body, 'identifier', { max: IDENTIFIER_LIMIT });
  if (identifier.state !== 'text') return { fault: 'unreadable' };
  const kinds = ['username', 'email', 'phone'] as const;
  return { command: { kind: 'forgot-password', identifier: { value: identifier.value, kinds } } };
}

function decodeReset(request: WireRequest): Decoded {
  const token = readText(request.body, 'token', { max: TOKEN_LIMIT });
  const password = readText(request.body, 'password', { max: NEW_PASSWORD_LIMIT });
  return token.state === 'text' && password.state === 'text'
    ? { command: { kind: 'reset-password', code: token.value, password: password.value } }
    : { fault: 'unreadable' };
}

function decodeChange(request: WireRequest): Decoded {
  const current = readText(request.body, 'currentPassword', { max: PASSWORD_LIMIT });
  const password = readText(request.body, 'password', { max: NEW_PASSWORD_LIMIT });
  if (current.state !== 'text' || password.state !== 'text') return { fault: 'unreadable' };
  return {
    command: {
      kind: 'change-password',
      token: request.bearer ?? '',
      currentPassword: current.value,
      password: password.value,
    },
  };
}

/** Passwords: forgotten, reset with a code that was mailed, changed by who is signed in. */
export const passwordEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/v1/password/forgot',
    summary: 'Mail a code for a new password to whoever has a user name, an e-mail address or a phone number',
    accepts: ['json'],
    describe: { request: Type.Object({ identifier: Type.String() }), replies: { 202: Accepted } },
    decode: decodeForgot,
  },
  {
    method: 'POST',
    path: '/v1/password/reset',
    summary: 'Set a new password with the code that was mailed; signs nobody in',
    accepts: ['json'],
    describe: {
      request: Type.Object({ token: Type.String(), password: Type.String() }),
      replies: { 204: null, 404: Failure, 422: Failure },
    },
    decode: decodeReset,
  },
  {
    method: 'POST',
    path: '/v1/password/change',
    summary: 'Change the password: ends every other session, and forgets devices',
    accepts: ['json'],
    describe: {
      request: Type.Object({ currentPassword: Type.String(), password: Type.String() }),
      bearer: true,
      replies: { 204: null, 422: Failure },
    },
    decode: decodeChange,
  },
];
