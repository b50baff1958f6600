import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PeerOrder } from '../peers/order.ts';
import { PASSWORD } from '../scenarios.ts';
import { passwordHashAtDefaults, start } from '../subject.ts';
import type { Contender, Dialect, Session } from './contender.ts';
import { betterAuthDialect, expressDialect, oidcDialect } from './dialects.ts';
import { PEERS } from './install-peers.ts';
import { together } from './latchkey.ts';
import {
  BETTER_AUTH,
  BETTER_AUTH_CACHE,
  BETTER_AUTH_DEFAULT,
  BETTER_AUTH_FEW_THREADS,
  EXPRESS,
  EXPRESS_LOOKUP,
  EXPRESS_NODE_RS,
  OIDC_PROVIDER,
} from './names.ts';
import { sqliteSize } from './sqlite-size.ts';

/** How a peer differs from another. */
interface PeerOptions {
  readonly name: string;
  readonly program: 'better-auth' | 'express' | 'oidc-provider';
  readonly dialect: Dialect;
  readonly hashing?: 'argon2id' | 'default';
  readonly cookieCache?: boolean;
  readonly looksSessionsUp?: boolean;
  readonly database?: string | null;
  readonly settings?: Readonly<Record<string, string>>;
}

function peer(people: number, options: PeerOptions): Contender & { readonly directory: string } {
  const directory = mkdtempSync(join(tmpdir(), `bench-${options.program}-`));
  const program = join(PEERS, 'dist', `${options.program}.js`);
  const order: PeerOrder = {
    task: 'seed',
    directory,
    database: options.database ?? null,
    people,
    password: PASSWORD,
    passwordHash: passwordHashAtDefaults(),
    hashing: options.hashing ?? 'argon2id',
    cookieCache: options.cookieCache ?? false,
    looksSessionsUp: options.looksSessionsUp ?? false,
  };
  execFileSync(process.execPath, [program, JSON.stringify(order)], { cwd: directory, stdio: 'ignore' });
  const args = [program, JSON.stringify({ ...order, task: 'serve' })];
  const settings = { NODE_ENV: 'production', ...options.settings };
  return {
    name: options.name,
    directory,
    dialect: options.dialect,
    start: async () =>
      together([await start(process.execPath, args, directory, settings, options.dialect.firstPath)]),
    ...(options.database ? {} : { storeSize: () => sqliteSize(join(directory, 'peer.db')) }),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** A peer where only one thing is to be seen. */
const only = (scenario: 'signIn' | 'session', dialect: Dialect): Dialect => ({
  ...dialect,
  scenarios: { [scenario]: dialect.scenarios[scenario] },
});

/** The hand-written server. */
export const expressServer = (people: number): Contender =>
  peer(people, { name: EXPRESS, program: 'express', dialect: expressDialect, hashing: 'default' });

/** The hand-written server with a session check that reads the session's row: one that was ended is refused at once. */
export const expressWithLookup = (people: number): Contender =>
  peer(people, {
    name: EXPRESS_LOOKUP,
    program: 'express',
    dialect: { ...only('session', expressDialect), revokesAtOnce: true },
    hashing: 'default',
    looksSessionsUp: true,
  });

/** The hand-written server with the build of argon2id that all the others have. */
export const expressNodeRs = (people: number): Contender =>
  peer(people, { name: EXPRESS_NODE_RS, program: 'express', dialect: only('signIn', expressDialect) });

/** Better Auth on better-sqlite3, with the hashing that all the others have. */
export const betterAuth = (people: number): Contender =>
  peer(people, { name: BETTER_AUTH, program: 'better-auth', dialect: betterAuthDialect });

/** Better Auth as it comes. */
export const betterAuthScrypt = (people: number): Contender =>
  peer(people, {
    name: BETTER_AUTH_DEFAULT,
    program: 'better-auth',
    dialect: only('signIn', betterAuthDialect),
    hashing: 'default',
  });

/** Better Auth with sessions that are remembered in a cookie for five minutes. */
export const betterAuthCookieCache = (people: number): Contender =>
  peer(people, {
    name: BETTER_AUTH_CACHE,
    program: 'better-auth',
    dialect: { ...only('session', betterAuthDialect), revokesAtOnce: false },
    cookieCache: true,
  });

/** Better Auth with as many pool threads as there are processors, which nobody's documents ask for. */
export const betterAuthFewThreads = (people: number, threads: number): Contender =>
  peer(people, {
    name: BETTER_AUTH_FEW_THREADS,
    program: 'better-auth',
    dialect: only('signIn', betterAuthDialect),
    settings: { UV_THREADPOOL_SIZE: String(threads) },
  });

/** Better Auth on PostgreSQL. */
export const betterAuthOnPostgres = (people: number, database: string): Contender =>
  peer(people, {
    name: `${BETTER_AUTH}, PostgreSQL`,
    program: 'better-auth',
    dialect: betterAuthDialect,
    database,
  });

/** oidc-provider, with the sessions that it begins with. */
export function oidcProvider(people: number): Contender {
  const contender = peer(people, {
    name: OIDC_PROVIDER,
    program: 'oidc-provider',
    dialect: oidcDialect,
  });
  const written = readFileSync(join(contender.directory, 'tokens.json'), 'utf8');
  const { refresh, access } = JSON.parse(written) as Record<'refresh' | 'access', readonly string[]>;
  const sessions = refresh.map(
    (refreshToken, index): Session => ({ refreshToken, credential: access[index] ?? '' }),
  );
  // Its store has those sessions in it from the beginning: it cannot be divided by its accounts.
  const { storeSize: _, ...rest } = contender;
  return { ...rest, prepared: () => sessions };
}
