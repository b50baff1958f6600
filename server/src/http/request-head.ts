import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Fault } from '../contracts/contract.ts';

/** Looks at the heads of requests, and remembers the connections on which one was wrong. */
export interface RequestHeads {
  /**
   * What is wrong with a request's head that the parser lets pass: where two readers could disagree about whom it is for, or
   * where it ends. No host or two of them (RFC 9112 §3.2), and a transfer coding after which nobody knows the length (§6.3).
   * What follows such a request on its connection may be a part of it, and is as wrong.
   */
  faultOf(request: IncomingMessage): Fault | null;
  /** Whether a connection is at its end for that reason. */
  isRefused(connection: Duplex): boolean;
}

/** For one server. */
export function createRequestHeads(): RequestHeads {
  const refused = new WeakSet<Duplex>();
  return {
    faultOf(request) {
      if (isPlain(request) && !refused.has(request.socket)) return null;
      refused.add(request.socket);
      return 'unreadable';
    },
    isRefused: (connection) => refused.has(connection),
  };
}

function isPlain({ httpVersion, headersDistinct }: IncomingMessage): boolean {
  const { host = [], 'transfer-encoding': codings } = headersDistinct;
  if (host.length > 1 || (host.length === 0 && httpVersion === '1.1')) return false;
  return codings === undefined || (codings.length === 1 && /^chunked$/i.test(codings[0] ?? ''));
}
