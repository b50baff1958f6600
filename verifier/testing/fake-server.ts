import type { JWK } from 'jose';

/** What the fake server answers a request with. */
export interface FakeAnswer {
  readonly status?: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

/** A server that answers without a network, and can be down. */
export interface FakeServer {
  readonly fetch: typeof fetch;
  /** The paths that were asked for, in their order. */
  readonly asked: string[];
  /** The headers of the last request. */
  headers: Headers;
  keys: readonly JWK[];
  /** In the place of the keys. */
  keysAnswer: FakeAnswer | null;
  cacheControl: string | null;
  /** What `/v1/session` answers. */
  session: FakeAnswer;
  isDown: boolean;
  /** Set to hold answers back; to be called to let them go. */
  hold(): () => void;
}

/** @param keys those that are published */
export function makeFakeServer(...keys: readonly JWK[]): FakeServer {
  let held: Promise<void> = Promise.resolve();
  const server: FakeServer = {
    asked: [],
    headers: new Headers(),
    keys,
    keysAnswer: null,
    cacheControl: 'public, max-age=300',
    session: { body: { active: true } },
    isDown: false,
    hold() {
      let release = () => {};
      held = new Promise((resolve) => {
        release = resolve;
      });
      return release;
    },
    fetch: (async (input: string, init?: RequestInit) => {
      server.asked.push(new URL(input).pathname);
      server.headers = new Headers(init?.headers);
      const answer = answerTo(server, new URL(input).pathname);
      await Promise.race([held, aborted(init?.signal)]);
      if (server.isDown) throw new TypeError('fetch failed');
      return new Response(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body), {
        status: answer.status ?? 200,
        headers: answer.headers ?? {},
      });
    }) as typeof fetch,
  };
  return server;
}

function answerTo(server: FakeServer, path: string): FakeAnswer {
  if (path === '/v1/session') return server.session;
  if (path !== '/.well-known/jwks.json') return { status: 404, body: {} };
  if (server.keysAnswer !== null) return server.keysAnswer;
  return {
    body: { keys: server.keys },
    headers: server.cacheControl === null ? {} : { 'cache-control': server.cacheControl },
  };
}

function aborted(signal: AbortSignal | null | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
