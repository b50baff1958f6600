import type { FastifyInstance, FastifyRequest } from 'fastify';
import { equalSecrets } from '../crypto/vault.ts';

/** What the metrics' route needs. */
export interface MetricsRouteOptions {
  /** Who shows it may read from anywhere; null: only this machine may. */
  readonly token: string | null;
  readonly contentType: string;
  readonly text: () => Promise<string>;
}

const LOOPBACK_ADDRESS = /^(::1|(::ffff:)?127(\.\d{1,3}){3})$/;
const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;
const PROXY_HEADER = /^(x-forwarded-.+|x-real-ip|forwarded|via)$/;

/**
 * `GET /metrics`, for this machine, or for whoever shows the token. What a proxy on this machine passes on is told by the marks
 * that proxies leave.
 */
export function registerMetricsRoute(server: FastifyInstance, options: MetricsRouteOptions): void {
  const { token } = options;
  server.get('/metrics', { config: { quiet: true } }, async (request, reply) => {
    if (!isFromHere(request) && (token === null || !showsToken(request, token)))
      return reply.code(401).send({
        error: {
          code: 'unauthorised',
          message: 'Metrics are for this machine, or for whoever shows metrics.token.',
          requestId: request.id,
        },
      });
    return reply.type(options.contentType).send(await options.text());
  });
}

/**
 * Whether it was asked from this machine, and of it: a proxy that passes on what came has the name by which clients know the
 * server, and nginx that is told nothing speaks HTTP/1.0, as whoever reads metrics does not.
 */
function isFromHere({ headers, raw, socket }: FastifyRequest): boolean {
  return (
    LOOPBACK_ADDRESS.test(socket.remoteAddress ?? '') &&
    LOOPBACK_HOST.test(headers.host ?? '') &&
    raw.httpVersion !== '1.0' &&
    !Object.keys(headers).some((name) => PROXY_HEADER.test(name))
  );
}

function showsToken({ headers }: FastifyRequest, token: string): boolean {
  const shown = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  return shown !== undefined && equalSecrets(shown, token);
}
