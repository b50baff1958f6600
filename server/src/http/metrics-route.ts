import type { FastifyInstance, FastifyRequest } from 'fastify';
import { equalSecrets } from '../crypto/vault.ts';
import { addressOf } from './caller.ts';

/** What the metrics' route needs. */
export interface MetricsRouteOptions {
  /** Who shows it may read from anywhere; null: only this machine may. */
  readonly token: string | null;
  readonly contentType: string;
  readonly text: () => Promise<string>;
}

const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

/**
 * `GET /metrics`, for this machine, or for whoever shows the token. A request that a proxy on this machine passes on does not
 * count as from here, whether or not the proxy is trusted.
 */
export function registerMetricsRoute(server: FastifyInstance, options: MetricsRouteOptions): void {
  server.get('/metrics', { config: { quiet: true } }, async (request, reply) => {
    if (!isFromHere(request) && !showsToken(request, options.token))
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

function isFromHere(request: FastifyRequest): boolean {
  const { headers, socket } = request;
  if (headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined) return false;
  return LOOPBACK.has(socket.remoteAddress ?? '') && LOOPBACK.has(addressOf(request));
}

function showsToken({ headers }: FastifyRequest, token: string | null): boolean {
  const shown = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  return token !== null && shown !== undefined && equalSecrets(shown, token);
}
