import { Type } from 'typebox';
import type { AddressKind } from '../../commands/address.ts';
import { type Decoded, type Endpoint, IDENTIFIER_LIMIT, readText, type WireRequest } from '../contract.ts';
import { TOKEN_LIMIT, withBearer } from './bearer.ts';
import { CODE_LIMIT } from './challenges.ts';
import { CodeSent } from './shapes.ts';

function decodeChange(request: WireRequest, kind: AddressKind): Decoded {
  const to = readText(request.body, kind, { max: IDENTIFIER_LIMIT });
  if (to.state !== 'text') return { fault: 'unreadable' };
  return { command: { kind: 'change-address', token: request.bearer ?? '', address: kind, to: to.value } };
}

function decodeConfirm(request: WireRequest, kind: AddressKind): Decoded {
  const ticket = readText(request.body, 'challenge_token', { max: TOKEN_LIMIT });
  const code = readText(request.body, 'code', { max: CODE_LIMIT });
  if (ticket.state !== 'text' || code.state !== 'text') return { fault: 'unreadable' };
  const token = request.bearer ?? '';
  return {
    command: { kind: 'confirm-address', token, address: kind, ticket: ticket.value, code: code.value },
  };
}

interface Words {
  readonly name: string;
  readonly sent: string;
}

const endpointsOf = (kind: AddressKind, { name, sent }: Words): readonly Endpoint[] => [
  {
    method: 'POST',
    path: `/v1/${kind}/validate`,
    summary: `Begin to prove the account’s ${name}: a code is ${sent}`,
    accepts: ['json'],
    describe: { bearer: true, replies: { 202: CodeSent } },
    decode: withBearer((token) => ({ kind: 'validate-address', token, address: kind })),
  },
  {
    method: 'POST',
    path: `/v1/${kind}`,
    summary: `Begin to give the account another ${name}: a code is ${sent} to it. Wants a session that is fresh`,
    accepts: ['json'],
    describe: {
      request: Type.Object({ [kind]: Type.String() }),
      bearer: true,
      replies: { 202: CodeSent },
    },
    decode: (request) => decodeChange(request, kind),
  },
  {
    method: 'POST',
    path: `/v1/${kind}/confirm`,
    summary: `Prove the ${name} with the code that was ${sent}`,
    accepts: ['json'],
    describe: {
      request: Type.Object({ challenge_token: Type.String(), code: Type.String() }),
      bearer: true,
      replies: { 204: null },
    },
    decode: (request) => decodeConfirm(request, kind),
  },
];

/** Where an account can be reached: proven by a code, and changed. Answered as signing up is, or with 204. */
export const addressEndpoints: readonly Endpoint[] = [
  ...endpointsOf('email', { name: 'e-mail address', sent: 'mailed' }),
  ...endpointsOf('phone', { name: 'phone number', sent: 'sent as a text message' }),
];
