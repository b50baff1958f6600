import { type Static, Type } from 'typebox';
import { type Decoded, type Encoders, type Endpoint, readText, type WireRequest } from '../contract.ts';
import { failure } from './failure.ts';
import { Accepted, OriginReply } from './shapes.ts';

/** The longest token that is read. */
export const TOKEN_LIMIT = 4096;
/** The longest code that is read. */
export const CODE_LIMIT = 64;

function decodeVerify(request: WireRequest): Decoded {
  const ticket = readText(request.body, 'challenge_token', { max: TOKEN_LIMIT });
  const code = readText(request.body, 'code', { max: CODE_LIMIT });
  if (ticket.state !== 'text' || code.state !== 'text') return { fault: 'unreadable' };
  return {
    command: {
      kind: 'prove',
      ticket: ticket.value,
      proof: { kind: 'code', code: code.value },
      step: null,
      fingerprint: null,
    },
    echo: { proves: 'yes' },
  };
}

function decodeResend(request: WireRequest): Decoded {
  const ticket = readText(request.body, 'challenge_token', { max: TOKEN_LIMIT });
  return ticket.state === 'text'
    ? { command: { kind: 'resend', ticket: ticket.value } }
    : { fault: 'unreadable' };
}

/** What completes the steps of contracts that have no field for them. */
export const challengeEndpoints: readonly Endpoint[] = [
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
];

/** How challenges are answered. */
export const challengeReplies: Pick<Encoders, 'resent' | 'step-required'> = {
  resent: () => ({ status: 202, body: { accepted: true } satisfies Static<typeof Accepted> }),
  'step-required': ({ step, ticket }, wire) => {
    const code = step === 'device' ? 'device-required' : 'second-factor-required';
    const { status, body } = failure(403, code, wire);
    return { status, body: { ...body, challenge_token: ticket } };
  },
};
