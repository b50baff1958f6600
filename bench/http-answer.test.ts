import { expect, test } from 'vitest';
import { wholeAnswer } from './http-answer.ts';

const counted = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const chunked =
  'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n there\r\n0\r\n\r\n';

test.each([
  { what: 'with its length', received: counted, body: 'hello' },
  { what: 'in chunks', received: chunked, body: 'hello there' },
])('an answer $what is whole when all of it came, and no sooner', ({ received, body }) => {
  expect(wholeAnswer(received)).toEqual({ status: 200, body, retryAfterSeconds: null });
  for (let at = 0; at < received.length; at += 1)
    expect(wholeAnswer(received.slice(0, at)), `${at}`).toBeNull();
});

test('a chunk that ends as the last one does is not the end', () => {
  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  expect(wholeAnswer(`${head}14\r\nabc0\r\n\r\n`)).toBeNull();
});

test('an answer without a body is whole with its head', () => {
  expect(wholeAnswer('HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n')).toEqual({
    status: 503,
    body: '',
    retryAfterSeconds: 2,
  });
});
