import { type Static, Type } from 'typebox';
import {
  type Decoded,
  type Encoders,
  type Endpoint,
  IDENTIFIER_LIMIT,
  memberOf,
  NEW_PASSWORD_LIMIT,
  neverSpoken,
  type WireRequest,
} from '../contract.ts';
import { isEmpty, type Problems, post, readTexts, unprocessable } from './body.ts';

const CODE_LIMIT = 4096;

const Sent = Type.Object({ sent: Type.Literal(true) });

const Reset = Type.Object({
  data: Type.Object({ status_code: Type.Literal(200), message: Type.Literal('OK') }),
});

const NotFound = Type.Object({
  message: Type.Literal('Reset token not found.'),
  status_code: Type.Literal(404),
});

function decodeSendToken(request: WireRequest): Decoded {
  const problems: Problems = {};
  const { email } = readTexts(request, { email: IDENTIFIER_LIMIT }, problems);
  return isEmpty(problems)
    ? { command: { kind: 'forgot-password', identifier: { value: email, kinds: ['email'] } } }
    : { reply: unprocessable(problems) };
}

function decodeReset(request: WireRequest): Decoded {
  const problems: Problems = {};
  const limits = { means: CODE_LIMIT, token: CODE_LIMIT, password: NEW_PASSWORD_LIMIT };
  const { token, password } = readTexts(request, limits, problems);
  if (!Object.hasOwn(problems, 'means') && memberOf(request.body, 'means') !== 'token')
    problems.means = ['The means is invalid.'];
  return isEmpty(problems)
    ? { command: { kind: 'reset-password', code: token, password } }
    : { reply: unprocessable(problems) };
}

/** Forgotten passwords: a token is mailed, and sets a new one. */
export const passwordEndpoints: readonly Endpoint[] = [
  post(
    '/password/send-token',
    'Mail a token for a new password, if the address has an account',
    { request: Type.Object({ email: Type.String() }), replies: { 200: Sent } },
    decodeSendToken,
  ),
  post(
    '/password/reset',
    'Set a new password with the token',
    {
      request: Type.Object({
        means: Type.Literal('token'),
        token: Type.String(),
        password: Type.String(),
      }),
      replies: { 200: Reset, 404: NotFound },
    },
    decodeReset,
  ),
];

const PASSWORD_PROBLEMS = {
  'password-length': 'The password must be between 8 and 1024 characters.',
  'password-listed': 'The password is too easy to guess.',
  'password-reused': 'You cannot reuse old passwords.',
} as const;

/** How they are answered. */
export const passwordReplies: Pick<Encoders, 'accepted' | 'done' | 'declined'> = {
  accepted: () => ({ status: 200, body: { sent: true } satisfies Static<typeof Sent> }),
  done: () => ({
    status: 200,
    body: { data: { status_code: 200, message: 'OK' } } satisfies Static<typeof Reset>,
  }),
  declined: (outcome) => {
    switch (outcome.reason) {
      case 'reset-token-invalid':
        return {
          status: 404,
          body: { message: 'Reset token not found.', status_code: 404 } satisfies Static<typeof NotFound>,
        };
      case 'password-length':
      case 'password-listed':
      case 'password-reused':
        return unprocessable({ password: [PASSWORD_PROBLEMS[outcome.reason]] });
      default:
        return neverSpoken(outcome);
    }
  },
};
