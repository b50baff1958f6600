import type { Operations } from '../api-types.ts';
import { challengeStep } from '../challenge.ts';
import { memberOf, type Reply, textOf } from '../connection.ts';
import { type Dialect, pairOf } from '../dialect.ts';
import type { CallOptions, RefusalReason, SignInResult } from '../results.ts';
import type { Session } from '../session.ts';
import { type SessionCalls, sessionCalls } from '../session-calls.ts';

type Body = Operations['POST /api/v1/auth/sign-in']['reply'];
type Me = Operations['GET /v1/session']['reply'];

/** A client of the `credential-type` contract: it hands out no refresh token, so a session lasts as long as its token. */
export interface CredentialTypeClient extends SessionCalls<Body, Me> {
  /** Signs in as a mobile device, with a resource code, or by e-mail address and password: `type` says which. */
  signIn(
    request: Operations['POST /api/v1/auth/sign-in']['request'],
    options?: CallOptions,
  ): Promise<SignInResult<Body>>;
}

const REASONS: Readonly<Record<string, RefusalReason>> = {
  invalid_credentials: 'bad-credentials',
  invalid_type: 'invalid-input',
};

/** How the `credential-type` contract says things. */
export const credentialTypeDialect: Dialect = {
  tokensOf: (body) => pairOf(memberOf(memberOf(body, 'authorization'), 'token'), null),
  refresh: null,
  signOut: null,
  me: 'GET /v1/session',
  reasonOf,
};

function reasonOf({ status, body }: Reply): RefusalReason | null {
  const code = textOf(body, 'code');
  // The same code for a wrong method and a wrong type, which are not of the caller's making.
  if (code === 'invalid_request') return status === 400 || status === 413 ? 'invalid-input' : null;
  return REASONS[code] ?? null;
}

/** The calls of the `credential-type` contract. */
export function credentialTypeClient(session: Session): CredentialTypeClient {
  return {
    ...sessionCalls<Body, Me>(session),
    async signIn(request, { signal } = {}) {
      const reply = await session.send('POST /api/v1/auth/sign-in', request, { signal });
      if (reply.status === 200) return session.signedIn<Body>(reply);
      return stepOf(session, reply) ?? session.notDone(reply);
    },
  };
}

function stepOf(session: Session, { body }: Reply) {
  const token = textOf(body, 'challengeToken');
  if (token === '') return null;
  const isDevice = textOf(body, 'code') === 'device_recognition_required';
  return challengeStep<Body>(session, isDevice ? 'device' : 'second-factor', token);
}
