import { type Static, type TSchema, Type } from 'typebox';
import type { Principal } from '../../sign-in/attempt.ts';
import {
  type Contract,
  type Decoded,
  type Endpoint,
  FAULT_STATUS,
  type Fault,
  type Field,
  IDENTIFIER_LIMIT,
  nativeOnly,
  neverSpoken,
  PASSWORD_LIMIT,
  REPEATED,
  type Reply,
  readText,
  type WireRequest,
} from '../contract.ts';
import { envelope, failure, invalidParams } from './replies.ts';
import { Code, Envelope, Refreshed, Sent, SignedOut } from './shapes.ts';

const TOKEN_LIMIT = 4096;
const FINGERPRINT_HEADER = 'x-fingerprint-id';
const FINGERPRINT = {
  name: FINGERPRINT_HEADER,
  description: 'identifies the device: 1 to 256 printable ASCII characters',
};

/** The fields that are as they should be, or the answer that names the others. */
function required<Name extends string>(
  fields: Readonly<Record<Name, Field>>,
): { values: Record<Name, string> } | { reply: Reply } {
  const values: Partial<Record<Name, string>> = {};
  const offending: Name[] = [];
  for (const name of Object.keys(fields) as Name[]) {
    const field = fields[name];
    if (field.state === 'text') values[name] = field.value;
    else offending.push(name);
  }
  return offending.length > 0
    ? { reply: invalidParams(offending) }
    : { values: values as Record<Name, string> };
}

/** The device's fingerprint: 1 to 256 printable ASCII characters, once. */
function readFingerprint(request: WireRequest): Field {
  const value = request.header(FINGERPRINT_HEADER);
  if (value === null) return { state: 'missing' };
  return value !== REPEATED && /^[\x20-\x7e]{1,256}$/.test(value)
    ? { state: 'text', value }
    : { state: 'malformed' };
}

function decodeSignIn(request: WireRequest): Decoded {
  const read = required({
    [FINGERPRINT_HEADER]: readFingerprint(request),
    username: readText(request.body, 'username', { max: IDENTIFIER_LIMIT }),
    password: readText(request.body, 'password', { max: PASSWORD_LIMIT }),
  });
  if ('reply' in read) return read;
  const { username, password, [FINGERPRINT_HEADER]: fingerprint } = read.values;
  return {
    command: {
      kind: 'begin',
      credential: {
        kind: 'password',
        identifiers: [{ value: username, kinds: ['username', 'email'] }],
        password,
        accounts: 'one',
      },
      fingerprint,
    },
  };
}

function decodeSecondFactor(request: WireRequest): Decoded {
  if (request.bearer === null) return { reply: failure(401) };
  const read = required({ code: readText(request.body, 'code', { max: 64 }) });
  if ('reply' in read) return read;
  return {
    command: {
      kind: 'prove',
      ticket: request.bearer,
      proof: { kind: 'code', code: read.values.code },
      step: 'second-factor',
      fingerprint: null,
    },
  };
}

function decodeDevice(request: WireRequest): Decoded {
  if (request.bearer === null) return { reply: failure(401) };
  const read = required({
    [FINGERPRINT_HEADER]: readFingerprint(request),
    code: readText(request.body, 'code', { max: 64 }),
  });
  if ('reply' in read) return read;
  const { code, [FINGERPRINT_HEADER]: fingerprint } = read.values;
  const proof = { kind: 'code', code } as const;
  return { command: { kind: 'prove', ticket: request.bearer, proof, step: 'device', fingerprint } };
}

function decodeResend(request: WireRequest): Decoded {
  return request.bearer === null
    ? { reply: failure(401) }
    : { command: { kind: 'resend', ticket: request.bearer } };
}

function decodeRefresh(request: WireRequest): Decoded {
  const read = required({ refreshToken: readText(request.body, 'refreshToken', { max: TOKEN_LIMIT }) });
  return 'reply' in read ? read : { command: { kind: 'refresh', refreshToken: read.values.refreshToken } };
}

const stepUpEndpoint = (
  path: string,
  summary: string,
  decode: Endpoint['decode'],
  reply: TSchema,
  takes: Pick<Endpoint['describe'], 'request' | 'headers'>,
): Endpoint => ({
  method: 'POST',
  path,
  summary,
  accepts: ['json'],
  describe: { ...takes, bearer: true, replies: { 200: reply } },
  decode,
});

/** The `fingerprint` contract: sign-in with a device fingerprint, envelopes and observations. */
export const fingerprint: Contract = {
  name: 'fingerprint',
  title: 'Sign-in with a device fingerprint; steps are told by observation codes',
  ticketForm: 'step-up-jwt',
  servesEveryMount: false,
  opaqueToken: false,
  revealsUnknownIdentity: false,
  signsUp: [],
  offersResendCode: false,
  defaults: { accessTokenSeconds: 12 * 3600, refreshTokenSeconds: 7 * 86_400, requireValidatedEmail: false },

  endpoints: [
    {
      method: 'POST',
      path: '/identity/sign-in',
      summary: 'Sign in with a user name or an e-mail address',
      accepts: ['json'],
      describe: {
        headers: [FINGERPRINT],
        request: Type.Object({ username: Type.String(), password: Type.String() }),
        replies: { 200: Envelope },
      },
      decode: decodeSignIn,
    },
    stepUpEndpoint(
      '/accounts/verify-2fa',
      'Prove the second factor with the step-up token',
      decodeSecondFactor,
      Envelope,
      { request: Code },
    ),
    stepUpEndpoint(
      '/identity/recognize-device',
      'Prove the device with the mailed code',
      decodeDevice,
      Envelope,
      { request: Code, headers: [FINGERPRINT] },
    ),
    stepUpEndpoint('/accounts/resend-code', 'Mail a new code', decodeResend, Sent, {}),
    {
      method: 'POST',
      path: '/identity/refresh-token',
      summary: 'Exchange a refresh token for a new pair',
      accepts: ['json'],
      describe: { request: Type.Object({ refreshToken: Type.String() }), replies: { 200: Refreshed } },
      decode: decodeRefresh,
    },
    {
      method: 'POST',
      path: '/identity/sign-out',
      summary: 'End the session',
      accepts: ['json'],
      describe: { bearer: true, replies: { 200: SignedOut } },
      decode: ({ bearer }) =>
        bearer === null ? { reply: failure(401) } : { command: { kind: 'sign-out', token: bearer } },
    },
  ],

  encode: {
    'signed-in': ({ principal, tokens, at }) => {
      if (principal.kind !== 'account') throw new Error('only accounts sign in here');
      return envelope(principal.view, {
        token: tokens.accessToken,
        refreshToken: tokens.refreshToken ?? '',
        at,
        observation: 'done',
      });
    },
    'step-required': ({ view, ticket, decoy, at, step }) =>
      envelope(view, { token: ticket, refreshToken: decoy, at, observation: step }),
    resent: () => ({
      status: 200,
      body: { statusCode: 200, data: { sent: true } } satisfies Static<typeof Sent>,
    }),
    refused: ({ reason }) => {
      switch (reason) {
        case 'account-inactive':
        case 'account-not-validated':
        case 'organisation-suspended':
        case 'second-factor-missing':
          return failure(403);
        case 'bad-credentials':
        case 'unknown-identity':
        case 'ticket-invalid':
        case 'code-invalid':
        case 'token-expired':
        case 'token-invalid':
        case 'no-such-session':
        case 'no-such-role':
          return failure(401);
      }
    },
    throttled: () => failure(429),
    overloaded: () => failure(503),
    refreshed: ({ tokens }) => {
      const body: Static<typeof Refreshed> = {
        statusCode: 200,
        data: {
          token: tokens.accessToken,
          refreshToken: tokens.refreshToken ?? '',
          authenticationType: 'Bearer',
        },
      };
      return { status: 200, body };
    },
    'signed-out': () => ({
      status: 200,
      body: { statusCode: 200, data: { signedOut: true } } satisfies Static<typeof SignedOut>,
    }),
    choices: neverSpoken,
    me: neverSpoken,
    'signed-up': neverSpoken,
    challenge: neverSpoken,
    accepted: neverSpoken,
    done: neverSpoken,
    declined: neverSpoken,
    validated: neverSpoken,
    ...nativeOnly,
  },

  fault: (fault: Fault) => (fault === 'unreadable' ? invalidParams([]) : failure(FAULT_STATUS[fault])),

  claimNames: ['accountId', 'userId', 'name', 'email', 'accessRoles'],
  claims: (principal: Principal) => {
    if (principal.kind !== 'account') return {};
    const { account, roles } = principal.view;
    return {
      accountId: account.id,
      userId: account.user.id,
      name: account.user.name,
      email: account.email ?? '',
      accessRoles: roles,
    };
  },
};
