import { createReadStream } from 'node:fs';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';

/** A web site with the built client, and the server's API at the same origin. */
export interface Site {
  readonly url: string;
  /** How often a path of the API was asked for. */
  count(path: string): number;
  close(): Promise<void>;
}

/** What a site is made of. */
export interface SiteParts {
  /** The server's URL. */
  readonly api: string;
  /** What is at `/`. */
  readonly page: string;
  /** The folder with the built client, which is at `/client/`. */
  readonly modules: string;
}

/** Starts it on a free port. */
export async function startSite({ api, page, modules }: SiteParts): Promise<Site> {
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', api).pathname;
    if (path === '/') return void response.setHeader('content-type', 'text/html').end(page);
    if (path.startsWith('/client/')) return void sendModule(modules, path, response);
    counts.set(path, (counts.get(path) ?? 0) + 1);
    passOn(api, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: (path) => counts.get(path) ?? 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function sendModule(modules: string, path: string, response: ServerResponse): void {
  response.setHeader('content-type', 'text/javascript');
  createReadStream(join(modules, normalize(path.slice('/client'.length))))
    .on('error', () => response.writeHead(404).end())
    .pipe(response);
}

function passOn(api: string, request: IncomingMessage, response: ServerResponse): void {
  const { method, headers, url = '/' } = request;
  const onward = forward(new URL(url, api), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.writeHead(502).end());
  request.pipe(onward);
}
