import {
  type AuthenticatedRequest,
  authenticateBearer,
  authorizationOf,
  type NodeRequest,
} from './bearer.ts';
import type { Verifier } from './verifier.ts';

export { authOf } from './bearer.ts';

/** What is needed of a request of Express. */
export interface ExpressRequest extends NodeRequest, AuthenticatedRequest {}

/** What is needed of a response of Express. */
export interface ExpressResponse {
  status(code: number): unknown;
  set(headers: Record<string, string>): unknown;
  json(body: unknown): unknown;
}

/** Middleware for Express: sets `req.auth`, and answers requests without a good token itself. */
export function latchkey(verifier: Pick<Verifier, 'verify'>) {
  return async (
    request: ExpressRequest,
    response: ExpressResponse,
    next: (error?: unknown) => void,
  ): Promise<void> => {
    try {
      const authentication = await authenticateBearer(verifier, authorizationOf(request));
      if ('reply' in authentication) {
        const { status, headers, body } = authentication.reply;
        response.status(status);
        response.set({ ...headers });
        response.json(body);
        return;
      }
      request.auth = authentication.auth;
    } catch (error) {
      next(error);
      return;
    }
    next();
  };
}
