import { type Static, Type } from 'typebox';
import type { AccountView, IssuedTokens, Outcome } from '../../sign-in/attempt.ts';
import {
  type Contract,
  type Decoded,
  FAULT_STATUS,
  type Fault,
  IDENTIFIER_LIMIT,
  nativeOnly,
  neverSpoken,
  ORGANISATION_HEADER,
  organisationHeader,
  PASSWORD_LIMIT,
  type Reply,
  readText,
  type Wire,
  type WireRequest,
} from '../contract.ts';
import { accountEndpoints, accountReplies } from './account.ts';
import { failure } from './failure.ts';

const Tokens = Type.Object({
  access_token: Type.String(),
  jwt_token: Type.String(),
  refresh_token: Type.String(),
});

const Me = Type.Object({
  id: Type.String(),
  username: Type.Union([Type.String(), Type.Null()]),
  email: Type.Union([Type.String(), Type.Null()]),
  phone: Type.Union([Type.String(), Type.Null()]),
  status: Type.Enum(['active', 'inactive']),
  memberships: Type.Array(Type.Object({ organisation: Type.String(), role: Type.String() })),
  effective_organization_id: Type.Union([Type.String(), Type.Null()]),
});

const TOKEN_LIMIT = 4096;

const FAULTS: Readonly<Record<Fault, { code: string; message: string }>> = {
  unreadable: { code: 'bad-request', message: 'Missing or invalid request body' },
  'not-found': { code: 'not-found', message: 'Not Found' },
  'method-not-allowed': { code: 'method-not-allowed', message: 'Method not allowed' },
  'too-large': { code: 'payload-too-large', message: 'Request body too large' },
  'unsupported-media-type': { code: 'unsupported-media-type', message: 'Unsupported media type' },
  unavailable: { code: 'unavailable', message: 'Service unavailable' },
  internal: { code: 'internal-error', message: 'Internal error' },
};

function faultReply(fault: Fault, wire: Wire): Reply {
  return failure(FAULT_STATUS[fault], FAULTS[fault].code, FAULTS[fault].message, wire);
}

function decodeLogin(request: WireRequest): Decoded {
  const username = readText(request.body, 'username', { max: IDENTIFIER_LIMIT });
  const password = readText(request.body, 'password', { max: PASSWORD_LIMIT });
  if (username.state !== 'text' || password.state !== 'text') return { fault: 'unreadable' };
  const identifiers = [{ value: username.value, kinds: ['username', 'email', 'phone'] as const }];
  return {
    command: {
      kind: 'begin',
      credential: { kind: 'password', identifiers, password: password.value, accounts: 'one' },
      fingerprint: null,
    },
  };
}

/** The refresh token is in the body, or it is the bearer token of a request that has none there. */
function decodeRefresh(request: WireRequest): Decoded {
  const field = readText(request.body, 'refresh_token', { max: TOKEN_LIMIT });
  if (field.state === 'text') return { command: { kind: 'refresh', refreshToken: field.value } };
  if (field.state !== 'missing' || request.header('authorization') === null) return { fault: 'unreadable' };
  return { command: { kind: 'refresh', refreshToken: request.bearer ?? '' } };
}

function tokensReply(tokens: IssuedTokens): Reply {
  const body: Static<typeof Tokens> = {
    access_token: tokens.accessToken,
    jwt_token: tokens.accessToken,
    refresh_token: tokens.refreshToken ?? '',
  };
  return { status: 200, body };
}

function meReply({ account }: AccountView, effectiveOrganisation: string | null): Reply {
  const body: Static<typeof Me> = {
    id: account.id,
    username: account.username,
    email: account.email,
    phone: account.phone,
    status: account.status === 'active' ? 'active' : 'inactive',
    memberships: account.memberships.map(({ organisation, role }) => ({
      organisation: organisation.id,
      role: role.name,
    })),
    effective_organization_id: effectiveOrganisation,
  };
  return { status: 200, body };
}

function refusal({ reason, resendCode }: Extract<Outcome, { kind: 'refused' }>, wire: Wire): Reply {
  switch (reason) {
    case 'bad-credentials':
    case 'unknown-identity':
      return failure(401, 'bad-credentials', 'Invalid username and/or password', wire);
    case 'account-not-validated':
      return failure(401, 'account-not-validated', 'Account not validated', wire, {
        resend_code: resendCode ?? '',
      });
    case 'account-inactive':
    case 'organisation-suspended':
    case 'second-factor-missing':
      return failure(401, 'inactive-account', 'Account has been disabled/deleted', wire);
    case 'token-expired':
      return failure(401, 'token-expired', 'JWT token expired', wire);
    case 'ticket-invalid':
    case 'code-invalid':
    case 'token-invalid':
    case 'no-such-session':
    case 'no-such-role':
      return failure(401, 'bad-credentials', 'Invalid token', wire);
  }
}

/** The `login` contract: sign-in by user name, e-mail address or phone, with rotated refresh tokens. */
export const login: Contract = {
  name: 'login',
  title: 'Sign-in by user name, e-mail address or mobile phone, with refresh tokens that rotate',
  ticketForm: 'challenge',
  servesEveryMount: false,
  opaqueToken: false,
  revealsUnknownIdentity: false,
  signsUp: [],
  offersResendCode: true,
  defaults: { accessTokenSeconds: 3600, refreshTokenSeconds: 30 * 86_400, requireValidatedEmail: true },

  endpoints: [
    {
      method: 'POST',
      path: '/auth/login',
      summary: 'Sign in with a user name, an e-mail address or a mobile phone number',
      accepts: ['json'],
      describe: {
        request: Type.Object({ username: Type.String(), password: Type.String() }),
        replies: { 200: Tokens },
      },
      decode: decodeLogin,
    },
    {
      method: 'POST',
      path: '/auth/refresh-token',
      summary: 'Exchange a refresh token, given in the body or as the bearer token, for a new pair',
      accepts: ['json'],
      describe: {
        request: Type.Object({ refresh_token: Type.Optional(Type.String()) }),
        bearer: true,
        bearerForBody: true,
        replies: { 200: Tokens },
      },
      decode: decodeRefresh,
    },
    {
      method: 'POST',
      path: '/auth/logout',
      summary: 'End the session',
      accepts: ['json'],
      describe: { bearer: true, replies: { 204: null } },
      decode: ({ bearer }) => ({ command: { kind: 'sign-out', token: bearer ?? '' } }),
    },
    {
      method: 'GET',
      path: '/auth/me',
      summary: 'The account with its memberships, and the organisation that it acts in',
      accepts: [],
      describe: { bearer: true, headers: [ORGANISATION_HEADER], replies: { 200: Me } },
      decode: (request) => ({
        command: { kind: 'me', token: request.bearer ?? '', organisation: organisationHeader(request) },
      }),
    },
    ...accountEndpoints,
  ],

  encode: {
    'signed-in': ({ tokens }) => tokensReply(tokens),
    refreshed: ({ tokens }) => tokensReply(tokens),
    'step-required': ({ step, ticket }, wire) => {
      const [code, message] =
        step === 'device'
          ? ['device-recognition-required', 'Device recognition required']
          : ['two-factor-required', 'Two-factor verification required'];
      return failure(401, code, message, wire, { challenge_token: ticket });
    },
    refused: refusal,
    throttled: (_, wire) => failure(429, 'too-many-requests', 'Too many attempts, try again later', wire),
    overloaded: (_, wire) => faultReply('unavailable', wire),
    choices: neverSpoken,
    resent: neverSpoken,
    me: ({ view, effectiveOrganisation }) => meReply(view, effectiveOrganisation),
    'signed-out': () => ({ status: 204, body: null }),
    'signed-up': neverSpoken,
    challenge: neverSpoken,
    done: neverSpoken,
    ...accountReplies,
    ...nativeOnly,
  },

  fault: faultReply,

  claimNames: ['role'],
  claims: (principal) =>
    principal.kind === 'account' ? { role: principal.view.primary?.role.name ?? '' } : {},
};
