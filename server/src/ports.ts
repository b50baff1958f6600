import { randomBytes } from 'node:crypto';

/** Where the time comes from. Tests move it; nothing else in the product reads the wall clock. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
}

/** Where secrets come from: a cryptographically secure source of bytes. */
export interface Random {
  /** That many fresh bytes. */
  bytes(count: number): Buffer;
}

/** The machine's own clock. */
export const systemClock: Clock = { now: () => Date.now() };

const POOL_BYTES = 4096;
let pool = Buffer.alloc(0);

/** Node's CSPRNG, drawn a page at a time: one system call serves many small secrets. */
export const systemRandom: Random = {
  bytes(count) {
    if (count > POOL_BYTES / 8) return randomBytes(count);
    if (pool.length < count) pool = randomBytes(POOL_BYTES);
    const drawn = pool.subarray(0, count);
    pool = pool.subarray(count);
    return drawn;
  },
};

/** The part of pino's interface that the core writes to; the first argument holds the fields, the second the message. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a process knows of those that serve beside it, as one server on one port. */
export interface Worker {
  /** How many there are, this one included. */
  readonly count: number;
  /** Which of them it is, from 0 on; the one that replaces another has the same. */
  readonly place: number;
  /** Whether none has served before it: what is done once at a start is its part. */
  readonly isFirst: boolean;
}
