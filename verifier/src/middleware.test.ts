import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
// @ts-expect-error: Express brings no types
import express from 'express';
import { fastify } from 'fastify';
import { Hono } from 'hono';
import { afterAll, describe, expect, test } from 'vitest';
import { rawSend } from '../../server/testing/raw-request.ts';
import { fakeVerifier } from '../testing/fake-verifier.ts';
import * as onExpress from './express.ts';
import * as onFastify from './fastify.ts';
import * as onHono from './hono.ts';
import * as onNode from './node.ts';

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

const closing: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(closing.map((close) => close())));

async function listen(listener: Listener): Promise<string> {
  const server = createServer((request, response) => {
    Promise.resolve(listener(request, response)).catch(() => response.writeHead(500).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function send(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text) }).end(text);
}

const frameworks: Readonly<Record<string, () => Promise<string>>> = {
  'node:http': () =>
    listen(
      onNode.guard(fakeVerifier, (_: IncomingMessage, response: ServerResponse, auth) =>
        response.end(auth.subject),
      ),
    ),

  'node:http without the guard': () =>
    listen(async (request, response) => {
      try {
        response.end((await onNode.authenticate<'login'>(fakeVerifier, request)).subject);
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'TokenRefusedError') throw error;
        const { status, headers, body } = onNode.refusalReply(error as never);
        send(response, status, headers, JSON.stringify(body));
      }
    }),

  express: () => {
    const app = express();
    app.use(onExpress.latchkey(fakeVerifier));
    app.get('/', (request: onExpress.ExpressRequest, response: { send(text: string): void }) => {
      const { claims } = onExpress.authOf<'login'>(request);
      response.send(claims.role === 'Member' ? (request.auth?.subject ?? '') : '');
    });
    app.use((_error: unknown, _request: unknown, response: ServerResponse, _next: unknown) =>
      response.writeHead(500).end(),
    );
    return listen(app);
  },

  'fastify, on a route': async () => {
    const app = fastify();
    app.get('/', { onRequest: onFastify.latchkey(fakeVerifier) }, async (request) => {
      return onFastify.authOf(request).subject;
    });
    closing.push(() => app.close());
    return app.listen({ host: '127.0.0.1', port: 0 });
  },

  'fastify, as a plugin': async () => {
    const app = fastify();
    await app.register(onFastify.latchkeyPlugin, { verifier: fakeVerifier });
    app.get('/', async (request) => onFastify.authOf<'login'>(request).subject);
    closing.push(() => app.close());
    return app.listen({ host: '127.0.0.1', port: 0 });
  },

  // Hono has no server of its own for Node.js: this is what its adapter does.
  hono: () => {
    const app = new Hono<{ Variables: onHono.LatchkeyVariables<'login'> }>();
    app.onError((_, context) => context.text('', 500));
    app.use(onHono.latchkey(fakeVerifier));
    app.get('/', (context) => context.text(context.get('auth').claims.sub));
    return listen(async (request, response) => {
      const headers = new Headers();
      for (const [name, values = []] of Object.entries(request.headersDistinct))
        for (const value of values) headers.append(name, value);
      const answer = await app.fetch(new Request('http://x/', { headers }));
      send(response, answer.status, Object.fromEntries(answer.headers), await answer.text());
    });
  },
};

describe.each(Object.keys(frameworks))('%s', (name) => {
  const started = frameworks[name]?.() ?? Promise.reject();
  const ask = async (...lines: string[]) => rawSend(await started, 'GET /', lines);

  test.each(['Bearer good', 'bearer good', 'BEARER   good'])('lets through: %s', async (authorization) => {
    const answer = await ask(`Authorization: ${authorization}`);
    expect(answer.status).toBe(200);
    expect(answer.text.split('\r\n\r\n')[1]).toContain('ada');
  });

  test.each([
    ['nothing', []],
    ['another scheme', ['Authorization: Basic YTpi']],
    ['an empty header', ['Authorization: ']],
  ])('asks for a token when it gets %s', async (_, lines) => {
    const answer = await ask(...lines);
    expect(answer.status).toBe(401);
    expect(answer.body.error.code).toBe('missing');
    expect(answer.head.toLowerCase()).toMatch(/^www-authenticate: bearer$/m);
  });

  test.each([
    ['two headers', ['Authorization: Bearer good', 'Authorization: Bearer good']],
    ['a token and something else', ['Authorization: Bearer good, Bearer good']],
    ['two words', ['Authorization: Bearer go od']],
    ['no token', ['Authorization: Bearer']],
    ['other characters', ['Authorization: Bearer g%6f%6fd']],
  ])('refuses %s', async (_, lines) => {
    const answer = await ask(...lines);
    expect(answer.status).toBe(401);
    expect(answer.head).toContain('Bearer error="invalid_token", error_description="malformed"');
  });

  test('says why a token is refused', async () => {
    const answer = await ask('Authorization: Bearer expired');
    expect(answer.status).toBe(401);
    expect(answer.head).toContain('Bearer error="invalid_token", error_description="expired"');
    expect(answer.head.toLowerCase()).toContain('content-type: application/json');
    expect(answer.body).toEqual({ error: { code: 'expired', message: 'the token has expired' } });
  });

  test('blames no token for a server that cannot be reached', async () => {
    const answer = await ask('Authorization: Bearer unavailable');
    expect(answer.status).toBe(503);
    expect(answer.head.toLowerCase()).toMatch(/^retry-after: \d+$/m);
    expect(answer.head.toLowerCase()).not.toContain('www-authenticate');
  });

  test('passes on what is no refusal', async () => {
    expect((await ask('Authorization: Bearer broken')).status).toBe(500);
  });
});

test('a request that nothing has looked at has no auth', () => {
  expect(() => onExpress.authOf({})).toThrow('latchkey() must come first');
});
