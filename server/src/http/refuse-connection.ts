import type { Socket } from 'node:net';
import type { Log } from '../ports.ts';
import { headersOfEveryAnswer } from './response-headers.ts';

const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** Answers what is no HTTP request and hangs up; there is no route yet, and no contract. */
export function refuseConnection(
  error: Error & { code?: string },
  socket: Socket,
  { requestId, isHttps, log }: { requestId: string; isHttps: boolean; log: Log },
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const status = STATUS[error.code ?? ''] ?? '400 Bad Request';
  const body = JSON.stringify({ error: { code: 'bad-request', message: status.slice(4), requestId } });
  const headers = {
    ...headersOfEveryAnswer(requestId, isHttps),
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(body.length),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end([`HTTP/1.1 ${status}`, ...lines, '', body].join('\r\n'));
  log.info(
    {
      requestId,
      method: null,
      route: null,
      status: Number(status.slice(0, 3)),
      address: socket.remoteAddress,
    },
    'request',
  );
}
