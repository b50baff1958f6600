import type { ScenarioName } from '../scenarios.ts';

/** What a sign-in or a refresh gives. */
export interface Session {
  /** What later requests show. */
  readonly credential: string;
  /** What it is refreshed with, where it can be. */
  readonly refreshToken: string | null;
}

/** How a kind of server is spoken to. */
export interface Dialect {
  /** The loads that it can be put under. */
  readonly scenarios: Readonly<Partial<Record<'signIn' | 'refresh' | 'session', ScenarioName>>>;
  /** What is cheap, and answered without an account. */
  readonly firstPath: string;
  /** Whether a credential is refused at once when its session has ended. */
  readonly revokesAtOnce: boolean;
  /** Null when it is refused. */
  signIn?(url: string, username: string, password: string): Promise<Session | null>;
  /** Null when it is refused. */
  refresh?(url: string, session: Session): Promise<Session | null>;
  /** Whether the server takes a credential for that of a session. */
  stands(url: string, credential: string): Promise<boolean>;
  signOut(url: string, session: Session): Promise<void>;
}

/** A server that runs, in one process or several. */
export interface Running {
  readonly urls: readonly string[];
  readonly pids: readonly number[];
  /** From the start of the process to its first answer. */
  readonly startMilliseconds: number;
  stop(): Promise<void>;
}

/** What its store takes. */
export interface StoreSize {
  readonly bytes: number;
  readonly sessions: number;
}

/** A server with a store of its own that has the accounts in it, to be compared with others. */
export interface Contender {
  readonly name: string;
  readonly dialect: Dialect;
  start(): Promise<Running>;
  /** Sessions to begin with, where there is no sign-in to make them by. */
  prepared?(): Session[];
  /** What the store takes, while nothing runs; left out where it is a server of its own. */
  storeSize?(): StoreSize;
  remove(): void;
}
