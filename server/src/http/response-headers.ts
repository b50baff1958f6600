import type { FastifyReply } from 'fastify';

/** The headers of every answer, whatever it is. The API has no page to frame, script or refer from. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** Puts them on an answer. Behind https, browsers are told to stay there. */
export function setResponseHeaders(reply: FastifyReply, requestId: string, isHttps: boolean): void {
  reply.headers(HEADERS);
  reply.header('x-request-id', requestId);
  if (isHttps) reply.header('strict-transport-security', 'max-age=31536000; includeSubDomains');
}
