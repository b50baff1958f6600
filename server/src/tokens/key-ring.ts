import { createPrivateKey, createPublicKey, generateKeyPair, type JsonWebKey } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint } from 'jose/jwk/thumbprint';
import type { Vault } from '../crypto/vault.ts';
import type { Clock } from '../ports.ts';
import type { Change } from '../store/engine.ts';
import { stateFact } from '../store/facts.ts';
import { addSigningKey, endSigningKeys, type SigningKeyRecord } from '../store/signing-keys.ts';
import type { Store } from '../store/store.ts';
import { type Algorithm, headerSegment, type JwsKey } from './compact-jws.ts';

/** An algorithm whose keys are a pair, so that others can verify without being able to sign. */
export type AsymmetricAlgorithm = Exclude<Algorithm, 'HS256'>;

/** What the ring needs. */
export interface KeyRingOptions {
  readonly store: Store;
  readonly vault: Vault;
  readonly clock: Clock;
  /** Those that the mounts sign with. */
  readonly algorithms: readonly AsymmetricAlgorithm[];
  /** How long a key is published before it signs: also the JWKS max-age, in seconds. */
  readonly publishSeconds: number;
  /** The longest life of an access token, in seconds: an old key stays until its last token has ended. */
  readonly longestTokenSeconds: number;
}

/** How often a server looks for keys that another process made: those that an emergency ended, it takes until then. */
const RELOAD_MILLISECONDS = 500;

/** After that time every server has a key that was made, one that was late to look too. */
const SPREAD_SECONDS = 2;

interface LoadedKey extends JwsKey {
  readonly id: string;
  readonly record: SigningKeyRecord;
  readonly header: string;
}

/**
 * The keys that access tokens are signed with. The store holds them, sealed; the ring keeps them unsealed in memory and
 * looks for new ones twice a second. Its owner starts and stops it.
 */
export class KeyRing {
  readonly #options: KeyRingOptions;
  #keys: readonly LoadedKey[] = [];
  #byHeader: ReadonlyMap<string, LoadedKey> = new Map();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  /** Those that the ring has keys of. */
  get algorithms(): readonly AsymmetricAlgorithm[] {
    return this.#options.algorithms;
  }

  /** Makes the first key of each algorithm where there is none, and loads all. Reloads until it is stopped. */
  async start(onReloadError: (error: Error) => void): Promise<void> {
    for (const algorithm of this.#options.algorithms) await this.#ensureFirstKey(algorithm);
    await this.reload();
    this.#timer = setInterval(() => this.reload().catch(onReloadError), RELOAD_MILLISECONDS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Reads the keys from the store. Those that are known already are not unsealed again. */
  async reload(): Promise<void> {
    const records = await this.#options.store.signingKeys.all();
    const known = new Map(this.#keys.map((key) => [key.id, key]));
    this.#keys = records.map((record) => ({ ...(known.get(record.id) ?? this.#load(record)), record }));
    this.#byHeader = new Map(this.#keys.map((key) => [key.header, key]));
  }

  /** The key that signs now. */
  signer(algorithm: Algorithm): { key: JwsKey; header: string } {
    const records = this.#keys.map((key) => key.record);
    const signing = signingNow(records, algorithm, this.#options.clock.now());
    const signer = this.#keys.find((key) => key.record === signing);
    if (!signer) throw new Error(`there is no ${algorithm} key to sign with`);
    return { key: signer, header: signer.header };
  }

  /** The key whose access tokens begin with that header segment, unless it has retired. */
  verifier(header: string): JwsKey | undefined {
    const key = this.#byHeader.get(header);
    return key && isLive(key.record, this.#options.clock.now()) ? key : undefined;
  }

  /** A text that changes when a key comes or goes. */
  keySet(): string {
    return this.#live(this.#options.clock.now())
      .map((key) => key.id)
      .join();
  }

  /** The public keys (RFC 7517), those that do not sign yet included. */
  jwks(): { keys: JsonWebKey[] } {
    return {
      keys: this.#live(this.#options.clock.now()).map(
        (key) => JSON.parse(key.record.publicJwk) as JsonWebKey,
      ),
    };
  }

  /**
   * Makes a new key. It is published at once and signs when every copy of the JWKS in the world has it; the keys
   * before it retire when their last token has ended. In an emergency it signs at once and they retire at once: every
   * token that they signed is refused from then on.
   * @param told the change that writes the rotation down, in the same commit
   */
  async rotate(
    algorithm: AsymmetricAlgorithm,
    told: (key: SigningKeyRecord) => Change,
    { emergency = false }: { readonly emergency?: boolean } = {},
  ): Promise<SigningKeyRecord> {
    // On a store that never served there is none to take over from.
    await this.#ensureFirstKey(algorithm);
    const now = this.#options.clock.now();
    const key = await this.#generate(algorithm, emergency ? now : this.#signsFrom(now));
    const changes = emergency
      ? [endSigningKeys(algorithm, now), ...addSigningKey(key, now)]
      : this.#changesFor(key);
    const committed = await this.#options.store.commit([...changes, told(key)]);
    if (!committed.ok) throw new Error(`a rotation was not committed: ${committed.guard}`);
    await this.reload();
    return key;
  }

  /**
   * Makes a new key like `rotate`, if the newest of the algorithm was made before that time: of many servers that ask at
   * the same moment, one makes it.
   * @returns the new key, or null
   */
  async rotateIfOlder(
    algorithm: AsymmetricAlgorithm,
    before: number,
    told: (key: SigningKeyRecord) => Change,
  ): Promise<SigningKeyRecord | null> {
    const newest = this.#keys.filter((key) => key.algorithm === algorithm).at(-1);
    if (!newest || newest.record.createdAt >= before) return null;
    const key = await this.#generate(algorithm, this.#signsFrom(this.#options.clock.now()));
    const committed = await this.#options.store.commit([
      stateFact(`successor:${newest.id}`, key.id),
      ...this.#changesFor(key),
      told(key),
    ]);
    await this.reload();
    return committed.ok ? key : null;
  }

  /** When every copy of the JWKS in the world has a key that is published now. */
  #signsFrom(now: number): number {
    return now + (SPREAD_SECONDS + this.#options.publishSeconds) * 1000;
  }

  #changesFor(key: SigningKeyRecord): Change[] {
    return addSigningKey(key, key.signsFrom + (this.#options.longestTokenSeconds + SPREAD_SECONDS) * 1000);
  }

  async #ensureFirstKey(algorithm: AsymmetricAlgorithm): Promise<void> {
    const fact = `first-key:${algorithm}`;
    if ((await this.#options.store.facts.value(fact)) !== null) return;
    // There is no token yet that an unpublished key could have signed: the first key signs at once. Of two servers
    // that start together, one states the fact and the other takes its key.
    const key = await this.#generate(algorithm, this.#options.clock.now());
    await this.#options.store.commit([stateFact(fact, key.id), ...this.#changesFor(key)]);
  }

  async #generate(algorithm: AsymmetricAlgorithm, signsFrom: number): Promise<SigningKeyRecord> {
    const { publicKey, privateKey } = await generate(algorithm);
    const jwk = publicKey.export({ format: 'jwk' });
    const id = await calculateJwkThumbprint(jwk as Parameters<typeof calculateJwkThumbprint>[0]);
    return {
      id,
      algorithm,
      publicJwk: JSON.stringify({ ...jwk, kid: id, alg: algorithm, use: 'sig' }),
      privateSealed: this.#options.vault.seal(
        'signing-key',
        privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      ),
      createdAt: this.#options.clock.now(),
      signsFrom,
      retiresAt: null,
    };
  }

  #load(record: SigningKeyRecord): LoadedKey {
    const privateKey = createPrivateKey(this.#options.vault.unseal('signing-key', record.privateSealed));
    const key: JwsKey & { id: string } = {
      id: record.id,
      algorithm: record.algorithm as Algorithm,
      signingKey: privateKey,
      verifyingKey: createPublicKey(privateKey),
    };
    return { ...key, record, header: headerSegment('at+jwt', key) };
  }

  #live(now: number): LoadedKey[] {
    return this.#keys.filter((key) => isLive(key.record, now));
  }
}

/**
 * The key of an algorithm that signs now: of those that may, the one that stays longest. When it began says less: while
 * the clock was ahead, or with a longer time to be published, a key was made that begins after its successor.
 * @param keys the oldest first
 */
export function signingNow(
  keys: readonly SigningKeyRecord[],
  algorithm: string,
  now: number,
): SigningKeyRecord | undefined {
  const live = keys.filter((key) => key.algorithm === algorithm && isLive(key, now));
  const longestLast = live
    .filter((key) => key.signsFrom <= now)
    .toSorted((a, b) => staysUntil(a) - staysUntil(b));
  // When the clock was set back to before the first of them: that one has been signing.
  return longestLast.at(-1) ?? live[0];
}

function staysUntil(key: SigningKeyRecord): number {
  return key.retiresAt ?? Number.MAX_SAFE_INTEGER;
}

function isLive(key: SigningKeyRecord, now: number): boolean {
  return now < staysUntil(key);
}

const generatePair = promisify(generateKeyPair);

function generate(algorithm: AsymmetricAlgorithm) {
  switch (algorithm) {
    case 'ES256':
      return generatePair('ec', { namedCurve: 'P-256' });
    case 'EdDSA':
      return generatePair('ed25519');
    case 'RS256':
      return generatePair('rsa', { modulusLength: 3072 });
  }
}
