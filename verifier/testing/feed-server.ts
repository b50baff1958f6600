import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeSigner } from './signer.ts';

/** How the server behaves. */
export interface Behaviour {
  credential: string;
  heartbeatMilliseconds: number;
  /** Whether followers are told that they have caught up. */
  catchesUp: boolean;
  keys: readonly object[];
  /** How long the answer with the keys takes. */
  keysMilliseconds: number;
  /** The status of the feed, where it is not served. */
  feedStatus: number;
  /** The answer to introspection; null for what the revoked sessions say. */
  session: { status: number; body: string; headers?: Record<string, string> } | null;
}

/** A server with keys, introspection and a feed, that speaks as the real one does and can be made to misbehave. */
export class FeedServer {
  readonly signer = makeSigner();
  /** To be changed by tests. */
  readonly behaviour: Behaviour = {
    credential: 'the-credential',
    heartbeatMilliseconds: 50,
    catchesUp: true,
    keys: [this.signer.jwk],
    keysMilliseconds: 0,
    feedStatus: 200,
    session: null,
  };
  /** The `Last-Event-ID` of each follower that came; null for none. */
  readonly followers: (string | null)[] = [];
  /** How often each path was asked for. */
  readonly asked: Record<string, number> = {};
  readonly #server: Server = createServer((request, response) => this.#answer(request, response));
  readonly #events: string[] = [];
  readonly #following = new Set<ServerResponse>();
  readonly #revokedAt = new Map<string, number>();
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens, after a stop on the same port again. */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Stops listening, and cuts every connection. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  /** Cuts every connection. */
  cut(): void {
    this.#server.closeAllConnections();
  }

  /** What a token of this server's says beside the rest. */
  claims(claims: Record<string, unknown> = {}): Record<string, unknown> {
    return { iss: this.url, aud: this.url, ...claims };
  }

  /**
   * Revokes the tokens of a session, and tells every follower.
   * @param at seconds since 1970
   * @param issuedUntil those issued later are good; null where the session has ended
   */
  revoke(
    sessionId: string,
    at: number = Math.floor(Date.now() / 1000),
    issuedUntil: number | null = null,
  ): void {
    this.#revokedAt.set(sessionId, issuedUntil ?? Number.POSITIVE_INFINITY);
    const event = revokedEvent(this.url, this.#events.length + 1, { sessionId, at, issuedUntil });
    this.#events.push(event);
    this.write(event);
  }

  /** Writes something to every follower, as it stands. */
  write(text: string): void {
    for (const follower of this.#following) follower.write(text);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = new URL(request.url ?? '', this.url).pathname;
    this.asked[path] = (this.asked[path] ?? 0) + 1;
    const { keys, keysMilliseconds } = this.behaviour;
    if (path === '/.well-known/jwks.json') setTimeout(() => json(response, 200, { keys }), keysMilliseconds);
    else if (path === '/v1/session') this.#introspect(request, response);
    else if (path === '/v1/revocations') this.#follow(request, response);
    else json(response, 200, { active: true });
  }

  #introspect(request: IncomingMessage, response: ServerResponse): void {
    const { session } = this.behaviour;
    if (session !== null) {
      response.writeHead(session.status, session.headers).end(session.body);
      return;
    }
    const payload = request.headers.authorization?.split('.')[1] ?? '';
    const { sid, iat } = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const active = iat > (this.#revokedAt.get(sid) ?? 0);
    json(response, active ? 200 : 401, { active });
  }

  #follow(request: IncomingMessage, response: ServerResponse): void {
    const { credential, feedStatus, heartbeatMilliseconds, catchesUp } = this.behaviour;
    const status = request.headers.authorization === `Bearer ${credential}` ? feedStatus : 401;
    if (status !== 200) {
      json(response, status, { error: { code: 'unauthorised', message: '', requestId: '' } });
      return;
    }
    const last = request.headers['last-event-id'];
    this.followers.push(last === undefined ? null : String(last));
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.write('retry: 500\n\n');
    for (const event of this.#events.slice(Number(last ?? 0))) response.write(event);
    this.#following.add(response);
    const say = (name: string) => response.write(`event: ${name}\ndata: {"at":${Date.now()}}\n\n`);
    if (catchesUp) say('caught-up');
    const timer = setInterval(() => say('heartbeat'), heartbeatMilliseconds);
    response.once('close', () => {
      clearInterval(timer);
      this.#following.delete(response);
    });
  }
}

/** The event that says that a session was revoked. */
export function revokedEvent(
  issuer: string,
  id: number,
  { sessionId, at, issuedUntil }: { sessionId: string; at: number; issuedUntil: number | null },
): string {
  const data = {
    iss: issuer,
    aud: ['a-service'],
    iat: at,
    jti: String(id),
    sub_id: {
      format: 'complex',
      session: { format: 'opaque', id: sessionId },
      user: { format: 'iss_sub', iss: issuer, sub: 'ada' },
    },
    events: {
      'https://schemas.openid.net/secevent/caep/event-type/session-revoked': {
        event_timestamp: at,
        ...(issuedUntil === null ? {} : { tokens_issued_until: issuedUntil }),
        initiating_entity: 'user',
        reason_admin: { en: 'signed-out' },
      },
    },
  };
  return `id: ${id}\nevent: session-revoked\ndata: ${JSON.stringify(data)}\n\n`;
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'max-age=300' });
  response.end(JSON.stringify(body));
}
