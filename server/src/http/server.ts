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
import { lingering } from './linger.ts';
import { methodsAt, type Owner, ownerOf, pathOf, type Route } from './path-owner.ts';
import { refuseConnection } from './refuse-connection.ts';
import { createRequestHeads } from './request-head.ts';
import { headersOfEveryAnswer } from './response-headers.ts';

/** What the HTTP server needs. */
export interface ServerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly trustedProxies: readonly string[];
  /** The contracts with their prefixes: each words what is wrong near its paths. */
  readonly owners: readonly Owner[];
  /** Words what is near nobody's. */
  readonly fallback: Contract;
  readonly publicUrl: () => string;
  /** Is told of every answer. @param route as it was declared; null where there is none */
  readonly onAnswered: (route: string | null, method: string, status: number, seconds: number) => void;
  /** Whether the server is about to stop: then every answer is the last on its connection. */
  readonly isDraining: () => boolean;
}

const TIMEOUT_MILLISECONDS = 15_000;
const HEADER_LIMIT_BYTES = 16 * 1024;

/** When to come back to a server that is without its store, or not ready. */
export const RETRY_AFTER_SECONDS = 1;

/** A server without routes: limits, headers, logging, and every fault answered in the right contract's shape. */
export function createServer(options: ServerOptions): FastifyInstance {
  const { random, log } = options;
  const heads = createRequestHeads();
  const newId = (): string => random.bytes(8).toString('hex');
  const server = Fastify({
    logger: false,
    genReqId: newId,
    requestIdHeader: false,
    trustProxy: options.trustedProxies.length === 0 ? false : [...options.trustedProxies],
    bodyLimit: BODY_LIMIT_BYTES,
    // No route has a schema of Fastify's: what would compile them is not loaded.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
    // A credential id has 1023 bytes at most.
    routerOptions: { maxParamLength: 1364 },
    requestTimeout: TIMEOUT_MILLISECONDS,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    http: {
      maxHeaderSize: HEADER_LIMIT_BYTES,
      headersTimeout: TIMEOUT_MILLISECONDS,
      connectionsCheckingInterval: 2000,
      // A request without one is refused like any other, with the headers of every answer.
      requireHostHeader: false,
    },
    clientErrorHandler(error, socket) {
      // Its last answer is on its way already.
      if (heads.isRefused(socket)) return;
      refuseConnection(error, socket, { requestId: newId(), isHttps: isHttps(options), log });
    },
    frameworkErrors: (_error, request, reply) => {
      // Such a request passes none of the hooks below.
      arrive(options, request, reply);
      reply.raw.once('finish', () => logRequest(options, request, reply));
      return fail(options, request, reply, 'not-found');
    },
  });
  // What a client expects of us beside an answer is its own affair (RFC 9110 §10.1.1).
  server.server.on('checkExpectation', (request, response) =>
    server.server.emit('request', request, response),
  );
  const routes: Route[] = [];
  server.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) routes.push({ method: each, url });
  });
  registerBodyParser(server);
  server.decorateRequest('arrivedAt', 0);
  server.decorateRequest('span', null);

  server.addHook('onRequest', (request, reply, done) => {
    arrive(options, request, reply);
    const fault = heads.faultOf(request.raw) ?? faultOfRoute(request, routes);
    if (options.isDraining() || fault === 'unreadable') reply.header('connection', 'close');
    request.span = beginRequestSpan(request.method);
    const goOn = (): void => done(fault === null ? undefined : new RequestFault(fault));
    if (request.span === null) goOn();
    else request.span.within(goOn);
  });
  server.addHook('onResponse', (request, reply, done) => {
    logRequest(options, request, reply);
    done();
  });
  server.setErrorHandler<FastifyError>((error, request, reply) => {
    const fault = faultOf(error);
    if (fault === 'internal')
      log.error({ requestId: request.id, error: error.stack ?? String(error) }, 'a request failed');
    if (fault === 'unavailable')
      log.warn({ requestId: request.id, error: error.message }, 'the store is not available');
    if (fault === 'method-not-allowed')
      reply.header('allow', methodsAt(pathOf(request.url), routes).join(', '));
    return fail(options, request, reply, fault);
  });
  return server;
}

function noCompiler(): never {
  throw new Error('requests and answers are described by contracts, not by schemas of routes');
}

/** Whether nothing is there, or not for that method: known from the head, and said before anything else of the request. */
function faultOfRoute(request: FastifyRequest, routes: readonly Route[]): Fault | null {
  if (request.is404)
    return methodsAt(pathOf(request.url), routes).length === 0 ? 'not-found' : 'method-not-allowed';
  // A part of the path that is named and empty: the router takes it, and nothing is there.
  return Object.values(request.params as Readonly<Record<string, string>>).includes('') ? 'not-found' : null;
}

function isHttps({ publicUrl }: ServerOptions): boolean {
  return publicUrl().startsWith('https:');
}

function arrive(options: ServerOptions, request: FastifyRequest, reply: FastifyReply): void {
  request.arrivedAt = options.clock.now();
  reply.headers(headersOfEveryAnswer(request.id, isHttps(options)));
}

function logRequest(
  { clock, log, onAnswered }: ServerOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const route = request.routeOptions.url ?? null;
  onAnswered(route, request.method, reply.statusCode, reply.elapsedTime / 1000);
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
    milliseconds: clock.now() - request.arrivedAt,
    address: addressOf(request),
  };
  if (quiet) log.debug(fields, 'request');
  else log.info(fields, 'request');
}

function fail(
  options: ServerOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  fault: Fault,
): FastifyReply {
  if (fault === 'unavailable') reply.header('retry-after', RETRY_AFTER_SECONDS);
  const contract =
    request.routeOptions.config?.contract ?? ownerOf(pathOf(request.url), options.owners) ?? options.fallback;
  const answer = contract.fault(fault, { requestId: request.id, echo: {} });
  if (fault !== 'too-large') return send(reply, answer);
  const body = Buffer.from(JSON.stringify(answer.body));
  return reply
    .code(answer.status)
    .headers({ 'content-type': 'application/json; charset=utf-8', 'content-length': body.length })
    .send(lingering(body, request.raw));
}

function faultOf(error: FastifyError): Fault {
  if (error instanceof RequestFault) return error.fault;
  if (error instanceof StoreUnavailableError) return 'unavailable';
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return 'too-large';
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return 'unsupported-media-type';
  return error.statusCode !== undefined && error.statusCode < 500 ? 'unreadable' : 'internal';
}
