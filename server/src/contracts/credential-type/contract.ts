import { type Static, Type } from 'typebox';
import type { Credential, Outcome, Principal } from '../../sign-in/attempt.ts';
import {
  type Contract,
  type Decoded,
  FAULT_STATUS,
  type Fault,
  type Field,
  isoTime,
  memberOf,
  nativeOnly,
  neverSpoken,
  type Reply,
  readText,
  type WireRequest,
} from '../contract.ts';
import { Challenge, decodeSignUp, SignedUp, SignUpRequest } from './sign-up.ts';

const Authorized = Type.Object({ authorization: Type.Object({ token: Type.String() }) });

const ERRORS = {
  invalid_credentials: { status: 400, message: 'The provided credentials are invalid' },
  invalid_type: { status: 400, message: 'The type is missing or not supported' },
  forbidden: { status: 403, message: 'Signing up is not possible here' },
  taken: { status: 409, message: 'The address or installation is known already' },
  attestation_unavailable: { status: 400, message: 'Nobody can vouch for devices here' },
  invalid_request: { status: 400, message: 'The request cannot be read' },
  not_found: { status: 404, message: 'There is nothing here' },
  rate_limit: { status: 429, message: 'Too many sign-in attempts: wait and try again' },
  two_factor_required: { status: 400, message: 'A second factor is required' },
  device_recognition_required: { status: 400, message: 'The device must be confirmed' },
  unavailable: { status: 503, message: 'The service is not available now' },
  internal_error: { status: 500, message: 'Something failed inside' },
} as const;

function failure(code: keyof typeof ERRORS, status: number = ERRORS[code].status, more: object = {}): Reply {
  return { status, body: { code, message: ERRORS[code].message, ...more } };
}

const begin = (credential: Credential): Decoded => ({
  command: { kind: 'begin', credential, fingerprint: null },
});

/** Wrong lengths, a missing member, another type: answered as credentials that are wrong, to the byte and in time. */
const impossible = begin({ kind: 'impossible' });

const textOf = (field: Field): string | null => (field.state === 'text' ? field.value : null);

function decodeInstallation(data: unknown): Decoded {
  const installationId = textOf(readText(data, 'installationId', { min: 32, max: 128 }));
  const password = textOf(readText(data, 'password', { min: 32, max: 256 }));
  return installationId === null || password === null
    ? impossible
    : begin({ kind: 'installation', installationId, password });
}

function decodeResource(data: unknown): Decoded {
  const resource = textOf(readText(data, 'resource', { min: 4, max: 128 }));
  const match = resource === null ? null : /^voucher::(.+?)::code::(.+)$/su.exec(resource);
  const [, context, code] = match ?? [];
  if (resource === null || context === undefined || code === undefined) return impossible;
  return begin({ kind: 'resource-code', resource, context, code });
}

function decodePassword(data: unknown): Decoded {
  const email = textOf(readText(data, 'email', { min: 3, max: 128 }));
  const password = textOf(readText(data, 'password', { min: 8, max: 256 }));
  if (email === null || password === null) return impossible;
  return begin({
    kind: 'password',
    identifiers: [{ value: email, kinds: ['email'] }],
    password,
    accounts: 'one',
  });
}

function decodeSignIn(request: WireRequest): Decoded {
  const data = memberOf(request.body, 'data');
  switch (memberOf(request.body, 'type')) {
    case 'mobile-device':
      return decodeInstallation(data);
    case 'resource':
      return decodeResource(data);
    case 'email-password':
      return decodePassword(data);
    default:
      return { reply: failure('invalid_type') };
  }
}

function faultReply(fault: Fault): Reply {
  switch (fault) {
    case 'not-found':
      return failure('not_found');
    case 'unavailable':
      return failure('unavailable');
    case 'internal':
      return failure('internal_error');
    case 'unreadable':
    case 'too-large':
    case 'unsupported-media-type':
    case 'method-not-allowed':
      return failure('invalid_request', FAULT_STATUS[fault]);
  }
}

function claimsOf(principal: Principal): Record<string, unknown> {
  switch (principal.kind) {
    case 'account':
      return { userId: principal.view.account.user.id, role: principal.view.primary?.role.name ?? '' };
    case 'installation':
      return {
        deviceId: principal.id,
        ...(principal.view ? { userId: principal.view.account.user.id } : {}),
      };
    case 'resource':
      return { resource: principal.resource };
  }
}

/** Why nothing was made. A password or an address that cannot be one is answered like credentials that are wrong. */
const DECLINES: Readonly<
  Partial<Record<Extract<Outcome, { kind: 'declined' }>['reason'], keyof typeof ERRORS>>
> = {
  'sign-up-disabled': 'forbidden',
  'identifier-taken': 'taken',
  'attestation-unavailable': 'attestation_unavailable',
  'identifier-malformed': 'invalid_credentials',
  'username-not-allowed': 'invalid_credentials',
  'password-length': 'invalid_credentials',
  'password-listed': 'invalid_credentials',
};

/** The `credential-type` contract: one endpoint for devices, resource codes and people. */
export const credentialType: Contract = {
  name: 'credential-type',
  title: 'One endpoint for mobile devices, resource codes and people, answered with a token and nothing else',
  ticketForm: 'challenge',
  servesEveryMount: false,
  opaqueToken: false,
  revealsUnknownIdentity: false,
  signsUp: ['people', 'devices'],
  offersResendCode: false,
  defaults: { accessTokenSeconds: 3600, refreshTokenSeconds: null, requireValidatedEmail: false },

  endpoints: [
    {
      method: 'POST',
      path: '/api/v1/auth/sign-in',
      summary: 'Sign in as a mobile device, with a resource code, or by e-mail address and password',
      accepts: ['json'],
      describe: {
        request: Type.Union([
          Type.Object({
            type: Type.Literal('mobile-device'),
            data: Type.Object({
              installationId: Type.String({ minLength: 32, maxLength: 128 }),
              password: Type.String({ minLength: 32, maxLength: 256 }),
            }),
          }),
          Type.Object({
            type: Type.Literal('resource'),
            data: Type.Object({
              resource: Type.String({
                minLength: 4,
                maxLength: 128,
                description: 'voucher::<context>::code::<code>',
              }),
            }),
          }),
          Type.Object({
            type: Type.Literal('email-password'),
            data: Type.Object({
              email: Type.String({ minLength: 3, maxLength: 128 }),
              password: Type.String({ minLength: 8, maxLength: 256 }),
            }),
          }),
        ]),
        replies: { 200: Authorized },
      },
      decode: decodeSignIn,
    },
    {
      method: 'GET',
      path: '/api/v1/auth/get-challenge',
      summary: 'A challenge for a device’s platform to sign: single use, five minutes',
      accepts: [],
      describe: { replies: { 200: Challenge } },
      decode: () => ({ command: { kind: 'sign-up-challenge' } }),
    },
    {
      method: 'POST',
      path: '/api/v1/auth/sign-up',
      summary: 'Make an account or an installation, where the mount allows it',
      accepts: ['json'],
      describe: { request: SignUpRequest, replies: { 201: SignedUp } },
      needsSignUp: true,
      decode: (request) => decodeSignUp(request, failure),
    },
  ],

  encode: {
    'signed-in': ({ tokens }) => ({
      status: 200,
      body: { authorization: { token: tokens.accessToken } } satisfies Static<typeof Authorized>,
    }),
    'step-required': ({ step, ticket }) =>
      failure(step === 'device' ? 'device_recognition_required' : 'two_factor_required', 400, {
        challengeToken: ticket,
      }),
    refused: () => failure('invalid_credentials'),
    throttled: () => failure('rate_limit'),
    overloaded: () => failure('unavailable'),
    choices: neverSpoken,
    resent: neverSpoken,
    refreshed: neverSpoken,
    me: neverSpoken,
    'signed-out': neverSpoken,
    accepted: neverSpoken,
    done: neverSpoken,
    'signed-up': ({ id, role, at }) => ({
      status: 201,
      body: { id, role, createdAt: isoTime(at), updatedAt: isoTime(at) } satisfies Static<typeof SignedUp>,
    }),
    challenge: ({ challenge }) => ({ status: 200, body: { challenge } satisfies Static<typeof Challenge> }),
    declined: (outcome) => failure(DECLINES[outcome.reason] ?? neverSpoken(outcome)),
    validated: neverSpoken,
    ...nativeOnly,
  },

  fault: faultReply,

  claimNames: ['userId', 'role', 'deviceId', 'resource'],
  claims: claimsOf,
};
