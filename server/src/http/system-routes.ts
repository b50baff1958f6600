import type { FastifyInstance } from 'fastify';
import type { Mount } from '../mount.ts';
import type { KeyRing } from '../tokens/key-ring.ts';
import { DOCS_PAGE_POLICY, docsPage } from './docs-page.ts';
import { describeApi } from './openapi.ts';
import { RETRY_AFTER_SECONDS } from './server.ts';

/** What the routes that belong to no contract need. */
export interface SystemRoutesOptions {
  readonly keyRing: KeyRing;
  readonly jwksMaxAgeSeconds: number;
  readonly mounts: readonly Mount[];
  readonly publicUrl: () => string;
  readonly version: string;
  /** What is not ready, one phrase each; empty when everything is. @param requestId of the request that asks, for the log */
  readonly notReady: (requestId: string) => Promise<readonly string[]>;
}

/** Keys, health and the description of the API. */
export function registerSystemRoutes(server: FastifyInstance, options: SystemRoutesOptions): void {
  const config = { quiet: true };

  server.get('/.well-known/jwks.json', { config }, async (_request, reply) => {
    reply.header('cache-control', `public, max-age=${options.jwksMaxAgeSeconds}`);
    reply.header('access-control-allow-origin', '*').header('cross-origin-resource-policy', 'cross-origin');
    return options.keyRing.jwks();
  });

  server.get('/livez', { config }, async () => ({ status: 'alive' }));

  server.get('/readyz', { config }, async (request, reply) => {
    const notReady = await options.notReady(request.id);
    if (notReady.length === 0) return { status: 'ready', notReady };
    return reply.code(503).header('retry-after', RETRY_AFTER_SECONDS).send({ status: 'not ready', notReady });
  });

  const api = () => describeApi(options.mounts, options.publicUrl(), options.version);
  server.get('/openapi.json', { config }, async () => api());
  server.get('/docs', { config }, async (_request, reply) => {
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', DOCS_PAGE_POLICY)
      .send(docsPage(api()));
  });
}
