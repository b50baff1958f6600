import type { Operations } from '../api-types.ts';
import { challengeStep } from '../challenge.ts';
import { memberOf, type Reply, textOf } from '../connection.ts';
import { type Dialect, pairOf } from '../dialect.ts';
import type { CallOptions, RefusalReason, SignInResult } from '../results.ts';
import type { Session } from '../session.ts';
import { type SessionCalls, sessionCalls } from '../session-calls.ts';

type Body = Operations['POST /api/v1/auths/sign-in']['reply'];
type Me = Operations['GET /api/v1/auths/me']['reply'];

/** A client of the `profile` contract. */
export interface ProfileClient extends SessionCalls<Body, Me> {
  /** Signs in by e-mail address or user name; with both, they must name the same account. */
  signIn(
    request: Operations['POST /api/v1/auths/sign-in']['request'],
    options?: CallOptions,
  ): Promise<SignInResult<Body>>;
}

/** How the `profile` contract says things. */
export const profileDialect: Dialect = {
  tokensOf: (body) => pairOf(memberOf(body, 'accessToken'), memberOf(body, 'refreshToken')),
  refresh: {
    operation: 'POST /api/v1/auths/refresh',
    request: (refreshToken) => ({ refreshToken }),
  },
  signOut: 'POST /api/v1/auths/sign-out',
  me: 'GET /api/v1/auths/me',
  reasonOf,
};

/** The status says it; the two states that both are 403 differ in their sentence only. */
function reasonOf({ status, body }: Reply): RefusalReason | null {
  switch (status) {
    case 400:
    case 413:
      return 'invalid-input';
    case 401:
      return 'bad-credentials';
    case 403:
      return textOf(body, 'message') === 'Account is not validated.'
        ? 'account-not-validated'
        : 'account-refused';
    default:
      return null;
  }
}

/** The calls of the `profile` contract. */
export function profileClient(session: Session): ProfileClient {
  return {
    ...sessionCalls<Body, Me>(session),
    async signIn(request, { signal } = {}) {
      const reply = await session.send('POST /api/v1/auths/sign-in', request, { signal });
      if (reply.status === 200) return session.signedIn<Body>(reply);
      return stepOf(session, reply) ?? session.notDone(reply);
    },
  };
}

function stepOf(session: Session, { body }: Reply) {
  const token = textOf(body, 'challengeToken');
  if (token === '') return null;
  const isDevice = textOf(body, 'message') === 'Device verification required.';
  return challengeStep<Body>(session, isDevice ? 'device' : 'second-factor', token);
}
