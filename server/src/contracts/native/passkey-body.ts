import type { PasskeyCommand } from '../../commands/passkeys.ts';
import { memberOf, readText } from '../contract.ts';

type Assertion = Extract<PasskeyCommand, { kind: 'passkey-sign-in' }>['response'];
type Attestation = Extract<PasskeyCommand, { kind: 'enrol-passkey' }>['response'];

/** The longest id in base64url: of 1023 bytes. */
const ID_LIMIT = 1364;
/** The longest of the other texts: less than what a body may have. */
const BYTES_LIMIT = 16_000;
const USER_HANDLE_LIMIT = 88;
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

/** A passkey that was made, in a body's `passkey`; null when it is not all there. */
export function readAttestation(body: unknown): Attestation | null {
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
