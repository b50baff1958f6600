/** What a peer is asked to do: the only argument of its program, as JSON. */
export interface PeerOrder {
  /** `seed` makes a store with accounts, `serve` serves it. */
  readonly task: 'seed' | 'serve';
  /** A folder that is its own. */
  readonly directory: string;
  /** A PostgreSQL database instead of a file in the folder. */
  readonly database: string | null;
  /** How many accounts: `person0@example.com` and so on, with one password. */
  readonly people: number;
  readonly password: string;
  /** Its argon2id hash. */
  readonly passwordHash: string;
  /** What passwords are hashed with: `@node-rs/argon2`, as Latchkey has it, or what one would take without being told. */
  readonly hashing: 'argon2id' | 'default';
  /** Whether checked sessions are remembered in a cookie, where there is a choice. */
  readonly cookieCache: boolean;
  /** Whether a session check reads the session's row, where there is a choice. */
  readonly looksSessionsUp: boolean;
}

/** The order of this process. */
export const order = JSON.parse(process.argv[2] ?? '{}') as PeerOrder;

/** The cost that every subject hashes passwords at. */
export const ARGON2ID = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** The accounts that a store is to have. */
export function people(): { readonly id: string; readonly username: string; readonly email: string }[] {
  return Array.from({ length: order.people }, (_, index) => ({
    id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    username: `person${index}`,
    email: `person${index}@example.com`,
  }));
}
