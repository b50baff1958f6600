import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { DOORS, signInAt } from '../../testing/doors.ts';
import { type RawAnswer, rawRequest, rawSend, readAnswer } from '../../testing/raw-request.ts';
import { headersOf, ROUTES, type Route } from '../../testing/routes.ts';

const BODY_LIMIT_BYTES = 16 * 1024;
const MEBIBYTE = 1024 * 1024;
const TIMEOUT_MILLISECONDS = 15_000;
const SWEEP_MILLISECONDS = 2000;

const targetOf = ({ method, path }: Route) => `${method} ${path}`;

// What a client can make the server hold, or wait for.
describe('HT-2: of', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite');
  });
  afterAll(() => app.stop());

  const posts = ROUTES.filter(({ hasBody }) => hasBody);
  const expectTooLarge = (route: Route, answer: RawAnswer) => {
    const requestId = /x-request-id: (\w+)/i.exec(answer.head)?.[1] ?? '';
    const { status, body } = route.contract.fault('too-large', { requestId, echo: {} });
    expect({ status: answer.status, body: answer.body }).toEqual({ status, body });
  };
  const headLines = (route: Route) => [
    `${targetOf(route)} HTTP/1.1`,
    'Host: x',
    ...Object.entries(headersOf(route)).map(([name, value]) => `${name}: ${value}`),
    'Content-Type: application/json',
  ];

  describe.each(posts)('$name', (route) => {
    test('a body that says that it is too large, nothing is waited for', async () => {
      const lines = [...headLines(route), `Content-Length: ${BODY_LIMIT_BYTES + 1}`, '', '{'];
      expectTooLarge(route, await rawRequest(app.url, lines.join('\r\n')));
    });

    test('a body without end, no more is taken than there is room for', async () => {
      const { answer, sentBytes } = await sendWithoutEnd(app.url, headLines(route), 100 * MEBIBYTE);
      expectTooLarge(route, answer);
      // What the two sockets' buffers hold, on machines with large ones.
      expect(sentBytes).toBeLessThan(16 * MEBIBYTE);
    });

    test('a body, 16 KiB are read and a byte more is not', async () => {
      const send = (length: number) => {
        const body = `{"more":"${'x'.repeat(length - '{"more":""}'.length)}"}`;
        return rawSend(app.url, targetOf(route), headLines(route).slice(2), body);
      };
      expect((await send(BODY_LIMIT_BYTES)).status).not.toBe(413);
      expectTooLarge(route, await send(BODY_LIMIT_BYTES + 1));
    });

    test('nesting, 32 levels are read and one more is not', async () => {
      const send = async (levels: number) => {
        const nested = `${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}`;
        const body = JSON.stringify({ ...route.shapes[0]?.body, more: 'here' }).replace('"here"', nested);
        const answer = await rawSend(app.url, targetOf(route), headLines(route).slice(2), body);
        // What is handed out to everybody is another one every time.
        const isFresh = route.isOpen && answer.status === 200;
        return withoutIds(isFresh ? { ...answer, body: null } : answer);
      };
      expect(await send(32)).toBe(await send(2));
      expect(await send(33)).toBe(
        withoutIds(route.contract.fault('unreadable', { requestId: '', echo: {} })),
      );
    });
  });

  test.each([
    ['one header', (size: number) => [`X-Large: ${'x'.repeat(size)}`]],
    [
      'many headers',
      (size: number) => Array.from({ length: size / 16 }, (_, index) => `X-${index}: 0123456789`),
    ],
    ['a fingerprint', (size: number) => [`X-Fingerprint-Id: ${'x'.repeat(size)}`]],
    ['cookies', (size: number) => [`Cookie: ${'a=b; '.repeat(size / 5)}`]],
  ])('%s, 16 KiB at most', async (_what, lines) => {
    expect((await rawSend(app.url, 'GET /livez', lines(8000))).status).toBe(200);
    expect((await rawSend(app.url, 'GET /livez', lines(17_000))).status).toBe(431);
    expect((await rawSend(app.url, 'GET /livez', lines(1_000_000))).status).toBe(431);
  });

  test('a path, 16 KiB at most', async () => {
    expect((await rawSend(app.url, `GET /livez?${'x'.repeat(17_000)}`, [])).status).toBe(431);
  });

  test('slow clients, however they are slow, each one waits for itself', { timeout: 40_000 }, async () => {
    const head = (route: Route) => `${headLines(route).join('\r\n')}\r\n`;
    const beginnings = [
      '',
      'P',
      'POST /auth/login HTTP/1.1\r\nHost: x\r\nX-',
      ...posts.map((route) => `${head(route)}Content-Length: 100\r\n\r\n{`),
      ...posts.map((route) => `${head(route)}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`),
    ];
    const slow = beginnings.map((text) => drip(app.url, text));
    const person = await app.person();
    for (let round = 0; round < 10; round += 1) {
      const begun = performance.now();
      for (const door of DOORS) expect(door.isSignedIn(await signInAt(app, door, person))).toBe(true);
      expect(performance.now() - begun).toBeLessThan(2000);
    }
    const lives = await Promise.all(slow);
    for (const [index, milliseconds] of lives.entries())
      expect(milliseconds, beginnings[index]?.slice(0, 40)).toBeLessThan(
        TIMEOUT_MILLISECONDS + 2 * SWEEP_MILLISECONDS,
      );
  });
});

function withoutIds({ status, body }: { status: number; body: unknown }): string {
  return JSON.stringify({ status, body }).replaceAll(/"(trace_id|requestId)":"\w*"/g, '');
}

/** Sends a body in chunks for as long as anybody takes them. */
async function sendWithoutEnd(
  url: string,
  headLines: readonly string[],
  mostBytes: number,
): Promise<{ answer: RawAnswer; sentBytes: number }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const pieces: Buffer[] = [];
  socket.on('data', (piece) => pieces.push(piece));
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  socket.write(`${[...headLines, 'Transfer-Encoding: chunked'].join('\r\n')}\r\n\r\n`);
  const chunk = Buffer.from(`4000\r\n${'x'.repeat(0x4000)}\r\n`);
  let sentBytes = 0;
  while (!socket.destroyed && socket.writable && sentBytes < mostBytes) {
    sentBytes += chunk.length;
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
  }
  socket.destroy();
  await closed;
  return { answer: readAnswer(Buffer.concat(pieces).toString()), sentBytes };
}

/** Begins a request and goes on by a byte a second. @returns for how many milliseconds the server put up with it */
function drip(url: string, beginning: string): Promise<number> {
  const { hostname, port } = new URL(url);
  const begun = performance.now();
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write(beginning));
    const dripping = setInterval(() => socket.write(beginning === '' ? '' : 'a'), 1000);
    socket.on('error', () => undefined);
    socket.resume();
    socket.on('close', () => {
      clearInterval(dripping);
      resolve(performance.now() - begun);
    });
  });
}
