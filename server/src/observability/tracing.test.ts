import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { type EndTracing, startTracing } from './tracing.ts';

/** A span as OTLP's JSON has it, as far as we look. */
interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
}

describe('spans', () => {
  let collector: Server;
  let app: TestApp;
  let endTracing: EndTracing;
  const spans: Span[] = [];
  let received = '';
  beforeAll(async () => {
    collector = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        const bytes = Buffer.concat(pieces);
        const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();
        received += text;
        for (const resource of JSON.parse(text).resourceSpans)
          for (const scope of resource.scopeSpans) spans.push(...scope.spans);
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`;
    endTracing = await startTracing({ url, sampleRatio: 1, version: 'test' });
    app = await startApp('sqlite');
  });
  afterAll(async () => {
    await app.stop();
    await new Promise((resolve) => collector.close(resolve));
  });

  test('of a sign-in: the request, the command in it, and in that the hash and the commits', async () => {
    const person = await app.person();
    const answer = await app.post('/auth/login', { username: person.email, password: person.password });
    expect(answer.status).toBe(200);
    expect(await endTracing()).toBeNull();
    const request = spans.find(({ name }) => name === 'POST /auth/login');
    const command = spans.find(({ name }) => name === 'begin');
    const inside = spans.filter(({ parentSpanId }) => parentSpanId === command?.spanId);
    expect(command?.parentSpanId).toBe(request?.spanId);
    expect(
      new Set(spans.filter((each) => each.traceId === request?.traceId).map(({ name }) => name)),
    ).toEqual(new Set(['POST /auth/login', 'begin', 'hash', 'store.commit']));
    expect(inside.map(({ name }) => name)).toEqual(expect.arrayContaining(['hash', 'store.commit']));
    const told = Object.fromEntries(request?.attributes.map(({ key, value }) => [key, value]) ?? []);
    expect(told['latchkey.request_id']).toEqual({ stringValue: answer.headers.get('x-request-id') });
    expect(command?.attributes).toContainEqual({
      key: 'latchkey.outcome',
      value: { stringValue: 'signed-in' },
    });
    expect(inside.find(({ name }) => name === 'hash')?.attributes).toContainEqual({
      key: 'latchkey.hashes',
      value: { intValue: 1 },
    });
    for (const secret of [person.password, person.email, person.id, answer.body.access_token])
      expect(received).not.toContain(secret);
  });

  test('are not sent once they are ended', async () => {
    const before = spans.length;
    const person = await app.person();
    await app.post('/auth/login', { username: person.email, password: person.password });
    expect(spans.length).toBe(before);
  });
});
