import type { Operations } from '../api-types.ts';
import { memberOf, type Reply, type Sending, textOf } from '../connection.ts';
import { type Dialect, pairOf } from '../dialect.ts';
import { UnexpectedReplyError } from '../errors.ts';
import type { CallOptions, Device, RefusalReason, SecondFactor, SignInResult } from '../results.ts';
import type { Session } from '../session.ts';
import { type SessionCalls, sessionCalls } from '../session-calls.ts';
import { notDone } from '../settle.ts';

type Body = Operations['POST /identity/sign-in']['reply'];
type Me = Operations['GET /v1/session']['reply'];

/** A client of the `fingerprint` contract. */
export interface FingerprintClient extends SessionCalls<Body, Me> {
  /** Signs in by user name or e-mail address, from the device that the client was made for. */
  signIn(
    request: Operations['POST /identity/sign-in']['request'],
    options?: CallOptions,
  ): Promise<SignInResult<Body>>;
}

/** How the `fingerprint` contract says things. */
export const fingerprintDialect: Dialect = {
  tokensOf(body) {
    const data = memberOf(body, 'data');
    return pairOf(memberOf(data, 'token'), memberOf(data, 'refreshToken'));
  },
  refresh: {
    operation: 'POST /identity/refresh-token',
    request: (refreshToken) => ({ refreshToken }),
  },
  signOut: 'POST /identity/sign-out',
  me: 'GET /v1/session',
  reasonOf: (reply) => (reply.status === 401 ? 'bad-credentials' : otherReason(reply)),
};

function otherReason({ status }: Reply): RefusalReason | null {
  if (status === 403) return 'account-refused';
  return status === 400 || status === 413 ? 'invalid-input' : null;
}

/** It does not tell a wrong code from a step that is over. */
const stepReason = (reply: Reply) => (reply.status === 401 ? 'invalid-code' : otherReason(reply));

/**
 * The calls of the `fingerprint` contract.
 * @param fingerprint what tells this device from others
 * @throws TypeError when it is none: 1 to 256 printable ASCII characters
 */
export function fingerprintClient(session: Session, fingerprint: string): FingerprintClient {
  // Also for callers without types: undefined would be sent as a word.
  if (typeof fingerprint !== 'string' || !/^[\x20-\x7e]{1,256}$/.test(fingerprint))
    throw new TypeError('the fingerprint must be 1 to 256 printable ASCII characters');
  const headers = { 'x-fingerprint-id': fingerprint };
  return {
    ...sessionCalls<Body, Me>(session),
    async signIn(request, { signal } = {}) {
      const reply = await session.send('POST /identity/sign-in', request, { headers, signal });
      if (reply.status !== 200) return session.notDone(reply);
      switch (observationOf(reply)) {
        case 1:
          return session.signedIn<Body>(reply);
        case 2:
          return step(session, 'second-factor', reply, headers);
        case 3:
          return step(session, 'device', reply, headers);
        default:
          throw new UnexpectedReplyError(reply.operation, reply.status, reply.body);
      }
    },
  };
}

function observationOf({ body }: Reply): unknown {
  return memberOf(memberOf(memberOf(body, 'data'), 'observation'), 'code');
}

const PROOFS = {
  'second-factor': 'POST /accounts/verify-2fa',
  device: 'POST /identity/recognize-device',
} as const;

/** A step with the step-up token that stands where the access token would. */
function step(
  session: Session,
  kind: keyof typeof PROOFS,
  { body }: Reply,
  headers: NonNullable<Sending['headers']>,
): SecondFactor<Body> | Device<Body> {
  const bearer = textOf(memberOf(body, 'data'), 'token');
  return {
    kind,
    async prove(code, { signal } = {}) {
      const reply = await session.send(PROOFS[kind], { code }, { bearer, headers, signal });
      return reply.status === 200 ? session.signedIn<Body>(reply) : notDone(reply, stepReason);
    },
    async resend({ signal } = {}) {
      const reply = await session.send('POST /accounts/resend-code', null, { bearer, signal });
      return reply.status === 200 ? { kind: 'sent' } : notDone(reply, stepReason);
    },
  };
}
