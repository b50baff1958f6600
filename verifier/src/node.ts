import { authenticateBearer, authorizationOf, bearerToken, type NodeRequest } from './bearer.ts';
import type { TokenShape } from './claims.ts';
import type { Verified, Verifier } from './verifier.ts';

export { authorizationOf, bearerToken, type NodeRequest, type RefusalReply, refusalReply } from './bearer.ts';

/** What is needed of a `ServerResponse`. */
export interface NodeResponse {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

/**
 * Authenticates a request of `node:http`. `refusalReply` says how an error is answered.
 * @throws TokenRefusedError with the reason
 */
export async function authenticate<Shape extends TokenShape = undefined>(
  verifier: Pick<Verifier, 'verify'>,
  request: NodeRequest,
): Promise<Verified<Shape>> {
  return verifier.verify<Shape>(bearerToken(authorizationOf(request)));
}

/**
 * Puts a check in front of a handler of `node:http`: it is only called with a token that is good, others are answered here.
 * What the handler throws is not caught.
 */
export function guard<
  Request extends NodeRequest,
  Response extends NodeResponse,
  Shape extends TokenShape = undefined,
>(
  verifier: Pick<Verifier, 'verify'>,
  handler: (request: Request, response: Response, auth: Verified<Shape>) => unknown,
): (request: Request, response: Response) => Promise<void> {
  return async (request, response) => {
    const authentication = await authenticateBearer<Shape>(verifier, authorizationOf(request));
    if ('auth' in authentication) {
      await handler(request, response, authentication.auth);
      return;
    }
    const { status, headers, body } = authentication.reply;
    response.statusCode = status;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.end(JSON.stringify(body));
  };
}
