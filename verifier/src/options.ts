import type { Algorithm } from './compact-token.ts';
import type { Revocation } from './session-revoked.ts';

/** How a verifier is set up. Only `issuer` must be given. */
export interface VerifierOptions {
  /** The server's `publicUrl`, exactly as it stands in the tokens. Keys and revocations are fetched below it. */
  readonly issuer: string;
  /** Who the tokens must be for: the mount's `audience`. By default the issuer, as on the server. */
  readonly audience?: string;
  /** The algorithms that are taken. By default ES256, EdDSA and RS256; with a `secret`, HS256 and no other. */
  readonly algorithms?: readonly Algorithm[];
  /** The secret that an HS256 mount shares with this resource server. */
  readonly secret?: string;
  /** Where it is left out, an ended session is noticed when its token expires, and not before. */
  readonly revocations?: RevocationOptions;
  /** How far the clocks may be apart, in seconds. By default 10. */
  readonly clockToleranceSeconds?: number;
  /** The longest `accessTokenSeconds` of the server's mounts; tokens that live longer are refused. By default 86,400. */
  readonly maxTokenSeconds?: number;
  /** What is kept in memory, and for how long. */
  readonly cache?: CacheOptions;
  /** Told of what went wrong in the background, and is tried again: keys or a feed that could not be had. */
  readonly onError?: (error: Error) => void;
  /** In the place of the global one. It must be able to stream an answer. */
  readonly fetch?: typeof fetch;
  /** Milliseconds since 1970, for tests. By default the machine's. */
  readonly now?: () => number;
}

/** How a verifier learns of sessions that end. */
export interface RevocationOptions {
  /** What `latchkey resource-server add` gave this resource server. */
  readonly credential: string;
  /**
   * How old what the feed told may be. When it is older, the server is asked about every token. By default 10,000.
   */
  readonly maxStalenessMilliseconds?: number;
  /** The feed is not believed any more since it is so old; null when it has never been caught up with. Told once. */
  readonly onStale?: (milliseconds: number | null) => void;
  /** The feed is believed again, after `onStale`. */
  readonly onFresh?: () => void;
  /** The tokens of a session are revoked: close what is open for it. After a lost connection it may be told again. */
  readonly onRevoked?: (revocation: Revocation) => void;
}

/** What is kept in memory. */
export interface CacheOptions {
  /** How many tokens whose signature was right are remembered; 0 for none. By default 10,000, about 2 KiB each. */
  readonly tokens?: number;
  /** How many ended sessions are held; of tokens older than what had to go, the server is asked. By default 1,000,000. */
  readonly revokedSessions?: number;
  /** How long keys are used when the server names no `max-age`, in seconds. By default 300. */
  readonly keySeconds?: number;
  /** How long after a fetch an unknown key id leads to no other, in milliseconds. By default 5,000. */
  readonly unknownKeyMilliseconds?: number;
}

const ASYMMETRIC = ['ES256', 'EdDSA', 'RS256'] as const;
const SHORTEST_SECRET_BYTES = 32;

/** The options with their defaults. */
export type Settings = ReturnType<typeof settingsOf>;

/**
 * Puts the defaults in.
 * @throws TypeError for options that cannot work, all that is wrong in its message
 */
export function settingsOf(options: VerifierOptions) {
  const { issuer, secret, revocations, cache = {} } = options;
  const problems = problemsOf(options);
  if (problems.length > 0) throw new TypeError(`the verifier cannot work like this: ${problems.join('; ')}`);
  const algorithms = options.algorithms ?? (secret === undefined ? ASYMMETRIC : (['HS256'] as const));
  return {
    issuer,
    baseUrl: issuer.replace(/\/$/, ''),
    audience: options.audience ?? issuer,
    algorithms: new Set<Algorithm>(algorithms),
    secret: secret ?? null,
    revocations: revocations ?? null,
    maxStalenessMilliseconds: revocations?.maxStalenessMilliseconds ?? 10_000,
    clockToleranceSeconds: options.clockToleranceSeconds ?? 10,
    maxTokenSeconds: options.maxTokenSeconds ?? 86_400,
    rememberedTokens: cache.tokens ?? 10_000,
    revokedSessions: cache.revokedSessions ?? 1_000_000,
    keyMilliseconds: (cache.keySeconds ?? 300) * 1000,
    unknownKeyMilliseconds: cache.unknownKeyMilliseconds ?? 5000,
    fetch: options.fetch ?? fetch,
    now: options.now ?? Date.now,
  };
}

function problemsOf({ issuer, algorithms, secret, revocations, ...numbers }: VerifierOptions): string[] {
  const url = URL.canParse(issuer) ? new URL(issuer) : null;
  const isAddress = url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '';
  const listed = new Set<string>(algorithms ?? []);
  const known = new Set<string>([...ASYMMETRIC, 'HS256']);
  const amounts = {
    clockToleranceSeconds: numbers.clockToleranceSeconds,
    maxTokenSeconds: numbers.maxTokenSeconds,
    'revocations.maxStalenessMilliseconds': revocations?.maxStalenessMilliseconds,
    ...Object.fromEntries(
      Object.entries(numbers.cache ?? {}).map(([name, value]) => [`cache.${name}`, value]),
    ),
  };
  return [
    ...(isAddress ? [] : ['issuer must be an http or https address']),
    ...(algorithms?.length === 0 ? ['algorithms must not be empty'] : []),
    ...[...listed].filter((name) => !known.has(name)).map((name) => `${name} is no algorithm of Latchkey's`),
    ...(listed.has('HS256') && secret === undefined ? ['HS256 needs the secret'] : []),
    ...(algorithms && secret !== undefined && !listed.has('HS256') ? ['a secret is for HS256 only'] : []),
    ...(secret !== undefined && new TextEncoder().encode(secret).length < SHORTEST_SECRET_BYTES
      ? [`secret must have ${SHORTEST_SECRET_BYTES} bytes at least`]
      : []),
    // It goes into a header.
    ...(revocations && !/^[\x21-\x7e]+$/.test(revocations.credential)
      ? ['revocations.credential must be the text that the server gave']
      : []),
    ...Object.entries(amounts)
      .filter(([, value]) => value !== undefined && !(Number.isFinite(value) && Number(value) >= 0))
      .map(([name]) => `${name} must be 0 or more`),
  ];
}
