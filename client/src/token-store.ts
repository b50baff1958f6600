/** The tokens of a session. */
export interface Tokens {
  readonly accessToken: string;
  /** Null where the contract hands none out. */
  readonly refreshToken: string | null;
  /** When they came, in milliseconds since 1970 by this machine's clock: the server's may show another time. */
  readonly receivedAt: number;
}

/** Where tokens are kept. */
export interface TokenStore {
  get(): Promise<Tokens | null> | Tokens | null;
  set(tokens: Tokens): Promise<void> | void;
  clear(): Promise<void> | void;
  /**
   * The name of the Web Lock under which tokens are renewed: the same for all that see the same tokens, and null when
   * nobody else does. When it is left out, a browser's is named after the server and the contract, and there is none
   * elsewhere.
   */
  readonly lockName?: string | null;
}

/** What `localStorage` and `sessionStorage` have. */
export interface WebStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Keeps tokens as long as the page or process lives. */
export function memoryStore(): TokenStore {
  let kept: Tokens | null = null;
  return {
    lockName: null,
    get: () => kept,
    set(tokens) {
      kept = tokens;
    },
    clear() {
      kept = null;
    },
  };
}

/**
 * Keeps tokens in `localStorage`, for every tab, or in `sessionStorage`.
 * @param key one for each client of a site: two clients with one key would take each other's tokens away
 */
export function webStore(storage: WebStorage, key = 'latchkey'): TokenStore {
  return {
    lockName: `latchkey:${key}`,
    get: () => readTokens(storage.getItem(key)),
    set: (tokens) => storage.setItem(key, JSON.stringify(tokens)),
    clear: () => storage.removeItem(key),
  };
}

/** Tokens from what anybody may have written there. */
function readTokens(text: string | null): Tokens | null {
  const read = parse(text ?? 'null');
  if (typeof read !== 'object' || read === null) return null;
  const { accessToken, refreshToken, receivedAt } = read as Partial<Record<keyof Tokens, unknown>>;
  const isSound =
    typeof accessToken === 'string' &&
    (typeof refreshToken === 'string' || refreshToken === null) &&
    typeof receivedAt === 'number';
  return isSound ? { accessToken, refreshToken, receivedAt } : null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
