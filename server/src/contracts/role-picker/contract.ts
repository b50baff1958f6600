import { type Static, Type } from 'typebox';
import type { Outcome, Principal } from '../../sign-in/attempt.ts';
import {
  type Contract,
  type Decoded,
  FAULT_STATUS,
  type Fault,
  IDENTIFIER_LIMIT,
  memberOf,
  nativeOnly,
  neverSpoken,
  PASSWORD_LIMIT,
  type WireRequest,
} from '../contract.ts';
import { failure, isEmpty, type Problems, post, readTexts, unprocessable } from './body.ts';
import { passwordEndpoints, passwordReplies } from './passwords.ts';
import { organisationOf, refusedRole, STATE_MESSAGES, signedIn } from './replies.ts';
import { type Granted, PinDue, Refreshed, Roles, SignedIn, Success } from './shapes.ts';

const TOKEN_LIMIT = 4096;
const PIN_LIMIT = 64;

const FAULT_MESSAGES: Readonly<Record<Fault, string>> = {
  unreadable: 'Bad Request',
  'not-found': 'Not Found',
  'method-not-allowed': 'Method Not Allowed',
  'too-large': 'Payload Too Large',
  'unsupported-media-type': 'Unsupported Media Type',
  unavailable: 'Service unavailable.',
  internal: 'Internal server error.',
};

const BOOLEANS = new Set<unknown>([true, false, 'true', 'false', 1, 0, '1', '0']);

/** The client says whether it expects a second factor. It must say it; the server decides. */
function checkSecondFactorFlag(request: WireRequest, problems: Problems): void {
  const value = memberOf(request.body, 'is2FAEnabled');
  if (value === undefined || value === null || value === '')
    problems.is2FAEnabled = ['The is2FAEnabled is required.'];
  else if (!BOOLEANS.has(value)) problems.is2FAEnabled = ['The is2FAEnabled must be a boolean.'];
}

function decodeVerify(request: WireRequest): Decoded {
  const problems: Problems = {};
  const { identity, password } = readTexts(
    request,
    { identity: IDENTIFIER_LIMIT, password: PASSWORD_LIMIT },
    problems,
  );
  if (!isEmpty(problems)) return { reply: unprocessable(problems) };
  const identifiers = [{ value: identity, kinds: ['username', 'email'] as const }];
  return {
    command: {
      kind: 'begin',
      credential: { kind: 'password', identifiers, password, accounts: 'all' },
      fingerprint: null,
    },
  };
}

function decodeSignIn(request: WireRequest): Decoded {
  const problems: Problems = {};
  checkSecondFactorFlag(request, problems);
  const { loginToken } = readTexts(request, { loginToken: TOKEN_LIMIT }, problems);
  return isEmpty(problems)
    ? { command: { kind: 'pick', ticket: loginToken } }
    : { reply: unprocessable(problems) };
}

function decodePin(request: WireRequest): Decoded {
  const problems: Problems = {};
  const { loginToken, pin } = readTexts(request, { loginToken: TOKEN_LIMIT, pin: PIN_LIMIT }, problems);
  if (!isEmpty(problems)) return { reply: unprocessable(problems) };
  return {
    command: {
      kind: 'prove',
      ticket: loginToken,
      proof: { kind: 'code', code: pin },
      step: null,
      fingerprint: null,
    },
    echo: { pin },
  };
}

function decodeResend(request: WireRequest): Decoded {
  const problems: Problems = {};
  const { loginToken } = readTexts(request, { loginToken: TOKEN_LIMIT }, problems);
  return isEmpty(problems)
    ? { command: { kind: 'resend', ticket: loginToken } }
    : { reply: unprocessable(problems) };
}

function decodeRefresh(request: WireRequest): Decoded {
  const problems: Problems = {};
  const { refreshToken } = readTexts(request, { refreshToken: TOKEN_LIMIT }, problems);
  return isEmpty(problems)
    ? { command: { kind: 'refresh', refreshToken } }
    : { reply: unprocessable(problems) };
}

const REFUSALS: Readonly<Record<Extract<Outcome, { kind: 'refused' }>['reason'], string>> = {
  'bad-credentials': 'Password is invalid.',
  'unknown-identity': 'No user(s) found.',
  'ticket-invalid': 'Provided login token is invalid.',
  'code-invalid': 'Provided pin is invalid.',
  'token-expired': 'Provided token is invalid.',
  'token-invalid': 'Provided token is invalid.',
  'no-such-session': 'Provided token is invalid.',
  'no-such-role': 'Provided token is invalid.',
  ...STATE_MESSAGES,
};

function claimsOf(principal: Principal): Record<string, unknown> {
  if (principal.kind !== 'account' || principal.picked === null) return {};
  return { role: principal.picked.role?.name ?? '', organisation: principal.picked.organisation?.id ?? null };
}

/** The `role-picker` contract: one identity, several accounts and roles, one of which is picked. */
export const rolePicker: Contract = {
  name: 'role-picker',
  title: 'One identity with several accounts and roles: verify, pick one, prove a PIN where it is due',
  ticketForm: 'alphanumeric',
  servesEveryMount: false,
  opaqueToken: true,
  revealsUnknownIdentity: true,
  signsUp: [],
  offersResendCode: false,
  defaults: { accessTokenSeconds: 3600, refreshTokenSeconds: 30 * 86_400, requireValidatedEmail: false },

  endpoints: [
    post(
      '/auth/sign-in-verify',
      'Find the roles that a password opens',
      { request: Type.Object({ identity: Type.String(), password: Type.String() }), replies: { 200: Roles } },
      decodeVerify,
    ),
    post(
      '/auth/sign-in',
      'Sign in with the login token of one role',
      {
        request: Type.Object({ is2FAEnabled: Type.Boolean(), loginToken: Type.String() }),
        replies: { 200: Type.Union([SignedIn, PinDue]) },
      },
      decodeSignIn,
    ),
    post(
      '/auth/sign-in-with-2fa',
      'Sign in with the PIN that was due',
      { request: Type.Object({ loginToken: Type.String(), pin: Type.String() }), replies: { 200: SignedIn } },
      decodePin,
    ),
    post(
      '/auth/resend-2fa',
      'Mail a new PIN',
      { request: Type.Object({ loginToken: Type.String() }), replies: { 200: Success } },
      decodeResend,
    ),
    post(
      '/auth/refresh',
      'Exchange a refresh token for a new pair',
      { request: Type.Object({ refreshToken: Type.String() }), replies: { 200: Refreshed } },
      decodeRefresh,
    ),
    post('/auth/sign-out', 'End the session', { bearer: true, replies: { 200: Success } }, ({ bearer }) =>
      bearer === null
        ? { reply: failure(401, REFUSALS['token-invalid']) }
        : { command: { kind: 'sign-out', token: bearer } },
    ),
    ...passwordEndpoints,
  ],

  encode: {
    'signed-in': signedIn,
    choices: ({ granted, refused }) => {
      const roles = granted.map(
        (choice): Static<typeof Granted> => ({
          role: choice.role,
          loginToken: choice.ticket,
          is2FAEnabled: choice.asksSecondFactor,
          organisation: organisationOf(choice.organisation),
        }),
      );
      const body: Static<typeof Roles> = {
        status_code: 200,
        message: 'OK',
        result: [roles, refused.map(refusedRole)],
      };
      return { status: 200, body };
    },
    // A new device is proven like a second factor: with a PIN that was mailed.
    'step-required': ({ ticket }) => ({
      status: 200,
      body: { is2FAEnabled: true, loginToken: ticket } satisfies Static<typeof PinDue>,
    }),
    resent: () => ({ status: 200, body: { success: true } satisfies Static<typeof Success> }),
    refused: ({ reason }) => failure(401, REFUSALS[reason]),
    throttled: () => failure(429, 'Too many attempts. Try again later.'),
    overloaded: () => failure(503, FAULT_MESSAGES.unavailable),
    refreshed: ({ tokens }) => ({
      status: 200,
      body: { token: tokens.accessToken, refreshToken: tokens.refreshToken ?? '' } satisfies Static<
        typeof Refreshed
      >,
    }),
    'signed-out': () => ({ status: 200, body: { success: true } satisfies Static<typeof Success> }),
    ...passwordReplies,
    me: neverSpoken,
    'signed-up': neverSpoken,
    challenge: neverSpoken,
    validated: neverSpoken,
    ...nativeOnly,
  },

  fault: (fault) => failure(FAULT_STATUS[fault], FAULT_MESSAGES[fault]),

  claimNames: ['role', 'organisation'],
  claims: claimsOf,
};
