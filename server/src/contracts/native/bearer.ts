import type { Command } from '../../sign-in/attempt.ts';
import type { Decoded, WireRequest } from '../contract.ts';

/** A command for whoever the bearer token is for. */
export function withBearer(
  command: (token: string, request: WireRequest) => Command,
): (request: WireRequest) => Decoded {
  return (request) => ({ command: command(request.bearer ?? '', request) });
}
