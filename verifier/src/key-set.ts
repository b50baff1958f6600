import { askServer, type ServerAccess, unlessAborted } from './ask-server.ts';
import { pause } from './clock.ts';
import type { Algorithm } from './compact-token.ts';
import { TokenRefusedError } from './refusal.ts';
import { importPublicKey, type VerificationKey } from './verification-key.ts';

/** What a key set needs. Times in milliseconds. */
export interface KeySetOptions {
  readonly access: ServerAccess;
  readonly algorithms: ReadonlySet<Algorithm>;
  /** How long keys are used when the server names no `max-age`. */
  readonly lifeMilliseconds: number;
  /** How long after a fetch a key that is not there does not lead to another. */
  readonly unknownKeyMilliseconds: number;
  /** Milliseconds that only grow. */
  readonly steadyNow: () => number;
  /** Told of every fetch that failed. */
  readonly onError: (error: Error) => void;
}

/** How long after a failure the next fetch may start. */
const RETRY_MILLISECONDS = 1000;
/** A `max-age` is taken within these bounds, so that no header makes every token a fetch, or a key immortal. */
const SHORTEST_LIFE_MILLISECONDS = 5000;
const LONGEST_LIFE_MILLISECONDS = 86_400_000;

/**
 * The server's public keys. They are fetched when they are first needed and when their `max-age` is over, and stay when
 * that fails. Callers that wait at the same time share one fetch.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  #keys: ReadonlyMap<string, VerificationKey> = new Map();
  #pending: Promise<void> | null = null;
  #freshUntil = Number.NEGATIVE_INFINITY;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #failure: Error | null = null;
  /** Fetches that began before the keys changed do not count: what is wanted grows, what is loaded must catch up. */
  #wanted = 1;
  #loaded = 0;

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  /** The key with that id, when it is there and nothing has to be fetched first. */
  atHand(keyId: string): VerificationKey | undefined {
    const isCurrent = this.#loaded === this.#wanted && this.#options.steadyNow() < this.#freshUntil;
    return isCurrent ? this.#keys.get(keyId) : undefined;
  }

  /**
   * The key with that id.
   * @returns undefined when the server publishes none
   * @throws TokenRefusedError `unavailable` when that cannot be known now; the signal's reason when it is aborted
   */
  async find(keyId: string, signal?: AbortSignal): Promise<VerificationKey | undefined> {
    if (this.#loaded < this.#wanted) await this.#load(signal);
    else if (this.#options.steadyNow() >= this.#freshUntil) await this.#renew(signal);
    const known = this.#keys.get(keyId);
    if (known !== undefined || (this.#isTooEarly() && this.#failure === null)) return known;
    await this.#load(signal);
    return this.#keys.get(keyId);
  }

  /** Waits until the keys have been fetched, however often that has to be tried. @throws Error when it is closed first */
  async untilReady(): Promise<void> {
    const { closed } = this.#options.access;
    while (this.#loaded < this.#wanted) {
      closed.throwIfAborted();
      await this.#refresh().catch(() => pause(RETRY_MILLISECONDS, closed));
    }
  }

  /** Fetches what the server publishes from now on. @throws Error when that fails; the keys that were there stay */
  async refetch(): Promise<void> {
    await this.#pending?.catch(() => undefined);
    await this.#refresh();
  }

  /** Fetches the keys, or waits for the fetch that is under way. */
  #refresh(): Promise<void> {
    this.#pending ??= this.#fetch().finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  /**
   * The server has taken keys back: none is used any more until they have been fetched anew.
   * @throws Error when that fails; the next token tries again
   */
  async replace(): Promise<void> {
    this.#wanted += 1;
    await this.#catchUp();
  }

  /** Fetches once at least, and again when the fetch that was under way had begun before the keys changed. */
  async #catchUp(): Promise<void> {
    do await this.#refresh();
    while (this.#loaded < this.#wanted);
  }

  /** Fetches keys that cannot be done without, unless that has only just failed. */
  async #load(signal: AbortSignal | undefined): Promise<void> {
    try {
      if (this.#hasJustFailed()) throw this.#failure;
      await unlessAborted(this.#catchUp(), signal);
    } catch (cause) {
      signal?.throwIfAborted();
      throw new TokenRefusedError('unavailable', { cause });
    }
  }

  /** Fetches keys that are old. Nobody waits for a server that has already failed once: the old keys do. */
  async #renew(signal: AbortSignal | undefined): Promise<void> {
    if (this.#hasJustFailed()) return;
    const failing = this.#failure !== null;
    const renewed = this.#refresh().catch(() => undefined);
    if (!failing) await unlessAborted(renewed, signal);
  }

  #isTooEarly(): boolean {
    const { unknownKeyMilliseconds, steadyNow } = this.#options;
    const pause = this.#failure === null ? unknownKeyMilliseconds : RETRY_MILLISECONDS;
    return steadyNow() - this.#attemptedAt < pause;
  }

  #hasJustFailed(): boolean {
    return this.#pending === null && this.#failure !== null && this.#isTooEarly();
  }

  async #fetch(): Promise<void> {
    const { access, steadyNow, onError } = this.#options;
    const wanted = this.#wanted;
    this.#attemptedAt = steadyNow();
    try {
      // Caches in between may not know yet that keys have changed.
      const answer = await askServer(access, '/.well-known/jwks.json', { 'cache-control': 'no-cache' });
      if (answer.status !== 200) throw new Error(`the server answered ${answer.status} for its keys`);
      this.#keys = await this.#import(JSON.parse(answer.text));
      this.#freshUntil = this.#attemptedAt + this.#lifeIn(answer.headers);
      this.#loaded = wanted;
      this.#failure = null;
    } catch (cause) {
      this.#failure = new Error('the keys of the server cannot be fetched', { cause });
      if (!access.closed.aborted) onError(this.#failure);
      throw this.#failure;
    }
  }

  /** Keys that have not changed are not imported again. */
  async #import(body: unknown): Promise<ReadonlyMap<string, VerificationKey>> {
    const { keys } = (body ?? {}) as { keys?: unknown };
    if (!Array.isArray(keys)) throw new Error('what the server sent is no key set');
    const known = new Map([...this.#keys.values()].map((key) => [key.source, key]));
    const imported = await Promise.all(
      keys.map((jwk) => known.get(JSON.stringify(jwk)) ?? importPublicKey(jwk, this.#options.algorithms)),
    );
    return new Map(imported.flatMap((key) => (key?.keyId ? [[key.keyId, key]] : [])));
  }

  #lifeIn(headers: Headers): number {
    const seconds = /(?:^|[\s,])max-age=(\d+)/i.exec(headers.get('cache-control') ?? '')?.[1];
    if (seconds === undefined) return this.#options.lifeMilliseconds;
    return Math.min(LONGEST_LIFE_MILLISECONDS, Math.max(SHORTEST_LIFE_MILLISECONDS, Number(seconds) * 1000));
  }
}
