import { type Static, Type } from 'typebox';
import type { ActiveSession, Command, Outcome, OwnSession } from '../../sign-in/attempt.ts';
import {
  type Contract,
  type Decoded,
  FAULT_STATUS,
  type Fault,
  isoTime,
  memberOf,
  neverSpoken,
  ORGANISATION_HEADER,
  organisationHeader,
  type Reply,
  readText,
  type Wire,
  type WireRequest,
} from '../contract.ts';
import { forwardReply } from './forward-auth.ts';
import { Accepted, Ended, Inactive, OriginReply, Session, Sessions, StepDue, Switched } from './shapes.ts';

const TOKEN_LIMIT = 4096;
const CODE_LIMIT = 64;

const MESSAGES = {
  'bad-request': 'The request body is missing a member or cannot be read.',
  'invalid-code': 'The code is wrong.',
  'invalid-ticket': 'The challenge token is not valid, was used, or has expired.',
  'account-refused': 'The account cannot sign in now.',
  unauthorised: 'The bearer token is missing or not good now.',
  'no-such-role': 'The account does not have that role.',
  'second-factor-required': 'That role asks for a second factor.',
  'device-required': 'The device must be recognised.',
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
    echo: { proves: 'yes' },
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
    : {
        command: { kind: 'inspect', token: request.bearer, organisation: organisationHeader(request) },
        echo: { inspects: 'yes' },
      };
}

/** The same for a proxy, which takes headers and no body. */
function decodeForwardAuth(request: WireRequest): Decoded {
  const decoded = decodeSession(request);
  return 'command' in decoded ? { ...decoded, echo: { ...decoded.echo, forwarded: 'yes' } } : decoded;
}

/** A command for whoever the bearer token is for. */
function withBearer(
  command: (token: string, request: WireRequest) => Command,
): (request: WireRequest) => Decoded {
  return (request) => ({ command: command(request.bearer ?? '', request) });
}

const ORGANISATION_LIMIT = 64;
const ROLE_LIMIT = 254;

function decodeSwitch(request: WireRequest): Decoded {
  const role = readText(request.body, 'role', { max: ROLE_LIMIT });
  const organisation = readText(request.body, 'organisation', { max: ORGANISATION_LIMIT });
  const isOwn = memberOf(request.body, 'organisation') === null;
  if (role.state !== 'text' || (organisation.state !== 'text' && !isOwn)) return { fault: 'unreadable' };
  const meant = organisation.state === 'text' ? organisation.value : null;
  return {
    command: { kind: 'switch', token: request.bearer ?? '', organisation: meant, role: role.value },
  };
}

function ownSession(session: OwnSession): Static<typeof Sessions>['sessions'][number] {
  const { id, isCurrent, mount, device, address, userAgent, organisation, role } = session;
  const times = { createdAt: isoTime(session.createdAt), lastUsedAt: isoTime(session.lastUsedAt) };
  return { id, current: isCurrent, mount, device, address, userAgent, organisation, role, ...times };
}

function switched({ principal, tokens }: Extract<Outcome, { kind: 'signed-in' }>): Reply {
  const picked = principal.kind === 'account' ? principal.picked : null;
  const body: Static<typeof Switched> = {
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken,
    organisation: picked?.organisation?.id ?? null,
    role: picked?.role?.name ?? '',
  };
  return { status: 200, body };
}

function stepDue({ step, ticket }: Extract<Outcome, { kind: 'step-required' }>, wire: Wire): Reply {
  const { status, body } = failure(
    403,
    step === 'device' ? 'device-required' : 'second-factor-required',
    wire,
  );
  return { status, body: { ...body, challenge_token: ticket } };
}

function sessionReply(session: ActiveSession): Reply {
  const body: Static<typeof Session> = {
    active: true,
    principal: { ...session.principal },
    ...(session.account === null ? {} : { account: session.account }),
    ...(session.organisation === null ? {} : { organisation: session.organisation }),
    ...(session.role === null ? {} : { role: session.role }),
    ...(session.effectiveOrganisation === null
      ? {}
      : { effectiveOrganisation: session.effectiveOrganisation }),
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
      return wire.echo.inspects === undefined ? failure(401, 'unauthorised', wire) : inactive;
    case 'no-such-session':
      return failure(404, 'not-found', wire);
    case 'no-such-role':
      return failure(403, 'no-such-role', wire);
    case 'code-invalid':
      return failure(401, 'invalid-code', wire);
    case 'ticket-invalid':
    case 'bad-credentials':
    case 'unknown-identity':
      return failure(401, 'invalid-ticket', wire);
    case 'account-inactive':
    case 'account-not-validated':
    case 'organisation-suspended':
      // Whoever holds a challenge is told of the challenge only.
      return wire.echo.proves === undefined
        ? failure(403, 'account-refused', wire)
        : failure(401, 'invalid-ticket', wire);
  }
}

/** The native API: what our own clients speak, and what completes the steps that other contracts have no field for. */
export const native: Contract = {
  name: 'native',
  title: 'The native API: challenges, introspection and sessions',
  ticketForm: 'challenge',
  servesEveryMount: true,
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
      describe: { bearer: true, headers: [ORGANISATION_HEADER], replies: { 200: Session, 401: Inactive } },
      decode: decodeSession,
    },
    {
      method: 'GET',
      path: '/v1/forward-auth',
      summary: 'The same for a proxy: 200 with identity headers, or 401 without',
      accepts: [],
      describe: { bearer: true, headers: [ORGANISATION_HEADER], replies: { 200: null, 401: Inactive } },
      decode: decodeForwardAuth,
    },
    {
      method: 'GET',
      path: '/v1/sessions',
      summary: 'The account’s sessions, those used last first',
      accepts: [],
      describe: { bearer: true, replies: { 200: Sessions } },
      decode: withBearer((token) => ({ kind: 'list-sessions', token })),
    },
    {
      method: 'DELETE',
      path: '/v1/sessions/:id',
      summary: 'End one of the account’s sessions',
      accepts: [],
      describe: { bearer: true, replies: { 204: null } },
      decode: (request) => ({
        command: { kind: 'end-session', token: request.bearer ?? '', sessionId: request.param('id') },
        echo: { one: 'yes' },
      }),
    },
    {
      method: 'DELETE',
      path: '/v1/sessions',
      summary: 'End all of the account’s sessions but this one',
      accepts: [],
      describe: { bearer: true, replies: { 200: Ended } },
      decode: withBearer((token) => ({ kind: 'end-other-sessions', token })),
    },
    {
      method: 'POST',
      path: '/v1/session/switch',
      summary: 'Go on in another role of the same account, in a session that takes the place of this one',
      accepts: ['json'],
      describe: {
        request: Type.Object({
          organisation: Type.Union([Type.String(), Type.Null()]),
          role: Type.String(),
        }),
        bearer: true,
        replies: { 200: Switched, 403: StepDue },
      },
      decode: decodeSwitch,
    },
  ],

  encode: {
    active: ({ session }, wire) =>
      wire.echo.forwarded === undefined ? sessionReply(session) : forwardReply(session),
    resent: () => ({ status: 202, body: { accepted: true } satisfies Static<typeof Accepted> }),
    refused: refusal,
    throttled: (_, wire) => failure(429, 'too-many-requests', wire),
    overloaded: (_, wire) => failure(503, 'unavailable', wire),
    'signed-in': switched,
    'step-required': stepDue,
    sessions: ({ sessions }) => ({
      status: 200,
      body: { sessions: sessions.map(ownSession) } satisfies Static<typeof Sessions>,
    }),
    'sessions-ended': ({ count }, wire) =>
      wire.echo.one === undefined
        ? { status: 200, body: { ended: count } satisfies Static<typeof Ended> }
        : { status: 204, body: null },
    choices: neverSpoken,
    refreshed: neverSpoken,
    'signed-out': neverSpoken,
    me: neverSpoken,
  },

  fault: (fault, wire) => failure(FAULT_STATUS[fault], FAULT_CODES[fault], wire),

  claims: () => ({}),
};
