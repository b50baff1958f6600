import { type Static, Type } from 'typebox';
import {
  type Decoded,
  type Encoders,
  type Endpoint,
  IDENTIFIER_LIMIT,
  PASSWORD_LIMIT,
  readText,
  type WireRequest,
} from '../contract.ts';
import { TOKEN_LIMIT } from './bearer.ts';
import { CODE_LIMIT } from './challenges.ts';
import { CodeSent, Tokens } from './shapes.ts';

const NAME_LIMIT = 254;

function decodeBegin(request: WireRequest): Decoded {
  const email = readText(request.body, 'email', { max: IDENTIFIER_LIMIT });
  const password = readText(request.body, 'password', { max: PASSWORD_LIMIT });
  const username = readText(request.body, 'username', { max: IDENTIFIER_LIMIT });
  const name = readText(request.body, 'name', { max: NAME_LIMIT });
  if (email.state !== 'text' || password.state !== 'text') return { fault: 'unreadable' };
  if ([username, name].some(({ state }) => state !== 'text' && state !== 'missing'))
    return { fault: 'unreadable' };
  const registrant = {
    email: email.value,
    username: username.state === 'text' ? username.value : null,
    password: password.value,
    user: { name: name.state === 'text' ? name.value : '', firstName: null, lastName: null },
  };
  return { command: { kind: 'begin-sign-up', registrant } };
}

function decodeConfirm(request: WireRequest): Decoded {
  const ticket = readText(request.body, 'challenge_token', { max: TOKEN_LIMIT });
  const code = readText(request.body, 'code', { max: CODE_LIMIT });
  if (ticket.state !== 'text' || code.state !== 'text') return { fault: 'unreadable' };
  return {
    command: { kind: 'confirm-sign-up', ticket: ticket.value, code: code.value },
    echo: { signedUp: 'yes' },
  };
}

/** Making an account: nothing is made before the address is proven. */
export const signUpEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/v1/sign-up',
    summary: 'Begin to make an account: a code goes to the address, whether or not it is known',
    accepts: ['json'],
    describe: {
      request: Type.Object({
        email: Type.String(),
        password: Type.String(),
        username: Type.Optional(Type.String()),
        name: Type.Optional(Type.String()),
      }),
      replies: { 202: CodeSent },
    },
    decode: decodeBegin,
  },
  {
    method: 'POST',
    path: '/v1/sign-up/confirm',
    summary: 'Make the account with the code that was mailed, and sign in',
    accepts: ['json'],
    describe: {
      request: Type.Object({ challenge_token: Type.String(), code: Type.String() }),
      replies: { 201: Tokens },
    },
    decode: decodeConfirm,
  },
];

/** How they are answered. */
export const signUpReplies: Pick<Encoders, 'code-sent'> = {
  'code-sent': ({ ticket }) => ({
    status: 202,
    body: { challenge_token: ticket } satisfies Static<typeof CodeSent>,
  }),
};
