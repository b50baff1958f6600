import { type Static, Type } from 'typebox';
import type { AccountView, IssuedTokens, Outcome, Principal } from '../../sign-in/attempt.ts';
import {
  type Contract,
  codePoints,
  type Decoded,
  FAULT_STATUS,
  type Fault,
  type Field,
  IDENTIFIER_LIMIT,
  isoTime,
  nativeOnly,
  neverSpoken,
  PASSWORD_LIMIT,
  type Reply,
  readText,
  type WireRequest,
} from '../contract.ts';
import { decodeSignUp } from './sign-up.ts';

const PASSWORD_MINIMUM = 6;
const TOKEN_LIMIT = 4096;

const User = Type.Object({
  id: Type.Integer(),
  username: Type.String(),
  email: Type.String(),
  firstName: Type.String(),
  lastName: Type.String(),
  rol: Type.String(),
  avatar: Type.String(),
  status: Type.Enum(['active', 'inactive']),
  lastLogin: Type.String(),
  createdAt: Type.String(),
  permissions: Type.Array(Type.String()),
  stats: Type.Record(Type.String(), Type.Unknown()),
});

const SignedIn = Type.Object({ accessToken: Type.String(), refreshToken: Type.String(), user: User });

const MESSAGES: Readonly<Record<number, string>> = {
  401: 'Invalid email or password',
  404: 'Not found',
  405: 'Method not allowed',
  413: 'Payload too large',
  415: 'Unsupported media type',
  429: 'Too many attempts. Try again later.',
  500: 'Internal server error',
  503: 'Service unavailable.',
};

function failure(status: number, message = MESSAGES[status], more: object = {}): Reply {
  return { status, body: { statusCode: status, message, ...more } };
}

const unauthorised = failure(401, 'Invalid or expired token');

function invalid(errors: readonly string[]): Reply {
  return failure(400, 'Validation failed', { errors });
}

function decodeSignIn(request: WireRequest): Decoded {
  const email = readText(request.body, 'email', { max: IDENTIFIER_LIMIT });
  const username = readText(request.body, 'username', { max: IDENTIFIER_LIMIT });
  const password = readText(request.body, 'password', { max: PASSWORD_LIMIT });

  const isShort =
    password.state === 'missing' ||
    (password.state === 'text' && codePoints(password.value) < PASSWORD_MINIMUM);
  const errors = [
    ...(email.state === 'missing' && username.state === 'missing'
      ? ['email or username must be provided']
      : []),
    ...(isShort ? ['password must be at least 6 characters'] : []),
    ...(email.state === 'wrong-type' ? ['email must be a string'] : []),
    ...(username.state === 'wrong-type' ? ['username must be a string'] : []),
    ...(password.state === 'wrong-type' ? ['password must be a string'] : []),
  ];
  const malformed = [email, username, password].some((field) => field.state === 'malformed');
  if (errors.length > 0 || malformed || password.state !== 'text') return { reply: invalid(errors) };

  const identifiers = [...given(email, 'email'), ...given(username, 'username')];
  return {
    command: {
      kind: 'begin',
      credential: { kind: 'password', identifiers, password: password.value, accounts: 'one' },
      fingerprint: null,
    },
  };
}

function given<Kind extends 'email' | 'username'>(
  field: Field,
  kind: Kind,
): { value: string; kinds: Kind[] }[] {
  return field.state === 'text' ? [{ value: field.value, kinds: [kind] }] : [];
}

function userOf(view: AccountView, at: number): Static<typeof User> {
  const { account } = view;
  return {
    id: account.number,
    username: account.username ?? '',
    email: account.email ?? '',
    firstName: account.user.firstName ?? '',
    lastName: account.user.lastName ?? '',
    rol: view.primary?.role.name ?? '',
    avatar: account.user.avatar ?? '',
    status: account.status === 'active' ? 'active' : 'inactive',
    lastLogin: isoTime(at),
    createdAt: isoTime(account.createdAt),
    permissions: [...view.permissions],
    stats: { ...account.stats, signIns: account.signIns, failedSignIns: account.failedSignIns },
  };
}

function signedIn(principal: Principal, tokens: IssuedTokens, at: number, status = 200): Reply {
  if (principal.kind !== 'account') throw new Error('only accounts sign in here');
  const body: Static<typeof SignedIn> = {
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken ?? '',
    user: userOf(principal.view, at),
  };
  return { status, body };
}

function decodeRefresh(request: WireRequest): Decoded {
  const token = readText(request.body, 'refreshToken', { max: TOKEN_LIMIT });
  if (token.state === 'text') return { command: { kind: 'refresh', refreshToken: token.value } };
  const problem = token.state === 'missing' ? ['refreshToken must be provided'] : [];
  return {
    reply: invalid(token.state === 'wrong-type' ? ['refreshToken must be a string'] : problem),
  };
}

const Failure = Type.Object({ statusCode: Type.Integer(), message: Type.String() });

/** Why an account is not made. What its endpoints cannot lead to has no words. */
function declineReply(reason: Extract<Outcome, { kind: 'declined' }>['reason']): Reply {
  switch (reason) {
    case 'sign-up-disabled':
      return failure(403, 'Sign-up is disabled.');
    case 'identifier-taken':
      return failure(409, 'Email or username is already taken.');
    case 'identifier-malformed':
      return invalid(['email must be an email address']);
    case 'username-not-allowed':
      return invalid(['username must not be an email address or a phone number']);
    case 'password-length':
      return invalid(['password must be at least 8 characters']);
    case 'password-listed':
      return invalid(['password is too easy to guess']);
    default:
      throw new Error(`nothing here is declined for ${reason}`);
  }
}

/** The `profile` contract: sign-in by e-mail address or user name, answered with the user's profile. */
export const profile: Contract = {
  name: 'profile',
  title: 'Sign-in by e-mail address or user name, answered with the user’s profile',
  ticketForm: 'challenge',
  servesEveryMount: false,
  opaqueToken: false,
  revealsUnknownIdentity: false,
  signsUp: ['people'],
  offersResendCode: false,
  defaults: { accessTokenSeconds: 86_400, refreshTokenSeconds: 30 * 86_400, requireValidatedEmail: false },

  endpoints: [
    {
      method: 'POST',
      path: '/api/v1/auths/sign-in',
      summary:
        'Sign in with an e-mail address or a user name; when both are given they must name the same account',
      accepts: ['json'],
      describe: {
        request: Type.Object({
          email: Type.Optional(Type.String()),
          username: Type.Optional(Type.String()),
          password: Type.String({ minLength: PASSWORD_MINIMUM }),
        }),
        replies: { 200: SignedIn },
      },
      decode: decodeSignIn,
    },
    {
      method: 'POST',
      path: '/api/v1/auths/sign-up',
      summary: 'Make an account, where the mount allows it, and sign in',
      accepts: ['json'],
      describe: {
        request: Type.Object({
          email: Type.String(),
          password: Type.String({ minLength: 8 }),
          first_name: Type.String(),
          last_name: Type.String(),
          username: Type.Optional(Type.String()),
        }),
        replies: { 201: SignedIn, 409: Failure },
      },
      needsSignUp: true,
      decode: (request) => decodeSignUp(request, invalid),
    },
    {
      method: 'POST',
      path: '/api/v1/auths/refresh',
      summary: 'Exchange a refresh token for a new pair',
      accepts: ['json'],
      describe: { request: Type.Object({ refreshToken: Type.String() }), replies: { 200: SignedIn } },
      decode: decodeRefresh,
    },
    {
      method: 'POST',
      path: '/api/v1/auths/sign-out',
      summary: 'End the session; a body is ignored',
      accepts: [],
      describe: { bearer: true, replies: { 204: null } },
      decode: ({ bearer }) =>
        bearer === null ? { reply: unauthorised } : { command: { kind: 'sign-out', token: bearer } },
    },
    {
      method: 'GET',
      path: '/api/v1/auths/me',
      summary: 'The user’s profile',
      accepts: [],
      describe: { bearer: true, replies: { 200: User } },
      decode: ({ bearer }) =>
        bearer === null
          ? { reply: unauthorised }
          : { command: { kind: 'me', token: bearer, organisation: null } },
    },
  ],

  encode: {
    'signed-in': ({ principal, tokens, at }, wire) =>
      signedIn(principal, tokens, at, wire.echo.signedUp === undefined ? 200 : 201),
    'step-required': ({ step, ticket }) =>
      failure(
        403,
        step === 'device' ? 'Device verification required.' : 'Two-factor verification required.',
        { challengeToken: ticket },
      ),
    refused: ({ reason }) => {
      switch (reason) {
        case 'account-inactive':
        case 'organisation-suspended':
        case 'second-factor-missing':
          return failure(403, 'Account is inactive. Contact administrator.');
        case 'account-not-validated':
          return failure(403, 'Account is not validated.');
        case 'bad-credentials':
        case 'unknown-identity':
        case 'ticket-invalid':
        case 'code-invalid':
          return failure(401);
        case 'token-expired':
        case 'token-invalid':
        case 'no-such-session':
        case 'no-such-role':
          return failure(401, 'Invalid or expired token');
      }
    },
    throttled: () => failure(429),
    overloaded: () => failure(503),
    refreshed: ({ principal, tokens, signedInAt }) => signedIn(principal, tokens, signedInAt),
    me: ({ view, signedInAt }) => ({ status: 200, body: userOf(view, signedInAt) }),
    'signed-out': () => ({ status: 204, body: null }),
    choices: neverSpoken,
    resent: neverSpoken,
    accepted: neverSpoken,
    done: neverSpoken,
    declined: ({ reason }) => declineReply(reason),
    'signed-up': neverSpoken,
    challenge: neverSpoken,
    validated: neverSpoken,
    ...nativeOnly,
  },

  fault: (fault: Fault) => (fault === 'unreadable' ? invalid([]) : failure(FAULT_STATUS[fault])),

  claimNames: ['role'],
  claims: (principal) =>
    principal.kind === 'account' ? { role: principal.view.primary?.role.name ?? '' } : {},
};
