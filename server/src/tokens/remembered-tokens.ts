/** How many tokens each of the two generations holds. */
const GENERATION_TOKENS = 10_000;

/** As much of a token's end as tells tokens apart: a signature of ES256 or EdDSA. */
const END_LENGTH = 86;

/**
 * Genuine tokens that were seen lately, and what they say: a signature is verified once, not at every request. A generation
 * that is full becomes the one before, and what was that is forgotten; what is asked for stays. So the most that is
 * remembered is bounded, and forgetting costs the same however much that is.
 */
export class RememberedTokens<Claims> {
  #young = new Map<string, { readonly token: string; readonly claims: Claims }>();
  #old = new Map<string, { readonly token: string; readonly claims: Claims }>();

  /** What a token says that was remembered, byte for byte the same; undefined for any other. */
  get(token: string): Claims | undefined {
    const end = token.slice(-END_LENGTH);
    const young = this.#young.get(end);
    if (young !== undefined) return young.token === token ? young.claims : undefined;
    const old = this.#old.get(end);
    if (old === undefined || old.token !== token) return undefined;
    this.#keep(end, old);
    return old.claims;
  }

  /** Remembers what a token says. It must be genuine. */
  set(token: string, claims: Claims): void {
    this.#keep(token.slice(-END_LENGTH), { token, claims });
  }

  #keep(end: string, remembered: { readonly token: string; readonly claims: Claims }): void {
    if (this.#young.size >= GENERATION_TOKENS) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(end, remembered);
  }
}
