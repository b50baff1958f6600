import { type Static, Type } from 'typebox';
import type { OwnPasskey } from '../../commands/passkeys.ts';
import { type Decoded, type Encoders, type Endpoint, isoTime, readText } from '../contract.ts';
import { withBearer } from './bearer.ts';
import { TOKEN_LIMIT } from './challenges.ts';
import { PASSKEY_ECHO, readAssertion, readAttestation } from './passkey-body.ts';
import {
  AssertionBody,
  AttestationBody,
  Passkey,
  PasskeyOptions,
  Passkeys,
  StepOptions,
  Tokens,
} from './shapes.ts';

const NAME_LIMIT = 64;

const decodeSignIn: Endpoint['decode'] = ({ body }): Decoded => {
  const ticket = readText(body, 'challenge_token', { max: TOKEN_LIMIT });
  const response = readAssertion(body);
  if (ticket.state !== 'text' || response === null) return { fault: 'unreadable' };
  return { command: { kind: 'passkey-sign-in', ticket: ticket.value, response }, echo: PASSKEY_ECHO };
};

const decodeStepOptions: Endpoint['decode'] = ({ body }): Decoded => {
  const ticket = readText(body, 'challenge_token', { max: TOKEN_LIMIT });
  return ticket.state === 'text'
    ? { command: { kind: 'passkey-step-options', ticket: ticket.value } }
    : { fault: 'unreadable' };
};

const decodeEnrol: Endpoint['decode'] = ({ body, bearer }): Decoded => {
  const ticket = readText(body, 'challenge_token', { max: TOKEN_LIMIT });
  const name = readText(body, 'name', { max: NAME_LIMIT });
  const response = readAttestation(body);
  const isNameless = name.state === 'missing';
  if (ticket.state !== 'text' || response === null || (name.state !== 'text' && !isNameless))
    return { fault: 'unreadable' };
  const named = { name: name.state === 'text' ? name.value : null };
  return {
    command: { kind: 'enrol-passkey', token: bearer ?? '', ticket: ticket.value, response, ...named },
  };
};

function ownPasskey(passkey: OwnPasskey): Static<typeof Passkey> {
  const { id, name, isSynced, isBackedUp, createdAt, lastUsedAt } = passkey;
  return {
    id,
    name,
    synced: isSynced,
    backedUp: isBackedUp,
    createdAt: isoTime(createdAt),
    lastUsedAt: lastUsedAt === null ? null : isoTime(lastUsedAt),
  };
}

/** Passkeys: as a way in, as a second factor, and an account's own. */
export const passkeyEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/v1/passkeys/sign-in-options',
    summary: 'Begin to sign in with a passkey and nothing else: what the browser needs',
    accepts: ['json'],
    describe: { replies: { 200: PasskeyOptions } },
    decode: () => ({ command: { kind: 'passkey-sign-in-options' } }),
  },
  {
    method: 'POST',
    path: '/v1/passkeys/sign-in',
    summary: 'Sign in with a passkey and nothing else',
    accepts: ['json'],
    describe: {
      request: Type.Object({ challenge_token: Type.String(), passkey: AssertionBody }),
      replies: { 200: Tokens },
    },
    decode: decodeSignIn,
  },
  {
    method: 'POST',
    path: '/v1/challenges/passkey',
    summary: 'Begin to complete a sign-in that asked for a factor with a passkey: what the browser needs',
    accepts: ['json'],
    describe: { request: Type.Object({ challenge_token: Type.String() }), replies: { 200: StepOptions } },
    decode: decodeStepOptions,
  },
  {
    method: 'GET',
    path: '/v1/factors/passkeys',
    summary: 'The account’s passkeys, the oldest first',
    accepts: [],
    describe: { bearer: true, replies: { 200: Passkeys } },
    decode: withBearer((token) => ({ kind: 'list-passkeys', token })),
  },
  {
    method: 'POST',
    path: '/v1/factors/passkeys/options',
    summary: 'Begin to add a passkey, with a fresh proof: what the browser needs',
    accepts: ['json'],
    describe: { bearer: true, replies: { 200: PasskeyOptions } },
    decode: withBearer((token) => ({ kind: 'passkey-enrolment-options', token })),
  },
  {
    method: 'POST',
    path: '/v1/factors/passkeys',
    summary:
      'Add the passkey that the browser has made, with a fresh proof; the account’s other sessions end',
    accepts: ['json'],
    describe: {
      request: Type.Object({
        challenge_token: Type.String(),
        passkey: AttestationBody,
        name: Type.Optional(Type.String()),
      }),
      bearer: true,
      replies: { 201: Passkey },
    },
    decode: decodeEnrol,
  },
  {
    method: 'DELETE',
    path: '/v1/factors/passkeys/:id',
    summary: 'Remove a passkey, with a fresh proof; the account’s other sessions end',
    accepts: [],
    describe: { bearer: true, replies: { 204: null } },
    decode: withBearer((token, request) => ({
      kind: 'remove-passkey',
      token,
      passkeyId: request.param('id'),
    })),
  },
];

/** How they are answered. */
export const passkeyReplies: Pick<Encoders, 'passkey-options' | 'passkey-added' | 'passkeys'> = {
  'passkey-options': ({ ticket, options }) => ({
    status: 200,
    body: ticket === null ? { options } : { challenge_token: ticket, options },
  }),
  'passkey-added': ({ passkey }) => ({ status: 201, body: ownPasskey(passkey) }),
  passkeys: ({ passkeys }) => ({
    status: 200,
    body: { passkeys: passkeys.map(ownPasskey) } satisfies Static<typeof Passkeys>,
  }),
};
