import type { Operations } from '../api-types.ts';
import { memberOf, type Reply, textOf } from '../connection.ts';
import { type Dialect, pairOf } from '../dialect.ts';
import { UnexpectedReplyError } from '../errors.ts';
import type { CallOptions, Choices, NotDone, RefusalReason, SecondFactor, SignedIn } from '../results.ts';
import type { Session } from '../session.ts';
import { type SessionCalls, sessionCalls } from '../session-calls.ts';

type Body = Operations['POST /auth/sign-in-with-2fa']['reply'];
type Me = Operations['GET /v1/session']['reply'];
type Roles = Operations['POST /auth/sign-in-verify']['reply']['result'];

/** A client of the `role-picker` contract. */
export interface RolePickerClient extends SessionCalls<Body, Me> {
  /** Finds the roles that a password opens: then one of them is picked. */
  verify(
    request: Operations['POST /auth/sign-in-verify']['request'],
    options?: CallOptions,
  ): Promise<Choices | NotDone>;
  /** Signs in with a granted role. Its login token is good for ten minutes, and once. */
  pick(
    role: Operations['POST /auth/sign-in']['request'],
    options?: CallOptions,
  ): Promise<SignedIn<Body> | SecondFactor<Body> | NotDone>;
}

/** Every refusal is 401: the sentence tells them apart. */
const REASONS: Readonly<Record<string, RefusalReason>> = {
  'No user(s) found.': 'unknown-identity',
  'Account is inactive.': 'account-refused',
  'Organisation is suspended.': 'account-refused',
  'Account is not validated.': 'account-not-validated',
  'Provided login token is invalid.': 'invalid-ticket',
  'Provided pin is invalid.': 'invalid-code',
};

/** How the `role-picker` contract says things. */
export const rolePickerDialect: Dialect = {
  tokensOf: (body) => pairOf(memberOf(body, 'token'), memberOf(body, 'refreshToken')),
  refresh: { operation: 'POST /auth/refresh', request: (refreshToken) => ({ refreshToken }) },
  signOut: 'POST /auth/sign-out',
  me: 'GET /v1/session',
  reasonOf,
};

function reasonOf({ status, body }: Reply): RefusalReason | null {
  if (status === 401) return REASONS[textOf(body, 'message')] ?? 'bad-credentials';
  return status === 400 || status === 413 || status === 422 ? 'invalid-input' : null;
}

/** The calls of the `role-picker` contract. */
export function rolePickerClient(session: Session): RolePickerClient {
  return {
    ...sessionCalls<Body, Me>(session),
    async verify(request, { signal } = {}) {
      const reply = await session.send('POST /auth/sign-in-verify', request, { signal });
      if (reply.status !== 200) return session.notDone(reply);
      const result = memberOf(reply.body, 'result');
      if (!Array.isArray(result)) throw new UnexpectedReplyError(reply.operation, reply.status, reply.body);
      const [granted, refused] = result as unknown as Roles;
      return { kind: 'choices', granted, refused };
    },
    async pick({ loginToken, is2FAEnabled }, { signal } = {}) {
      const reply = await session.send('POST /auth/sign-in', { loginToken, is2FAEnabled }, { signal });
      if (reply.status !== 200) return session.notDone(reply);
      const isPinDue =
        memberOf(reply.body, 'is2FAEnabled') === true && memberOf(reply.body, 'token') === undefined;
      return isPinDue ? pinStep(session, textOf(reply.body, 'loginToken')) : session.signedIn<Body>(reply);
    },
  };
}

/** A PIN is due: a mailed code, or the one that an authenticator shows. */
function pinStep(session: Session, loginToken: string): SecondFactor<Body> {
  return {
    kind: 'second-factor',
    async prove(pin, { signal } = {}) {
      const reply = await session.send('POST /auth/sign-in-with-2fa', { loginToken, pin }, { signal });
      return reply.status === 200 ? session.signedIn<Body>(reply) : session.notDone(reply);
    },
    async resend({ signal } = {}) {
      const reply = await session.send('POST /auth/resend-2fa', { loginToken }, { signal });
      return reply.status === 200 ? { kind: 'sent' } : session.notDone(reply);
    },
  };
}
