import { compactVerify } from 'jose';
import { type CheckedClaims, checkClaims, type Expectations } from './check-claims.ts';
import {
  type Algorithm,
  headerSegmentOf,
  parseObject,
  readHeader,
  type TokenHeader,
} from './compact-token.ts';
import type { KeySet } from './key-set.ts';
import { TokenRefusedError } from './refusal.ts';
import type { VerificationKey } from './verification-key.ts';

/** What it takes to tell genuine tokens. */
export interface GenuineTokensOptions extends Expectations {
  readonly algorithms: ReadonlySet<Algorithm>;
  /** Null where only the secret is taken. */
  readonly keys: KeySet | null;
  /** Null where there is none. */
  readonly secret: Promise<VerificationKey> | null;
  /** How many are remembered; 0 for none. */
  readonly remember: number;
}

const REMEMBERED_HEADERS = 32;

interface GenuineToken {
  readonly claims: CheckedClaims;
  readonly key: VerificationKey;
}

/**
 * Tells genuine tokens: those that the server signed, for this audience. Times and sessions are not its business.
 *
 * Tokens that were genuine are remembered by their whole text: a client sends the same one again and again, and checking a
 * signature costs more than all the rest. Whether the key is still published is asked each time all the same.
 */
export class GenuineTokens {
  readonly #options: GenuineTokensOptions;
  readonly #tokens = new Map<string, GenuineToken>();
  /** Headers of genuine tokens: a server writes the same few again and again, and decoding one is not for nothing. */
  readonly #headers = new Map<string, TokenHeader>();

  constructor(options: GenuineTokensOptions) {
    this.#options = options;
  }

  /**
   * The claims of a genuine token. They are frozen, since others may be given the same.
   * @throws TokenRefusedError for any other; the signal's reason when it is aborted
   */
  async claimsOf(token: string, signal?: AbortSignal): Promise<CheckedClaims> {
    // Looking a text up that was never seen costs a walk over it.
    const known = this.#tokens.size === 0 ? undefined : this.#tokens.get(token);
    if (known !== undefined && this.#isAtHand(known.key)) return known.claims;
    const segment = headerSegmentOf(token);
    const header = this.#headers.get(segment) ?? readHeader(segment, this.#options.algorithms);
    const key = await this.#keyFor(header, signal);
    if (known?.key === key) return known.claims;
    const payload = await signedPayload(token, key);
    const claims = freeze(checkClaims(parseObject(payload), this.#options));
    putBounded(this.#headers, segment, header, REMEMBERED_HEADERS);
    putBounded(this.#tokens, token, { claims, key }, this.#options.remember);
    return claims;
  }

  /** Whether a key is the one that is published now, as far as can be said at once. */
  #isAtHand(key: VerificationKey): boolean {
    return key.keyId === null || this.#options.keys?.atHand(key.keyId) === key;
  }

  /** Waits for nothing that is there already: most tokens are signed with a key that is. */
  #keyFor(
    { algorithm, keyId }: TokenHeader,
    signal?: AbortSignal,
  ): VerificationKey | Promise<VerificationKey> {
    const { secret, keys } = this.#options;
    if (algorithm === 'HS256' && secret !== null) return secret;
    if (keyId === null || keys === null) throw new TokenRefusedError('unknown-key');
    const key = keys.atHand(keyId);
    return key
      ? forAlgorithm(key, algorithm)
      : keys.find(keyId, signal).then((found) => forAlgorithm(found, algorithm));
  }
}

/** A key is for one algorithm, whatever the token says. */
function forAlgorithm(key: VerificationKey | undefined, algorithm: Algorithm): VerificationKey {
  if (key === undefined) throw new TokenRefusedError('unknown-key');
  if (key.algorithm !== algorithm) throw new TokenRefusedError('wrong-algorithm');
  return key;
}

/** Puts an entry in, and the first one out where there are more than the limit. */
function putBounded<Key, Value>(entries: Map<Key, Value>, key: Key, value: Value, limit: number): void {
  if (limit === 0) return;
  entries.set(key, value);
  if (entries.size <= limit) return;
  for (const first of entries.keys()) {
    entries.delete(first);
    return;
  }
}

async function signedPayload(token: string, { key, algorithm }: VerificationKey): Promise<Uint8Array> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
    return payload;
  } catch (cause) {
    throw new TokenRefusedError('bad-signature', { cause });
  }
}

function freeze<Value extends object>(value: Value): Value {
  for (const member of Object.values(value))
    if (typeof member === 'object' && member !== null) freeze(member);
  return Object.freeze(value);
}
