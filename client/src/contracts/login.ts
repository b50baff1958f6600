import type { Operations } from '../api-types.ts';
import { challengeStep } from '../challenge.ts';
import { memberOf, type Reply, textOf } from '../connection.ts';
import { type Dialect, pairOf } from '../dialect.ts';
import type { CallOptions, RefusalReason, SignInResult } from '../results.ts';
import type { Session } from '../session.ts';
import { type SessionCalls, sessionCalls } from '../session-calls.ts';

type Body = Operations['POST /auth/login']['reply'];
type Me = Operations['GET /auth/me']['reply'];

/** A client of the `login` contract. */
export interface LoginClient extends SessionCalls<Body, Me> {
  /** Signs in by user name, e-mail address or phone number: `username` is any of them. */
  signIn(
    request: Operations['POST /auth/login']['request'],
    options?: CallOptions,
  ): Promise<SignInResult<Body>>;
}

const REASONS: Readonly<Record<string, RefusalReason>> = {
  'bad-request': 'invalid-input',
  'payload-too-large': 'invalid-input',
  'bad-credentials': 'bad-credentials',
  'account-not-validated': 'account-not-validated',
  'inactive-account': 'account-refused',
};

/** How the `login` contract says things. */
export const loginDialect: Dialect = {
  tokensOf: (body) => pairOf(memberOf(body, 'access_token'), memberOf(body, 'refresh_token')),
  refresh: {
    operation: 'POST /auth/refresh-token',
    request: (refresh_token) => ({ refresh_token }),
  },
  signOut: 'POST /auth/logout',
  me: 'GET /auth/me',
  reasonOf: ({ body }) => REASONS[textOf(body, 'error_code')] ?? null,
};

/** The calls of the `login` contract. */
export function loginClient(session: Session): LoginClient {
  return {
    ...sessionCalls<Body, Me>(session),
    async signIn(request, { signal } = {}) {
      const reply = await session.send('POST /auth/login', request, { signal });
      if (reply.status === 200) return session.signedIn<Body>(reply);
      return stepOf(session, reply) ?? session.notDone(reply);
    },
  };
}

function stepOf(session: Session, { body }: Reply) {
  const token = textOf(memberOf(body, 'extra_attributes'), 'challenge_token');
  if (token === '') return null;
  const isDevice = textOf(body, 'error_code') === 'device-recognition-required';
  return challengeStep<Body>(session, isDevice ? 'device' : 'second-factor', token);
}
