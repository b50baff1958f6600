import { type Static, Type } from 'typebox';
import type { OwnPasskey, PasskeyCommand } from '../../commands/passkeys.ts';
import { type Decoded, type Encoders, type Endpoint, isoTime, memberOf, readText } from '../contract.ts';
import { TOKEN_LIMIT, withBearer } from './bearer.ts';
import {
  AssertionBody,
  AttestationBody,
  Passkey,
  PasskeyOptions,
  Passkeys,
  StepOptions,
  Tokens,
} from './shapes.ts';

type Assertion = Extract<PasskeyCommand, { kind: 'passkey-sign-in' }>['response'];
type Attestation = Extract<PasskeyCommand, { kind: 'enrol-passkey' }>['response'];

/** The longest id in base64url: of 1023 bytes. */
const ID_LIMIT = 1364;
/** The longest of the other texts: less than what a body may have. */
const BYTES_LIMIT = 16_000;
const USER_HANDLE_LIMIT = 88;
const NAME_LIMIT = 64;
const TRANSPORT_LIMIT = 32;
const TRANSPORTS_LIMIT = 16;

/** Said beside a refusal that a passkey, and not a code, led to. */
export const PASSKEY_ECHO = { passkey: 'yes' } as const;

/** A text in base64url (RFC 4648, without padding); null for anything else. */
function readBytes(body: unknown, name: string, limit: number): string | null {
  const field = readText(body, name, { max: limit });
  return field.state === 'text' && /^[\w-]+$/.test(field.value) ? field.value : null;
}

/** What every credential of a browser's has. Its `rawId` says once more what `id` does, so it is not read. */
function readCredential(body: unknown): { id: string; clientDataJSON: string; response: unknown } | null {
  const passkey = memberOf(body, 'passkey');
  const response = memberOf(passkey, 'response');
  const id = readBytes(passkey, 'id', ID_LIMIT);
  const clientDataJSON = readBytes(response, 'clientDataJSON', BYTES_LIMIT);
  const isKey = memberOf(passkey, 'type') === 'public-key';
  return isKey && id !== null && clientDataJSON !== null ? { id, clientDataJSON, response } : null;
}

/** What a passkey has signed, in a body's `passkey`; null when it is not all there. */
export function readAssertion(body: unknown): Assertion | null {
  const credential = readCredential(body);
  if (credential === null) return null;
  const { response, ...known } = credential;
  const authenticatorData = readBytes(response, 'authenticatorData', BYTES_LIMIT);
  const signature = readBytes(response, 'signature', BYTES_LIMIT);
  const userHandle = readBytes(response, 'userHandle', USER_HANDLE_LIMIT);
  const isUnsaid = (memberOf(response, 'userHandle') ?? null) === null;
  if (authenticatorData === null || signature === null || (userHandle === null && !isUnsaid)) return null;
  return { ...known, authenticatorData, signature, userHandle };
}

function readAttestation(body: unknown): Attestation | null {
  const credential = readCredential(body);
  if (credential === null) return null;
  const { response, ...known } = credential;
  const attestationObject = readBytes(response, 'attestationObject', BYTES_LIMIT);
  const transports = memberOf(response, 'transports') ?? [];
  const isList = Array.isArray(transports) && transports.length <= TRANSPORTS_LIMIT;
  if (attestationObject === null || !isList || !transports.every(isTransport)) return null;
  return { ...known, attestationObject, transports };
}

/** A word: the list of them is the browsers', and grows. */
function isTransport(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TRANSPORT_LIMIT && /^[a-z0-9-]+$/.test(value);
}

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
