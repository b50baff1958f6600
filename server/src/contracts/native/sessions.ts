import { type Static, Type } from 'typebox';
import type { ActiveSession, OwnSession } from '../../sign-in/attempt.ts';
import {
  type Decoded,
  type Encoders,
  type Endpoint,
  isoTime,
  memberOf,
  ORGANISATION_HEADER,
  organisationHeader,
  PASSWORD_LIMIT,
  type Reply,
  readText,
  type WireRequest,
} from '../contract.ts';
import { withBearer } from './bearer.ts';
import { inactive } from './failure.ts';
import { forwardReply } from './forward-auth.ts';
import { Ended, Inactive, Session, Sessions, StepDue, Tokens } from './shapes.ts';

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

function decodeProve(request: WireRequest): Decoded {
  const password = readText(request.body, 'password', { max: PASSWORD_LIMIT });
  if (password.state !== 'text') return { fault: 'unreadable' };
  return { command: { kind: 'prove-again', token: request.bearer ?? '', password: password.value } };
}

function ownSession(session: OwnSession): Static<typeof Sessions>['sessions'][number] {
  const { id, isCurrent, mount, device, address, userAgent, organisation, role } = session;
  const times = { createdAt: isoTime(session.createdAt), lastUsedAt: isoTime(session.lastUsedAt) };
  return { id, current: isCurrent, mount, device, address, userAgent, organisation, role, ...times };
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

/** What stands behind a token, and the sessions of an account. */
export const sessionEndpoints: readonly Endpoint[] = [
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
      replies: { 200: Tokens, 403: StepDue },
    },
    decode: decodeSwitch,
  },
  {
    method: 'POST',
    path: '/v1/session/prove',
    summary:
      'Show the password again, for changes that want a fresh proof: a new session in the place of this one',
    accepts: ['json'],
    describe: {
      request: Type.Object({ password: Type.String() }),
      bearer: true,
      replies: { 200: Tokens, 403: StepDue },
    },
    decode: decodeProve,
  },
];

/** How they are answered. */
export const sessionReplies: Pick<Encoders, 'active' | 'sessions' | 'sessions-ended'> = {
  active: ({ session }, wire) =>
    wire.echo.forwarded === undefined ? sessionReply(session) : forwardReply(session),
  sessions: ({ sessions }) => ({
    status: 200,
    body: { sessions: sessions.map(ownSession) } satisfies Static<typeof Sessions>,
  }),
  'sessions-ended': ({ count }, wire) =>
    wire.echo.one === undefined
      ? { status: 200, body: { ended: count } satisfies Static<typeof Ended> }
      : { status: 204, body: null },
};
