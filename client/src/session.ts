import type { Operations } from './api-types.ts';
import {
  Connection,
  type Fetch,
  type OperationName,
  type Reply,
  readReply,
  type Sending,
} from './connection.ts';
import type { Dialect } from './dialect.ts';
import { UnexpectedReplyError } from './errors.ts';
import type { CallOptions, NotDone, SignedIn } from './results.ts';
import { failureOf, notDone } from './settle.ts';
import { TokenKeeper } from './token-keeper.ts';
import { memoryStore, type TokenStore, type Tokens } from './token-store.ts';
import { untilAborted } from './until-aborted.ts';

/** How a client is set up. */
export interface SessionOptions {
  /** Where the server is; in a browser it may be relative to the page. */
  readonly url: string | URL;
  /** The prefix of the mount, such as `/legacy`. */
  readonly prefix?: string;
  /** Where tokens are kept: in memory, when nothing else is said. */
  readonly store?: TokenStore;
  /** How requests are made, when not by the platform's `fetch`. */
  readonly fetch?: Fetch;
  /** Origins beside the server's that `client.fetch` may show the access token to. */
  readonly origins?: readonly string[];
  /** How long before its end an access token is renewed: 30 s, and a tenth of its life at most. */
  readonly refreshAheadSeconds?: number;
  /** The clock, in milliseconds since 1970. */
  readonly now?: () => number;
}

const REFRESH_AHEAD_SECONDS = 30;

/** The session of one client: what it sends, with and without its tokens. */
export class Session {
  readonly keeper: TokenKeeper;
  readonly dialect: Dialect;
  readonly #connection: Connection;
  readonly #origins: ReadonlySet<string>;

  constructor(options: SessionOptions, contract: string, dialect: Dialect) {
    const { url, prefix = '', store = memoryStore(), fetch, origins = [], now = Date.now } = options;
    const connection = new Connection(url, prefix, fetch);
    this.dialect = dialect;
    this.#connection = connection;
    this.#origins = new Set([connection.root.origin, ...origins.map((origin) => new URL(origin).origin)]);
    this.keeper = new TokenKeeper({
      connection,
      dialect,
      store,
      lockName: store.lockName === undefined ? defaultLockName(connection, prefix, contract) : store.lockName,
      refreshAheadSeconds: options.refreshAheadSeconds ?? REFRESH_AHEAD_SECONDS,
      now,
    });
  }

  /** Sends an operation that needs no session. */
  send<Name extends OperationName>(
    operation: Name,
    body: Operations[Name]['request'],
    sending: Sending = {},
  ): Promise<Reply> {
    return this.#connection.send(operation, body, sending);
  }

  /** Keeps the tokens of an answer that completes a sign-in. */
  async signedIn<Body>(reply: Reply): Promise<SignedIn<Body>> {
    const pair = this.dialect.tokensOf(reply.body);
    if (pair === null) throw new UnexpectedReplyError(reply.operation, reply.status, reply.body);
    await this.keeper.locked(() => this.keeper.keep(pair));
    return { kind: 'signed-in', body: reply.body as Body };
  }

  /** An answer of the contract's own that is no success. */
  notDone(reply: Reply): NotDone {
    return notDone(reply, this.dialect.reasonOf);
  }

  /** Sends any request with the access token; once more with a new one, when the first is answered with 401. */
  async fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const request = new Request(
      input instanceof Request ? input : new URL(input, this.#connection.root),
      init,
    );
    const { origin } = new URL(request.url);
    if (!this.#origins.has(origin))
      throw new TypeError(`the access token is not for ${origin}: name it in \`origins\` if it is`);
    return this.#authorised(request, ({ refreshToken }) => refreshToken !== null);
  }

  /** Sends an operation that needs a session, and reads the answer. */
  async call<Name extends OperationName>(
    operation: Name,
    body: Operations[Name]['request'],
    sending: Sending = {},
  ): Promise<Reply> {
    const request = this.#connection.request(operation, body, sending);
    // The server itself says that the token is no good: there is no other meaning to it.
    return readReply(operation, await this.#authorised(request, () => true));
  }

  /** The body of a call's answer. @throws TryLaterError, UnexpectedReplyError when it is no success */
  async bodyOf<Name extends OperationName>(
    operation: Name,
    body: Operations[Name]['request'],
    { signal }: CallOptions,
  ): Promise<Operations[Name]['reply']> {
    const reply = await this.call(operation, body, { signal });
    if (reply.status !== 200 || reply.body === undefined) throw failureOf(reply);
    return reply.body as Operations[Name]['reply'];
  }

  async #authorised(request: Request, isRenewedAfter: (tokens: Tokens) => boolean): Promise<Response> {
    const { signal } = request;
    const again = request.clone();
    const tokens = await untilAborted(() => this.keeper.current(), signal);
    const first = await this.#connection.fetch(withBearer(request, tokens));
    if (first.status !== 401 || !(isRenewedAfter(tokens) || this.keeper.isOver(tokens))) return first;
    await first.body?.cancel();
    const renewed = await untilAborted(() => this.keeper.renewed(tokens), signal);
    return this.#connection.fetch(withBearer(again, renewed));
  }
}

/** For a store that does not say: a browser's may be seen by other tabs, and everybody else's is their own. */
function defaultLockName({ root }: Connection, prefix: string, contract: string): string | null {
  return 'location' in globalThis ? `latchkey:${root.href}${prefix}:${contract}` : null;
}

function withBearer(request: Request, { accessToken }: Tokens): Request {
  const authorised = new Request(request);
  authorised.headers.set('authorization', `Bearer ${accessToken}`);
  return authorised;
}
