import { askServer, type ServerAccess } from './ask-server.ts';
import { TokenRefusedError } from './refusal.ts';

/**
 * Asks the server whether the session behind a token stands now.
 * @throws TokenRefusedError `revoked` when it does not, `unavailable` when there is no answer that says so; the signal's
 *   reason when it is aborted
 */
export async function introspect(access: ServerAccess, token: string, signal?: AbortSignal): Promise<void> {
  const { status, active } = await ask(access, token, signal);
  if (status === 200 && active === true) return;
  // Anything else, a 401 of some proxy's included, is no word of the server's about the token.
  if (status === 401 && active === false) throw new TokenRefusedError('revoked');
  throw new TokenRefusedError('unavailable', {
    cause: new Error(`the server answered ${status} to an introspection`),
  });
}

async function ask(access: ServerAccess, token: string, signal: AbortSignal | undefined) {
  try {
    const answer = await askServer(access, '/v1/session', { authorization: `Bearer ${token}` }, signal);
    const body = JSON.parse(answer.text || 'null') as { active?: unknown } | null;
    return { status: answer.status, active: body?.active };
  } catch (cause) {
    signal?.throwIfAborted();
    throw new TokenRefusedError('unavailable', { cause });
  }
}
