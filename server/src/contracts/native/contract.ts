import { type Static, Type } from 'typebox';
import type { ActiveSession, Outcome } from '../../sign-in/attempt.ts';
import {
  type Contract,
  type Decoded,
  FAULT_STATUS,
  type Fault,
  isoTime,
  neverSpoken,
  type Reply,
  readText,
  type Wire,
  type WireRequest,
} from '../contract.ts';

const TOKEN_LIMIT = 4096;
const CODE_LIMIT = 64;

const Session = Type.Object({
  active: Type.Literal(true),
  principal: Type.Object({ kind: Type.Enum(['account', 'installation', 'resource']), id: Type.String() }),
  account: Type.Optional(Type.String()),
  organisation: Type.Optional(Type.String()),
  role: Type.Optional(Type.String()),
  scopes: Type.Array(Type.String()),
  amr: Type.Array(Type.String()),
  issuedAt: Type.String(),
  expiresAt: Type.String(),
});
const Inactive = Type.Object({ active: Type.Literal(false) });
const Accepted = Type.Object({ accepted: Type.Literal(true) });
/** What completes a challenge is worded by the contract where it began. */
const OriginReply = Type.Object(
  {},
  { description: 'the success body of the contract where the sign-in began' },
);

const MESSAGES = {
  'bad-request': 'The request body is missing a member or cannot be read.',
  'invalid-code': 'The code is wrong.',
  'invalid-ticket': 'The challenge token is not valid, was used, or has expired.',
  'account-refused': 'The account cannot sign in now.',
  'not-found': 'There is nothing at this path.',
  'method-not-allowed': 'This path does not take that method.',
  'payload-too-large': 'The request body is too large.',
  'unsupported-media-type': 'The content type must be application/json.',
  'too-many-requests': 'Too many attempts. Try again later.',
  unavailable: 'The service is not available now. Try again later.',
  'internal-error': 'Something failed inside.',
} as const;

function failure(status: number, code: keyof typeof MESSAGES, wire: Wire): Reply {
  return { status, body: { error: { code, message: MESSAGES[code], requestId: wire.requestId } } };
}

const FAULT_CODES: Readonly<Record<Fault, keyof typeof MESSAGES>> = {
  unreadable: 'bad-request',
  'not-found': 'not-found',
  'method-not-allowed': 'method-not-allowed',
  'too-large': 'payload-too-large',
  'unsupported-media-type': 'unsupported-media-type',
  unavailable: 'unavailable',
  internal: 'internal-error',
};

const inactive: Reply = { status: 401, body: { active: false } satisfies Static<typeof Inactive> };

function decodeVerify(request: WireRequest): Decoded {
  const ticket = readText(request.body, 'challenge_token', { max: TOKEN_LIMIT });
  const code = readText(request.body, 'code', { max: CODE_LIMIT });
  if (ticket.state !== 'text' || code.state !== 'text') return { fault: 'unreadable' };
  return {
    command: { kind: 'prove', ticket: ticket.value, code: code.value, step: null, fingerprint: null },
  };
}

function decodeResend(request: WireRequest): Decoded {
  const ticket = readText(request.body, 'challenge_token', { max: TOKEN_LIMIT });
  return ticket.state === 'text'
    ? { command: { kind: 'resend', ticket: ticket.value } }
    : { fault: 'unreadable' };
}

function decodeSession(request: WireRequest): Decoded {
  return request.bearer === null
    ? { reply: inactive }
    : { command: { kind: 'inspect', token: request.bearer } };
}

function sessionReply(session: ActiveSession): Reply {
  const body: Static<typeof Session> = {
    active: true,
    principal: { ...session.principal },
    ...(session.account === null ? {} : { account: session.account }),
    ...(session.organisation === null ? {} : { organisation: session.organisation }),
    ...(session.role === null ? {} : { role: session.role }),
    scopes: [...session.scopes],
    amr: [...session.methods],
    issuedAt: isoTime(session.issuedAt),
    expiresAt: isoTime(session.expiresAt),
  };
  return { status: 200, body };
}

function refusal({ reason }: Extract<Outcome, { kind: 'refused' }>, wire: Wire): Reply {
  switch (reason) {
    case 'token-expired':
    case 'token-invalid':
      return inactive;
    case 'code-invalid':
      return failure(401, 'invalid-code', wire);
    case 'ticket-invalid':
    case 'bad-credentials':
    case 'unknown-identity':
      return failure(401, 'invalid-ticket', wire);
    case 'account-inactive':
    case 'account-not-validated':
    case 'organisation-suspended':
      return failure(403, 'account-refused', wire);
  }
}

/** The native API: what our own clients speak, and what completes the steps that other contracts have no field for. */
export const native: Contract = {
  name: 'native',
  title: 'The native API: challenges and introspection',
  ticketForm: 'challenge',
  completesChallenges: true,
  opaqueToken: false,
  revealsUnknownIdentity: false,
  offersResendCode: false,
  defaults: { accessTokenSeconds: 3600, refreshTokenSeconds: 30 * 86_400, requireValidatedEmail: false },

  endpoints: [
    {
      method: 'POST',
      path: '/v1/challenges/verify',
      summary: 'Complete a sign-in that asked for a step; answers as the contract where it began',
      accepts: ['json'],
      answersForOrigin: true,
      describe: {
        request: Type.Object({ challenge_token: Type.String(), code: Type.String() }),
        replies: { 200: OriginReply },
      },
      decode: decodeVerify,
    },
    {
      method: 'POST',
      path: '/v1/challenges/resend',
      summary: 'Mail a new code, at most one in 30 seconds',
      accepts: ['json'],
      describe: { request: Type.Object({ challenge_token: Type.String() }), replies: { 202: Accepted } },
      decode: decodeResend,
    },
    {
      method: 'GET',
      path: '/v1/session',
      summary:
        'Tell what stands behind a bearer token now: an access token of any mount, or an opaque session token',
      accepts: [],
      describe: { bearer: true, replies: { 200: Session, 401: Inactive } },
      decode: decodeSession,
    },
  ],

  encode: {
    active: ({ session }) => sessionReply(session),
    resent: () => ({ status: 202, body: { accepted: true } satisfies Static<typeof Accepted> }),
    refused: refusal,
    throttled: (_, wire) => failure(429, 'too-many-requests', wire),
    overloaded: (_, wire) => failure(503, 'unavailable', wire),
    'signed-in': neverSpoken,
    'step-required': neverSpoken,
    choices: neverSpoken,
    refreshed: neverSpoken,
  },

  fault: (fault, wire) => failure(FAULT_STATUS[fault], FAULT_CODES[fault], wire),

  claims: () => ({}),
};
