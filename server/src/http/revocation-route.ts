import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { WireRequest } from '../contracts/contract.ts';
import { wireRequestOf } from './caller.ts';

/** One event of a stream (WHATWG HTML, server-sent events). */
interface ServerSentEvent {
  readonly event: string;
  readonly id?: number;
  readonly data: object;
}

/** What the route needs. */
export interface RevocationRouteOptions {
  /** The name of the resource server whose credential it is; null for nobody's. */
  readonly resourceServer: (credential: string) => Promise<string | null>;
  readonly follow: (follower: {
    readonly audience: string;
    readonly after: number;
    readonly isAdmitted: () => Promise<boolean>;
    readonly signal: AbortSignal;
  }) => AsyncIterable<ServerSentEvent>;
}

/** How long a follower waits before it comes back, if nothing else tells it. */
const RETRY_MILLISECONDS = 500;

/** `GET /v1/revocations`: what resource servers follow, for as long as they like. Streams end when the server does. */
export function registerRevocationRoute(server: FastifyInstance, options: RevocationRouteOptions): void {
  const closing = new AbortController();
  server.addHook('preClose', async () => closing.abort());

  server.get('/v1/revocations', { config: { quiet: true } }, async (request, reply) => {
    const wire = wireRequestOf(request);
    const whoIs = async () => (wire.bearer === null ? null : options.resourceServer(wire.bearer));
    const audience = await whoIs();
    if (audience === null) return refuse(reply, request.id);
    const gone = new AbortController();
    const signal = AbortSignal.any([closing.signal, gone.signal]);
    request.raw.once('close', () => gone.abort());
    const events = options.follow({
      audience,
      after: lastEventId(wire),
      isAdmitted: async () => (await whoIs()) === audience,
      signal,
    });
    return reply
      .type('text/event-stream; charset=utf-8')
      .header('x-accel-buffering', 'no')
      .send(Readable.from(written(events)));
  });
}

/** Where a follower that comes back goes on. What is no number begins anew. */
function lastEventId(wire: WireRequest): number {
  const given = wire.header('last-event-id');
  const id = typeof given === 'string' ? Number(given) : 0;
  return Number.isSafeInteger(id) && id > 0 ? id : 0;
}

async function* written(events: AsyncIterable<ServerSentEvent>): AsyncGenerator<string> {
  yield `retry: ${RETRY_MILLISECONDS}\n\n`;
  for await (const { event, id, data } of events)
    yield `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function refuse(reply: FastifyReply, requestId: string): FastifyReply {
  const message = 'The credential of a resource server is missing or not good.';
  return reply
    .code(401)
    .header('www-authenticate', 'Bearer')
    .send({ error: { code: 'unauthorised', message, requestId } });
}
