import { authenticateBearer } from './bearer.ts';
import type { TokenShape } from './claims.ts';
import type { Verified, Verifier } from './verifier.ts';

/** The variables that the middleware sets: `new Hono<{ Variables: LatchkeyVariables<'login'> }>()`. */
export interface LatchkeyVariables<Shape extends TokenShape = undefined> {
  readonly auth: Verified<Shape>;
}

/** What is needed of a context of Hono. */
export interface HonoContext {
  readonly req: { readonly raw: { readonly headers: Headers } };
  set(name: 'auth', value: Verified): void;
}

/** Middleware for Hono: `c.get('auth')` is what the token says; requests without a good one are answered here. */
export function latchkey(verifier: Pick<Verifier, 'verify'>) {
  return async (context: HonoContext, next: () => Promise<void>): Promise<Response | undefined> => {
    // Headers that come twice are one value here, with a comma that no token has.
    const authorization = context.req.raw.headers.get('authorization');
    const authentication = await authenticateBearer(verifier, authorization === null ? [] : [authorization]);
    if ('reply' in authentication) {
      const { status, headers, body } = authentication.reply;
      return new Response(JSON.stringify(body), { status, headers: { ...headers } });
    }
    context.set('auth', authentication.auth);
    await next();
    return undefined;
  };
}
