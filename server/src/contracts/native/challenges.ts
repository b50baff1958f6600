import { type Static, Type } from 'typebox';
import {
  type Decoded,
  type Encoders,
  type Endpoint,
  memberOf,
  readText,
  type WireRequest,
} from '../contract.ts';
import { TOKEN_LIMIT } from './bearer.ts';
import { failure } from './failure.ts';
import { PASSKEY_ECHO, readAssertion } from './passkeys.ts';
import { Accepted, AssertionBody, OriginReply } from './shapes.ts';

/** The longest code that is read. */
export const CODE_LIMIT = 64;

function decodeVerify(request: WireRequest): Decoded {
  const ticket = readText(request.body, 'challenge_token', { max: TOKEN_LIMIT });
  if (ticket.state !== 'text') return { fault: 'unreadable' };
  const step = { kind: 'prove', ticket: ticket.value, step: null, fingerprint: null } as const;
  const code = readText(request.body, 'code', { max: CODE_LIMIT });
  if (memberOf(request.body, 'passkey') === undefined)
    return code.state === 'text'
      ? { command: { ...step, proof: { kind: 'code', code: code.value } }, echo: { proves: 'yes' } }
      : { fault: 'unreadable' };
  // One or the other: two proofs are not weighed against each other.
  const response = code.state === 'missing' ? readAssertion(request.body) : null;
  return response === null
    ? { fault: 'unreadable' }
    : {
        command: { ...step, proof: { kind: 'passkey', response } },
        echo: { ...PASSKEY_ECHO, proves: 'yes' },
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
      request: Type.Union([
        Type.Object({ challenge_token: Type.String(), code: Type.String() }),
        Type.Object({ challenge_token: Type.String(), passkey: AssertionBody }),
      ]),
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
