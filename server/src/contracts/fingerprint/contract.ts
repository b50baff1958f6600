import { type Static, type TSchema, Type } from 'typebox';
import type { AccountView, Principal } from '../../sign-in/attempt.ts';
import {
  type Contract,
  type Decoded,
  type Endpoint,
  FAULT_STATUS,
  type Fault,
  type Field,
  IDENTIFIER_LIMIT,
  isoTime,
  neverSpoken,
  PASSWORD_LIMIT,
  type Reply,
  readText,
  type WireRequest,
} from '../contract.ts';

const FINGERPRINT_HEADER = 'x-fingerprint-id';

const OBSERVATIONS = {
  done: { code: 1, message: 'all right' },
  'second-factor': { code: 2, message: 'two factor verification needed' },
  device: { code: 3, message: 'device recognition needed' },
} as const;

const Envelope = Type.Object({
  statusCode: Type.Literal(200),
  data: Type.Object({
    token: Type.String(),
    refreshToken: Type.String(),
    authenticationType: Type.Literal('Bearer'),
    account: Type.Object({
      id: Type.String(),
      username: Type.String(),
      status: Type.Enum(['activated', 'pending']),
      createdAt: Type.String(),
      emailHasBeenValidated: Type.Boolean(),
      phoneHasBeenValidated: Type.Boolean(),
    }),
    user: Type.Object({ id: Type.String(), name: Type.String() }),
    loggedAt: Type.String(),
    observation: Type.Object({ code: Type.Enum([1, 2, 3]), message: Type.String() }),
  }),
});

const Sent = Type.Object({ statusCode: Type.Literal(200), data: Type.Object({ sent: Type.Literal(true) }) });
const Code = Type.Object({ code: Type.String() });

const ERRORS: Readonly<Record<number, { message: string; error: string }>> = {
  401: { message: 'Unauthorized', error: 'Unauthorized' },
  403: { message: 'Forbidden resource', error: 'Forbidden' },
  404: { message: 'Not Found', error: 'Not Found' },
  405: { message: 'Method Not Allowed', error: 'Method Not Allowed' },
  413: { message: 'Payload Too Large', error: 'Payload Too Large' },
  415: { message: 'Unsupported Media Type', error: 'Unsupported Media Type' },
  429: { message: 'Too Many Requests', error: 'Too Many Requests' },
  500: { message: 'Internal server error', error: 'Internal Server Error' },
  503: { message: 'Service Unavailable', error: 'Service Unavailable' },
};

function failure(status: number): Reply {
  return { status, body: { ...(ERRORS[status] ?? ERRORS[500]), statusCode: status } };
}

/** Names what is missing or malformed, in the order of the document. */
function invalidParams(names: readonly string[]): Reply {
  return {
    status: 400,
    body: { message: `Invalid param: [${names.join(', ')}]`, error: 'Bad Request', statusCode: 400 },
  };
}

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
  return value !== 'repeated' && /^[\x20-\x7e]{1,256}$/.test(value)
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
      code: read.values.code,
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
  return { command: { kind: 'prove', ticket: request.bearer, code, step: 'device', fingerprint } };
}

function decodeResend(request: WireRequest): Decoded {
  return request.bearer === null
    ? { reply: failure(401) }
    : { command: { kind: 'resend', ticket: request.bearer } };
}

function envelope(
  view: AccountView,
  answer: { token: string; refreshToken: string; at: number; observation: keyof typeof OBSERVATIONS },
): Reply {
  const { account } = view;
  const body: Static<typeof Envelope> = {
    statusCode: 200,
    data: {
      token: answer.token,
      refreshToken: answer.refreshToken,
      authenticationType: 'Bearer',
      account: {
        id: account.id,
        username: account.username ?? account.email ?? account.phone ?? '',
        status: account.emailValidated ? 'activated' : 'pending',
        createdAt: isoTime(account.createdAt),
        emailHasBeenValidated: account.emailValidated,
        phoneHasBeenValidated: account.phoneValidated,
      },
      user: { id: account.user.id, name: account.user.name },
      loggedAt: isoTime(answer.at),
      observation: OBSERVATIONS[answer.observation],
    },
  };
  return { status: 200, body };
}

const stepUpEndpoint = (
  path: string,
  summary: string,
  decode: Endpoint['decode'],
  reply: TSchema,
  withCode: boolean,
): Endpoint => ({
  method: 'POST',
  path,
  summary,
  accepts: ['json'],
  describe: { ...(withCode ? { request: Code } : {}), bearer: true, replies: { 200: reply } },
  decode,
});

/** The `fingerprint` contract: sign-in with a device fingerprint, envelopes and observations. */
export const fingerprint: Contract = {
  name: 'fingerprint',
  title: 'Sign-in with a device fingerprint; steps are told by observation codes',
  ticketForm: 'step-up-jwt',
  completesChallenges: false,
  opaqueToken: false,
  revealsUnknownIdentity: false,
  offersResendCode: false,
  defaults: { accessTokenSeconds: 12 * 3600, refreshTokenSeconds: 7 * 86_400, requireValidatedEmail: false },

  endpoints: [
    {
      method: 'POST',
      path: '/identity/sign-in',
      summary: 'Sign in with a user name or an e-mail address',
      accepts: ['json'],
      describe: {
        headers: [
          {
            name: FINGERPRINT_HEADER,
            description: 'identifies the device: 1 to 256 printable ASCII characters',
          },
        ],
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
      true,
    ),
    stepUpEndpoint(
      '/identity/recognize-device',
      'Prove the device with the mailed code',
      decodeDevice,
      Envelope,
      true,
    ),
    stepUpEndpoint('/accounts/resend-code', 'Mail a new code', decodeResend, Sent, false),
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
          return failure(403);
        case 'bad-credentials':
        case 'unknown-identity':
        case 'ticket-invalid':
        case 'code-invalid':
        case 'token-expired':
        case 'token-invalid':
          return failure(401);
      }
    },
    throttled: () => failure(429),
    overloaded: () => failure(503),
    choices: neverSpoken,
    refreshed: neverSpoken,
    active: neverSpoken,
  },

  fault: (fault: Fault) => (fault === 'unreadable' ? invalidParams([]) : failure(FAULT_STATUS[fault])),

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
