import {
  createHash,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
  sign as signBytes,
} from 'node:crypto';

/** What a browser is told, as far as it is followed here. */
export interface CeremonyOptions {
  readonly challenge: string;
  readonly user?: { readonly id: string };
}

/** What is not as an honest browser and authenticator would have it. */
export interface Forgery {
  readonly type?: string;
  readonly challenge?: string;
  readonly origin?: string;
  readonly crossOrigin?: boolean;
  readonly topOrigin?: string;
  readonly rpId?: string;
  readonly userPresent?: boolean;
  readonly userVerified?: boolean;
  readonly synced?: boolean;
  readonly backedUp?: boolean;
  readonly counter?: number;
  readonly id?: string;
  readonly userHandle?: string | null;
  /** The format of the attestation, with a certificate that nobody has signed. */
  readonly attestation?: string;
  /** Changes what was signed, after it was. */
  readonly tamper?: (response: Record<string, string>) => Record<string, string>;
}

/** What the authenticator is. */
export interface SoftwarePasskeySettings {
  readonly rpId: string;
  readonly origin: string;
  readonly algorithm?: keyof typeof ALGORITHMS;
  /** With RS256, how long its modulus is, in place of 2,048 bits. Such a key cannot sign. */
  readonly modulusBytes?: number;
  /** Whether it counts its signatures. */
  readonly counts?: boolean;
  readonly synced?: boolean;
  readonly id?: string;
  readonly idBytes?: number;
}

/** A passkey of our own making, that signs whatever it is told to: by hand, without the library that checks it. */
export interface SoftwarePasskey {
  readonly id: string;
  counter: number;
  /** Makes it known. */
  make(options: CeremonyOptions, forgery?: Forgery): object;
  sign(options: CeremonyOptions, forgery?: Forgery): object;
}

type Cbor = number | string | Uint8Array | Map<number | string, Cbor> | Cbor[];

/** The kinds of key, with their numbers in COSE. ES384 is one that nobody asked for. */
const ALGORITHMS = {
  ES256: { alg: -7, hash: 'sha256', pair: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }) },
  ES384: { alg: -35, hash: 'sha384', pair: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }) },
  EdDSA: { alg: -8, hash: null, pair: () => generateKeyPairSync('ed25519') },
  RS256: { alg: -257, hash: 'sha256', pair: () => generateKeyPairSync('rsa', { modulusLength: 2048 }) },
} as const;

/** Makes one. */
export function createSoftwarePasskey(settings: SoftwarePasskeySettings): SoftwarePasskey {
  const { rpId, origin, algorithm = 'ES256', counts = true, synced = false, idBytes = 32 } = settings;
  const { alg, hash, pair } = ALGORITHMS[algorithm];
  const { publicKey, privateKey } = settings.modulusBytes ? longRsaKey(settings.modulusBytes) : pair();
  const id = settings.id ?? randomBytes(idBytes).toString('base64url');
  let userHandle: string | undefined;

  const clientData = (type: string, options: CeremonyOptions, forgery: Forgery) =>
    Buffer.from(
      JSON.stringify({
        type: forgery.type ?? type,
        challenge: forgery.challenge ?? options.challenge,
        origin: forgery.origin ?? origin,
        crossOrigin: forgery.crossOrigin ?? false,
        ...(forgery.topOrigin === undefined ? {} : { topOrigin: forgery.topOrigin }),
      }),
    );
  const authenticatorData = (forgery: Forgery, counter: number, attested?: Buffer) => {
    const isSynced = forgery.synced ?? synced;
    const flags =
      ((forgery.userPresent ?? true) ? 1 : 0) |
      ((forgery.userVerified ?? true) ? 4 : 0) |
      (isSynced ? 8 : 0) |
      ((forgery.backedUp ?? isSynced) ? 16 : 0) |
      (attested ? 64 : 0);
    const head = Buffer.alloc(5);
    head.writeUInt8(flags);
    head.writeUInt32BE(counter, 1);
    return Buffer.concat([sha256(forgery.rpId ?? rpId), head, attested ?? Buffer.alloc(0)]);
  };
  const credential = (response: Record<string, unknown>, forgery: Forgery) => ({
    id: forgery.id ?? id,
    rawId: forgery.id ?? id,
    type: 'public-key',
    authenticatorAttachment: 'platform',
    clientExtensionResults: { credProps: { rk: true } },
    response: forgery.tamper ? forgery.tamper(response as Record<string, string>) : response,
  });

  return {
    id,
    counter: 0,
    make(options, forgery = {}) {
      userHandle = options.user?.id;
      const attested = attestedCredential(id, publicKey.export({ format: 'jwk' }), alg);
      const statement = forgery.attestation === undefined ? [] : [['x5c', [randomBytes(64)]] as const];
      const attestation = new Map<string, Cbor>([
        ['fmt', forgery.attestation ?? 'none'],
        ['attStmt', new Map<string, Cbor>(statement.map(([name, value]) => [name, [...value]]))],
        ['authData', authenticatorData(forgery, forgery.counter ?? this.counter, attested)],
      ]);
      return credential(
        {
          clientDataJSON: text(clientData('webauthn.create', options, forgery)),
          attestationObject: text(cbor(attestation)),
          transports: ['internal', 'hybrid'],
        },
        forgery,
      );
    },
    sign(options, forgery = {}) {
      if (privateKey === null) throw new Error('this key cannot sign');
      if (counts) this.counter += 1;
      const data = clientData('webauthn.get', options, forgery);
      const known = authenticatorData(forgery, forgery.counter ?? (counts ? this.counter : 0));
      const signature = signBytes(hash, Buffer.concat([known, sha256(data)]), privateKey as KeyObject);
      const handle = forgery.userHandle === undefined ? userHandle : forgery.userHandle;
      return credential(
        {
          clientDataJSON: text(data),
          authenticatorData: text(known),
          signature: text(signature),
          ...(handle === undefined ? {} : { userHandle: handle }),
        },
        forgery,
      );
    },
  };
}

/** What stands in the authenticator data of a key that was just made. */
function attestedCredential(id: string, key: JsonWebKey, alg: number): Buffer {
  const idBytes = Buffer.from(id, 'base64url');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(idBytes.length);
  return Buffer.concat([Buffer.alloc(16), length, idBytes, cbor(coseKey(key, alg))]);
}

function coseKey({ kty, x = '', y = '', n = '', e = '' }: JsonWebKey, alg: number): Map<number, Cbor> {
  const bytes = (member: string) => Buffer.from(member, 'base64url');
  if (kty === 'RSA')
    return new Map<number, Cbor>([
      [1, 3],
      [3, alg],
      [-1, bytes(n)],
      [-2, bytes(e)],
    ]);
  if (kty === 'OKP')
    return new Map<number, Cbor>([
      [1, 1],
      [3, alg],
      [-1, 6],
      [-2, bytes(x)],
    ]);
  return new Map<number, Cbor>([
    [1, 2],
    [3, alg],
    [-1, alg === -7 ? 1 : 2],
    [-2, bytes(x)],
    [-3, bytes(y)],
  ]);
}

/** An RSA key of any length, that nobody can sign with. */
function longRsaKey(modulusBytes: number) {
  const n = randomBytes(modulusBytes);
  n[0] = 0xff;
  n[modulusBytes - 1] = 0xff;
  const publicKey = { export: () => ({ kty: 'RSA', n: text(n), e: 'AQAB' }) as JsonWebKey };
  return { publicKey, privateKey: null };
}

/** As much of CBOR as authenticators speak (RFC 8949). */
function cbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string')
    return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
  const members = [...value].flatMap(([key, member]) => [cbor(key), cbor(member)]);
  return Buffer.concat([head(5, value.size), ...members]);
}

function head(major: number, size: number): Buffer {
  if (size < 24) return Buffer.from([(major << 5) | size]);
  if (size < 256) return Buffer.from([(major << 5) | 24, size]);
  return Buffer.from([(major << 5) | 25, size >> 8, size & 0xff]);
}

function sha256(data: string | Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}

function text(bytes: Buffer): string {
  return bytes.toString('base64url');
}
