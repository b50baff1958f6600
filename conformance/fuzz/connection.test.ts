import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { whatIsWrong } from './answer.ts';
import { KeptConnection, sendHostile } from './connection.ts';

const HEADERS = 'x-request-id: 0123456789abcdef\r\nx-content-type-options: nosniff';
const answer = (status: number, body = '{}', more = '') =>
  `HTTP/1.1 ${status} Whatever\r\n${HEADERS}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}${more}\r\n\r\n${body}`;

describe('a connection that is kept', () => {
  let server: Server;
  let connection: KeptConnection;
  afterEach(() => {
    connection.close();
    server.close();
  });

  /** A server that does something when it hears something. */
  async function serving(onHeard: (socket: Socket) => void): Promise<string> {
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => onHeard(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    connection = new KeptConnection(url);
    return url;
  }

  const request = (method = 'GET') => ({
    method,
    bytes: Buffer.from(`${method} / HTTP/1.1\r\nHost: x\r\n\r\n`),
  });
  const statuses = async (...methods: string[]) =>
    (await connection.exchange(methods.map((method) => request(method)))).answers.map(({ status }) => status);

  test('reads several answers, however they are cut into pieces', async () => {
    const bytes = Buffer.from(answer(200, '{"a":"é"}') + answer(404) + answer(204, ''));
    await serving((socket) => {
      for (const byte of bytes) socket.write(Buffer.from([byte]));
    });
    expect(await statuses('GET', 'POST', 'DELETE')).toEqual([200, 404, 204]);
    expect(await statuses('GET', 'GET', 'GET')).toEqual([200, 404, 204]);
  });

  test('knows that the answer to HEAD has no body', async () => {
    await serving((socket) => socket.write(answer(200, '{"a":1}').replace('{"a":1}', '') + answer(500)));
    expect(await statuses('HEAD', 'GET')).toEqual([200, 500]);
  });

  test('gives what came before the server hung up, and opens another one', async () => {
    await serving((socket) => socket.end(answer(413, '{}', '\r\nconnection: close')));
    expect(await statuses('GET', 'GET')).toEqual([413]);
    expect(await statuses('GET')).toEqual([413]);
  });

  test('gives nothing for a server that hangs up at once', async () => {
    await serving((socket) => socket.destroy());
    expect(await statuses('GET')).toEqual([]);
  });

  test('tells every status that harmed bytes are answered with', async () => {
    const url = await serving((socket) => socket.end(answer(400) + answer(500)));
    expect(await sendHostile(url, Buffer.from('\0'))).toEqual([400, 500]);
  });
});

describe('an answer', () => {
  const wrong = (text: string) => {
    const end = text.indexOf('\r\n\r\n');
    const [head, body] = [text.slice(0, end), text.slice(end + 4)];
    return whatIsWrong({ status: Number(head.slice(9, 12)), head, body });
  };

  test.each([
    [answer(200), null],
    [answer(404), null],
    [answer(503, '{}', '\r\nretry-after: 1'), null],
    [answer(503), 'answered 503'],
    [answer(500), 'answered 500'],
    [answer(500, '{}', '\r\nretry-after: 1'), 'answered 500'],
    [answer(100), 'answered 100'],
    [answer(200).replace('x-request-id', 'x-other-id'), 'no request id'],
    [answer(400).replace('nosniff', 'sniff'), 'not every header'],
    [answer(200, '{"a":'), 'no JSON'],
  ])('is looked at: %#', (text, expected) => {
    expect(wrong(text)).toBe(expected);
  });
});
