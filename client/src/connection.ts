import type { Operations } from './api-types.ts';

/** How requests are made; the platform's `fetch` by default. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** An endpoint: its method and path, as the description of the API has them. */
export type OperationName = keyof Operations;

/** What the server answered, its body read. */
export interface Reply {
  readonly operation: OperationName;
  readonly status: number;
  /** The JSON in the body; undefined where there is none. */
  readonly body: unknown;
  /** From `Retry-After`; one second where the answer does not say. */
  readonly retryAfterSeconds: number;
}

/** What goes along with a request. */
export interface Sending {
  readonly bearer?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Takes the place of `{id}` in the path. */
  readonly id?: string;
  /** Whether it is to arrive even when the page goes away meanwhile. */
  readonly keepalive?: boolean;
}

/** A server, and the place below which a contract is mounted there. */
export class Connection {
  readonly root: URL;
  readonly fetch: Fetch;
  readonly #base: string;
  readonly #mount: string;

  constructor(url: string | URL, prefix: string, fetch: Fetch | undefined) {
    this.root = new URL(url, (globalThis as { location?: { href: string } }).location?.href);
    this.#base = this.root.origin + this.root.pathname.replace(/\/+$/, '');
    this.#mount = prefix;
    // Looked up at each call, and not taken off its object: a page may have put another one in its place.
    this.fetch = fetch ?? ((input, init) => globalThis.fetch(input, init));
  }

  /** The request of an operation. It is not followed to another place: it carries what must not get there. */
  request<Name extends OperationName>(
    operation: Name,
    body: Operations[Name]['request'],
    sending: Sending = {},
  ): Request {
    const [method = '', path = ''] = operation.split(' ');
    const below = path.startsWith('/v1/') ? '' : this.#mount;
    const { bearer, headers, signal, id = '', keepalive = false } = sending;
    const address = this.#base + below + path.replace('{id}', encodeURIComponent(id));
    return new Request(address, {
      method,
      headers: {
        ...headers,
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === null ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
      redirect: 'error',
      cache: 'no-store',
      keepalive,
      signal: signal ?? null,
    });
  }

  /** Sends an operation's request and reads the answer. */
  async send<Name extends OperationName>(
    operation: Name,
    body: Operations[Name]['request'],
    sending: Sending = {},
  ): Promise<Reply> {
    return readReply(operation, await this.fetch(this.request(operation, body, sending)));
  }
}

/** Reads an answer to its end. */
export async function readReply(operation: OperationName, response: Response): Promise<Reply> {
  return {
    operation,
    status: response.status,
    body: parse(await response.text()),
    retryAfterSeconds: retryAfterSeconds(response.headers.get('retry-after')),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Seconds, or a date where something in between has written one. */
function retryAfterSeconds(header: string | null): number {
  if (header === null) return 1;
  const seconds = /^\d+$/.test(header) ? Number(header) : Math.ceil((Date.parse(header) - Date.now()) / 1000);
  return Number.isFinite(seconds) ? Math.max(1, seconds) : 1;
}

/** A member of a JSON object; undefined of anything else. */
export function memberOf(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, name)
    ? (body as Record<string, unknown>)[name]
    : undefined;
}

/** A text in a JSON object; empty where there is none. */
export function textOf(body: unknown, name: string): string {
  const value = memberOf(body, name);
  return typeof value === 'string' ? value : '';
}
