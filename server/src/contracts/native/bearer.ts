import type { Command } from '../../sign-in/attempt.ts';
import type { Decoded, WireRequest } from '../contract.ts';

/** The longest token that is read. */
export const TOKEN_LIMIT = 4096;

/** A command for whoever the bearer token is for. */
export function withBearer(
  command: (token: string, request: WireRequest) => Command,
): (request: WireRequest) => Decoded {
  return (request) => ({ command: command(request.bearer ?? '', request) });
}
