import {
  type AuthenticatedRequest,
  authenticateBearer,
  authorizationOf,
  type NodeRequest,
} from './bearer.ts';
import type { Verifier } from './verifier.ts';

export { authOf } from './bearer.ts';

/** What is needed of a request of Fastify. */
export interface FastifyLikeRequest extends AuthenticatedRequest {
  readonly raw: NodeRequest;
}

/** What is needed of a reply of Fastify. */
export interface FastifyLikeReply {
  code(status: number): unknown;
  headers(values: Record<string, string>): unknown;
  send(body: unknown): unknown;
}

/**
 * A hook for Fastify, best as `onRequest`, on an instance or on one route: sets `request.auth`, and answers requests without
 * a good token itself.
 */
export function latchkey(verifier: Pick<Verifier, 'verify'>) {
  return async (request: FastifyLikeRequest, reply: FastifyLikeReply): Promise<unknown> => {
    const authentication = await authenticateBearer(verifier, authorizationOf(request.raw));
    if ('auth' in authentication) {
      request.auth = authentication.auth;
      return undefined;
    }
    const { status, headers, body } = authentication.reply;
    reply.code(status);
    reply.headers({ ...headers });
    reply.send(body);
    // Tells Fastify that the answer is on its way.
    return reply;
  };
}

/** What is needed of an instance of Fastify. */
export interface FastifyLikeInstance {
  decorateRequest(name: string): unknown;
  addHook(name: 'onRequest', hook: ReturnType<typeof latchkey>): unknown;
}

/** A plugin for Fastify: every route of the instance that it is registered on wants a good token. */
export async function latchkeyPlugin(
  instance: FastifyLikeInstance,
  { verifier }: { readonly verifier: Pick<Verifier, 'verify'> },
): Promise<void> {
  instance.decorateRequest('auth');
  instance.addHook('onRequest', latchkey(verifier));
}

// Without it the hook would be for the plugin's own routes, of which there are none.
Object.assign(latchkeyPlugin, { [Symbol.for('skip-override')]: true });
