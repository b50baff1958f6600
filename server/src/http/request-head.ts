import type { IncomingMessage } from 'node:http';
import type { Fault } from '../contracts/contract.ts';

/**
 * What is wrong with a request's head that the parser lets pass: where two readers could disagree about whom it is for, or where
 * it ends. No host or two of them (RFC 9112 §3.2), and a transfer coding after which nobody knows the length (§6.3).
 */
export function faultOfHead({ httpVersion, headersDistinct }: IncomingMessage): Fault | null {
  const { host = [], 'transfer-encoding': codings } = headersDistinct;
  if (host.length > 1 || (host.length === 0 && httpVersion === '1.1')) return 'unreadable';
  const isFramed = codings === undefined || (codings.length === 1 && /^chunked$/i.test(codings[0] ?? ''));
  return isFramed ? null : 'unreadable';
}
