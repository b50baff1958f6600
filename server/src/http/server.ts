import type { Socket } from 'node:net';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Contract, Fault } from '../contracts/contract.ts';
import { StoreUnavailableError } from '../errors.ts';
import { beginRequestSpan } from '../observability/tracing.ts';
import type { Clock, Log, Random } from '../ports.ts';
import { BODY_LIMIT_BYTES, RequestFault, registerBodyParser } from './body.ts';
import { addressOf } from './caller.ts';
import { send } from './contract-routes.ts';
import { setResponseHeaders } from './response-headers.ts';

/** What the HTTP server needs. */
export interface ServerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly trustedProxies: readonly string[];
  /** The mounts' prefixes with the contract that answers for what is not found below each. */
  readonly prefixes: readonly { readonly prefix: string; readonly contract: Contract }[];
  /** Words what belongs to no contract. */
  readonly fallback: Contract;
  readonly publicUrl: () => string;
  /** Is told of every answer. @param route as it was declared; null where there is none */
  readonly onAnswered: (route: string | null, method: string, status: number, seconds: number) => void;
  /** Whether the server is about to stop: then every answer is the last on its connection. */
  readonly isDraining: () => boolean;
}

const TIMEOUT_MILLISECONDS = 15_000;
const HEADER_LIMIT_BYTES = 16 * 1024;
const RETRY_AFTER_SECONDS = 1;

/** A server without routes: limits, headers, logging, and every fault answered in the right contract's shape. */
export function createServer(options: ServerOptions): FastifyInstance {
  const { clock, random, log } = options;
  const server = Fastify({
    logger: false,
    genReqId: () => random.bytes(8).toString('hex'),
    requestIdHeader: false,
    trustProxy: options.trustedProxies.length === 0 ? false : [...options.trustedProxies],
    bodyLimit: BODY_LIMIT_BYTES,
    // A credential id has 1023 bytes at most.
    routerOptions: { maxParamLength: 1364 },
    requestTimeout: TIMEOUT_MILLISECONDS,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    http: {
      maxHeaderSize: HEADER_LIMIT_BYTES,
      headersTimeout: TIMEOUT_MILLISECONDS,
      connectionsCheckingInterval: 2000,
    },
    clientErrorHandler: refuseConnection,
    frameworkErrors: (_error, request, reply) => fail(options, request, reply, 'not-found'),
  });
  const routes: Route[] = [];
  server.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) routes.push({ method: each, url });
  });
  registerBodyParser(server);
  server.decorateRequest('arrivedAt', 0);
  server.decorateRequest('span', null);

  server.addHook('onRequest', (request, reply, done) => {
    request.arrivedAt = clock.now();
    setResponseHeaders(reply, request.id, options.publicUrl().startsWith('https:'));
    if (options.isDraining()) reply.header('connection', 'close');
    request.span = beginRequestSpan(request.method);
    if (request.span === null) done();
    else request.span.within(done);
  });
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? null;
    options.onAnswered(route, request.method, reply.statusCode, reply.elapsedTime / 1000);
    request.span?.end(
      {
        'http.request.method': request.method,
        ...(route === null ? {} : { 'http.route': route }),
        'http.response.status_code': reply.statusCode,
        'latchkey.request_id': request.id,
      },
      reply.statusCode >= 500,
    );
    const quiet = request.routeOptions.config?.quiet === true && reply.statusCode < 400;
    const fields = {
      requestId: request.id,
      method: request.method,
      // The route, not the URL: a query string can hold anything.
      route,
      status: reply.statusCode,
      milliseconds: Math.round(reply.elapsedTime),
      address: addressOf(request),
    };
    if (quiet) log.debug(fields, 'request');
    else log.info(fields, 'request');
    done();
  });
  server.setErrorHandler<FastifyError>((error, request, reply) => {
    const fault = faultOf(error);
    if (fault === 'internal')
      log.error({ requestId: request.id, error: error.stack ?? String(error) }, 'a request failed');
    if (fault === 'unavailable')
      log.warn({ requestId: request.id, error: error.message }, 'the store is not available');
    return fail(options, request, reply, fault);
  });
  server.setNotFoundHandler((request, reply) => {
    const allowed = methodsOf(routes, pathOf(request));
    if (allowed.length === 0) return fail(options, request, reply, 'not-found');
    reply.header('allow', allowed.join(', '));
    return fail(options, request, reply, 'method-not-allowed');
  });
  return server;
}

function fail(
  options: ServerOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  fault: Fault,
): FastifyReply {
  if (fault === 'unavailable') reply.header('retry-after', RETRY_AFTER_SECONDS);
  const contract = request.routeOptions.config?.contract ?? contractFor(options, request);
  return send(reply, contract.fault(fault, { requestId: request.id, echo: {} }));
}

/** Of the contracts that could own a path: the one that has it, or the only one under its prefix. */
function contractFor(options: ServerOptions, request: FastifyRequest): Contract {
  const path = pathOf(request);
  const under = options.prefixes.filter(({ prefix }) => path.startsWith(`${prefix}/`));
  const owner = under.find(({ prefix, contract }) =>
    contract.endpoints.some((endpoint) => isAt(prefix + endpoint.path, path)),
  );
  const longest = Math.max(0, ...under.map(({ prefix }) => prefix.length));
  const nearest = under.filter(({ prefix }) => prefix.length === longest);
  return owner?.contract ?? (nearest.length === 1 ? nearest[0]?.contract : undefined) ?? options.fallback;
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? '';
}

interface Route {
  readonly method: string;
  readonly url: string;
}

const METHODS = ['GET', 'HEAD', 'POST', 'DELETE'] as const;

function methodsOf(routes: readonly Route[], path: string): string[] {
  const here = routes.filter(({ url }) => isAt(url, path));
  return METHODS.filter((method) => here.some((route) => route.method === method));
}

/** Whether a path is one of a route's: `:name` in the route stands for one segment. */
function isAt(route: string, path: string): boolean {
  const [wanted, given] = [route.split('/'), path.split('/')];
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => (part.startsWith(':') ? given[index] !== '' : part === given[index]))
  );
}

function faultOf(error: FastifyError): Fault {
  if (error instanceof RequestFault) return error.fault;
  if (error instanceof StoreUnavailableError) return 'unavailable';
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return 'too-large';
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return 'unsupported-media-type';
  return error.statusCode !== undefined && error.statusCode < 500 ? 'unreadable' : 'internal';
}

const SOCKET_STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** Answers what is no HTTP request; there is no route yet, and no contract. */
function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const status = SOCKET_STATUS[error.code ?? ''] ?? '400 Bad Request';
  const body = JSON.stringify({ error: { code: 'bad-request', message: status.slice(4), requestId: null } });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${body.length}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
  );
}
