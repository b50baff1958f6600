import type { AuthenticatorTransport } from '@simplewebauthn/server';
import type { Vault } from '../crypto/vault.ts';
import type { Passkey } from '../store/passkeys.ts';
import { CHALLENGE_SECONDS } from './passkey-challenge.ts';
import { type PasskeyAssertion, type PasskeyAttestation, readClientData } from './passkey-response.ts';
import type { RelyingParty } from './relying-party.ts';

/** Whom a passkey is made for, as the authenticator will show it. */
export interface PasskeyOwner {
  /** See `userHandleOf`. */
  readonly userHandle: string;
  readonly name: string;
  readonly displayName: string;
}

/** A passkey that was made, as far as the authenticator tells. */
export type MadePasskey = Pick<
  Passkey,
  'id' | 'publicKey' | 'counter' | 'transports' | 'deviceType' | 'isBackedUp'
>;

/** A signature that was right. */
export interface RightAssertion {
  readonly counter: number;
  readonly isBackedUp: boolean;
  /** Whether the counter has not risen: the key is in two places. */
  readonly isCloned: boolean;
}

/** The two ceremonies of WebAuthn, over the library. Whose a passkey is and what a challenge is for is checked elsewhere. */
export interface Webauthn {
  /** What a browser is told to make a passkey (`PublicKeyCredentialCreationOptionsJSON`). */
  creationOptions(owner: PasskeyOwner, known: readonly Passkey[], challenge: string): Promise<object>;

  /** What a browser is told to use one (`PublicKeyCredentialRequestOptionsJSON`). @param allowed null for whichever it finds */
  requestOptions(allowed: readonly Passkey[] | null, challenge: string): Promise<object>;

  /**
   * Checks a passkey that was made: type, origin, relying party, presence, verification, algorithm (§7.1); null for one that is
   * not right. The challenge must have been found good before.
   */
  checkMade(response: PasskeyAttestation): Promise<MadePasskey | null>;

  /** Checks what a passkey has signed, by the same (§7.2); null for what is not right. */
  checkSigned(response: PasskeyAssertion, passkey: Passkey): Promise<RightAssertion | null>;
}

/**
 * What an authenticator knows an account by: 256 bits that say nothing (WebAuthn §14.6.1), the same for all its passkeys.
 */
export function userHandleOf(accountId: string, vault: Vault): string {
  return vault.hash('passkey-user', accountId);
}

/** COSE: EdDSA, ES256, RS256. */
const ALGORITHMS = [-8, -7, -257];

/** The longest credential id that there may be, in bytes (WebAuthn §7.1). */
const LONGEST_ID_BYTES = 1023;

/** The longest public key that is kept: an RSA key of 8192 bits. What it would cost to use a longer one, its owner would choose. */
const LONGEST_KEY_BYTES = 1100;

const TIMEOUT_MILLISECONDS = CHALLENGE_SECONDS * 1000;

/** The library, and what it needs to know of itself. */
interface Library {
  readonly server: typeof import('@simplewebauthn/server');
  readonly helpers: typeof import('@simplewebauthn/server/helpers');
  readonly relyingParty: () => RelyingParty;
}

/**
 * The ceremonies. The library is loaded when it is first needed: it takes a tenth of a second and 10 MiB, and a server
 * whose people have no passkeys does not need it at all.
 * @param relyingParty asked for whenever it is needed: with port 0 it is known once the server listens
 */
export function createWebauthn(relyingParty: () => RelyingParty): Webauthn {
  const library = async (): Promise<Library> => ({
    server: await import('@simplewebauthn/server'),
    helpers: await import('@simplewebauthn/server/helpers'),
    relyingParty,
  });
  return {
    creationOptions: async (owner, known, challenge) =>
      creationOptions(await library(), owner, known, challenge),
    requestOptions: async (allowed, challenge) => requestOptions(await library(), allowed, challenge),
    checkMade: async (response) => checkMade(await library(), response),
    checkSigned: async (response, passkey) => checkSigned(await library(), response, passkey),
  };
}

function creationOptions(
  { server, relyingParty }: Library,
  { userHandle, name, displayName }: PasskeyOwner,
  known: readonly Passkey[],
  challenge: string,
): Promise<object> {
  const { id } = relyingParty();
  return server.generateRegistrationOptions({
    rpName: id,
    rpID: id,
    userID: bytesOf(userHandle),
    userName: name,
    userDisplayName: displayName,
    challenge,
    timeout: TIMEOUT_MILLISECONDS,
    attestationType: 'none',
    excludeCredentials: known.map(described),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    supportedAlgorithmIDs: ALGORITHMS,
  });
}

function requestOptions(
  { server, relyingParty }: Library,
  allowed: readonly Passkey[] | null,
  challenge: string,
): Promise<object> {
  return server.generateAuthenticationOptions({
    rpID: relyingParty().id,
    ...(allowed === null ? {} : { allowCredentials: allowed.map(described) }),
    challenge,
    timeout: TIMEOUT_MILLISECONDS,
    userVerification: 'required',
  });
}

async function checkMade(
  library: Library,
  { id, clientDataJSON, attestationObject, transports }: PasskeyAttestation,
): Promise<MadePasskey | null> {
  const clientData = readClientData(clientDataJSON);
  if (clientData === null || clientData.isFramed) return null;
  const made = await rightOrNull(async () =>
    library.server.verifyRegistrationResponse({
      ...expectedOf(library),
      response: {
        ...credentialOf(id),
        response: { clientDataJSON, attestationObject: withoutStatement(library, attestationObject) },
      },
      expectedChallenge: clientData.challenge,
      supportedAlgorithmIDs: ALGORITHMS,
    }),
  );
  if (!made?.verified) return null;
  const { credential, credentialDeviceType, credentialBackedUp } = made.registrationInfo;
  if (credential.id !== id || bytesOf(id).length > LONGEST_ID_BYTES) return null;
  if (credential.publicKey.length > LONGEST_KEY_BYTES || !(await isKey(library, credential.publicKey)))
    return null;
  return {
    id,
    publicKey: Buffer.from(credential.publicKey).toString('base64url'),
    counter: credential.counter,
    transports,
    deviceType: credentialDeviceType,
    isBackedUp: credentialBackedUp,
  };
}

async function checkSigned(
  library: Library,
  { id, clientDataJSON, authenticatorData, signature }: PasskeyAssertion,
  passkey: Passkey,
): Promise<RightAssertion | null> {
  const clientData = readClientData(clientDataJSON);
  if (clientData === null || clientData.isFramed || id !== passkey.id) return null;
  const signed = await rightOrNull(() =>
    library.server.verifyAuthenticationResponse({
      ...expectedOf(library),
      response: { ...credentialOf(id), response: { clientDataJSON, authenticatorData, signature } },
      expectedChallenge: clientData.challenge,
      // Of 0 the library asks nothing: the counter is judged here, so that a copy is told from what is merely wrong.
      credential: { id, publicKey: bytesOf(passkey.publicKey), counter: 0 },
    }),
  );
  if (!signed?.verified) return null;
  const { newCounter, credentialBackedUp, credentialDeviceType } = signed.authenticationInfo;
  // Whether a key may leave its device is settled when it is made.
  if (credentialDeviceType !== passkey.deviceType) return null;
  return {
    counter: newCounter,
    isBackedUp: credentialBackedUp,
    // A key that has never counted may begin to, or go on without.
    isCloned: passkey.counter > 0 && newCounter <= passkey.counter,
  };
}

/**
 * No attestation is asked for, so none is looked at: to do so would have certificates parsed that anybody can make, and lists of
 * revocations fetched from wherever they say.
 */
function withoutStatement({ helpers }: Library, attestationObject: string): string {
  const decoded = helpers.decodeAttestationObject(bytesOf(attestationObject));
  const bare = new Map<string, string | Uint8Array | Map<string, string>>([
    ['fmt', 'none'],
    ['attStmt', new Map<string, string>()],
    ['authData', decoded.get('authData')],
  ]);
  return Buffer.from(helpers.isoCBOR.encode(bare)).toString('base64url');
}

/** A signature in the form of ECDSA's, of nothing and by nobody. */
const NO_SIGNATURE = Uint8Array.of(0x30, 6, 2, 1, 1, 2, 1, 1);

/** Whether a key can be used: the library only reads what kind it is. Trying it shows whether there is one. */
async function isKey({ helpers }: Library, credentialPublicKey: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const tried = { signature: NO_SIGNATURE, data: new Uint8Array(0), credentialPublicKey };
  return (await rightOrNull(() => helpers.verifySignature(tried))) !== null;
}

function expectedOf({ relyingParty }: Library) {
  const { id, origins } = relyingParty();
  return { expectedOrigin: [...origins], expectedRPID: id, requireUserVerification: true };
}

/** How a browser finds a passkey again. Its words for that are its own to know. */
function described({ id, transports }: Passkey) {
  return { id, transports: [...transports] as AuthenticatorTransport[] };
}

function credentialOf(id: string) {
  return { id, rawId: id, type: 'public-key' as const, clientExtensionResults: {} };
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(base64url, 'base64url'));
}

/** The library throws at whatever is not right. It sees nothing but what came from outside: all of that is a refusal. */
async function rightOrNull<Right>(check: () => Promise<Right>): Promise<Right | null> {
  try {
    return await check();
  } catch {
    return null;
  }
}
