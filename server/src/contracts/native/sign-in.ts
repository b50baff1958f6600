import { type Static, Type } from 'typebox';
import type { IssuedTokens, Principal } from '../../sign-in/attempt.ts';
import {
  type Decoded,
  type Encoders,
  type Endpoint,
  IDENTIFIER_LIMIT,
  PASSWORD_LIMIT,
  type Reply,
  readText,
  type WireRequest,
} from '../contract.ts';
import { TOKEN_LIMIT } from './bearer.ts';
import { StepDue, Tokens } from './shapes.ts';

function decodeSignIn(request: WireRequest): Decoded {
  const identifier = readText(request.body, 'identifier', { max: IDENTIFIER_LIMIT });
  const password = readText(request.body, 'password', { max: PASSWORD_LIMIT });
  if (identifier.state !== 'text' || password.state !== 'text') return { fault: 'unreadable' };
  const kinds = ['username', 'email', 'phone'] as const;
  return {
    command: {
      kind: 'begin',
      credential: {
        kind: 'password',
        identifiers: [{ value: identifier.value, kinds }],
        password: password.value,
        accounts: 'one',
      },
      fingerprint: null,
    },
  };
}

function decodeRefresh(request: WireRequest): Decoded {
  const token = readText(request.body, 'refreshToken', { max: TOKEN_LIMIT });
  return token.state === 'text'
    ? { command: { kind: 'refresh', refreshToken: token.value } }
    : { fault: 'unreadable' };
}

function tokensReply(tokens: IssuedTokens, principal: Principal, status = 200): Reply {
  const picked = principal.kind === 'account' ? (principal.picked ?? principal.view.primary) : null;
  const body: Static<typeof Tokens> = {
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken,
    organisation: picked?.organisation?.id ?? null,
    role: picked?.role?.name ?? '',
  };
  return { status, body };
}

/** Signing in at the native API itself. */
export const signInEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/v1/sign-in',
    summary: 'Sign in with a user name, an e-mail address or a phone number',
    accepts: ['json'],
    describe: {
      request: Type.Object({ identifier: Type.String(), password: Type.String() }),
      replies: { 200: Tokens, 403: StepDue },
    },
    decode: decodeSignIn,
  },
  {
    method: 'POST',
    path: '/v1/refresh',
    summary: 'Exchange the refresh token of a native session for a new pair',
    accepts: ['json'],
    describe: { request: Type.Object({ refreshToken: Type.String() }), replies: { 200: Tokens } },
    decode: decodeRefresh,
  },
  {
    method: 'POST',
    path: '/v1/sign-out',
    summary: 'End the session',
    accepts: ['json'],
    describe: { bearer: true, replies: { 204: null } },
    decode: ({ bearer }) => ({ command: { kind: 'sign-out', token: bearer ?? '' } }),
  },
];

/** How it is answered. */
export const signInReplies: Pick<Encoders, 'signed-in' | 'refreshed' | 'signed-out'> = {
  'signed-in': ({ tokens, principal }, wire) =>
    tokensReply(tokens, principal, wire.echo.signedUp === undefined ? 200 : 201),
  refreshed: ({ tokens, principal }) => tokensReply(tokens, principal),
  'signed-out': () => ({ status: 204, body: null }),
};
