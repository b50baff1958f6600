import 'fastify';
import type { Contract } from '../contracts/contract.ts';
import type { RequestSpan } from '../observability/tracing.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Words what goes wrong on this route. */
    contract?: Contract;
    /** The bodies that this route takes. */
    accepts?: readonly ('json' | 'form')[];
    /** Whether a successful request is logged at debug level only: it is one of very many. */
    quiet?: boolean;
  }

  interface FastifyRequest {
    /** When the request arrived, in milliseconds since 1970. */
    arrivedAt: number;
    /** The request's span, where spans are sent. */
    span: RequestSpan | null;
  }
}
