import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { REPEATED, type WireRequest } from '../contracts/contract.ts';
import type { Caller } from '../sign-in/attempt.ts';

const USER_AGENT_LIMIT = 256;

/** Who is calling, as far as the network knows. */
export function callerOf(request: FastifyRequest, mount: string, arrivedAt: number): Caller {
  return {
    mount,
    address: addressOf(request),
    userAgent: request.headers['user-agent']?.slice(0, USER_AGENT_LIMIT) ?? null,
    requestId: request.id,
    arrivedAt,
  };
}

/** The client's address: the right-most hop that is no trusted proxy. What is no address is not believed. */
export function addressOf(request: FastifyRequest): string {
  return isIP(request.ip) === 0 ? (request.socket.remoteAddress ?? '') : request.ip;
}

/** The request as contracts see it. */
export function wireRequestOf(request: FastifyRequest): WireRequest {
  const header: WireRequest['header'] = (name) => {
    const values = request.raw.headersDistinct[name];
    if (values === undefined) return null;
    return values.length === 1 ? (values[0] ?? null) : REPEATED;
  };
  const params = request.params as Readonly<Record<string, string>>;
  return {
    body: request.body,
    bearer: bearerOf(header('authorization')),
    header,
    // NUL is no text that a store can look for.
    param: (name) => (params[name]?.includes('\0') ? '' : (params[name] ?? '')),
  };
}

/** The token of an Authorization header that is well formed (RFC 6750 §2.1); null for any other, and for two of them. */
function bearerOf(authorization: ReturnType<WireRequest['header']>): string | null {
  if (typeof authorization !== 'string') return null;
  return /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization)?.[1] ?? null;
}
