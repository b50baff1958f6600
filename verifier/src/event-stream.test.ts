import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventStreamParser, type ServerSentEvent } from './event-stream.ts';

/** Parses a stream that comes in pieces. */
function parse(...pieces: readonly (string | Uint8Array)[]): ServerSentEvent[] {
  const parser = new EventStreamParser();
  return pieces.flatMap((piece) => parser.push(typeof piece === 'string' ? Buffer.from(piece) : piece));
}

describe('an event stream', () => {
  test.each<[string, string, Partial<ServerSentEvent>[]]>([
    ['an event', 'id: 7\nevent: a\ndata: x\n\n', [{ name: 'a', data: 'x', id: '7' }]],
    ['CRLF', 'id: 7\r\nevent: a\r\ndata: x\r\n\r\n', [{ name: 'a', data: 'x', id: '7' }]],
    ['CR', 'id: 7\revent: a\rdata: x\r\r', [{ name: 'a', data: 'x', id: '7' }]],
    [
      'all ends of line at once',
      'event: a\rdata: x\r\n\ndata: y\n\r',
      [{ name: 'a', data: 'x' }, { data: 'y' }],
    ],
    ['data of several lines', 'data: x\ndata\ndata:  y\n\n', [{ data: 'x\n\n y' }]],
    ['comments', ': hello\n\n:\ndata: x\n: in between\n\n', [{ data: 'x' }]],
    ['no space after the colon', 'event:a\ndata:x\n\n', [{ name: 'a', data: 'x' }]],
    ['colons in values', 'data: a: b:c\n\n', [{ data: 'a: b:c' }]],
    ['an event without a name', 'data: x\n\n', [{ name: 'message', data: 'x', id: null }]],
    ['an id for one event only', 'id: 7\ndata: x\n\ndata: y\n\n', [{ id: '7' }, { id: null }]],
    ['an id with a NUL', 'id: 7\0\ndata: x\n\n', [{ id: null }]],
    ['fields that nobody knows', 'retry: 5\nnote: 1\n data: no\nDATA: no\ndata: x\n\n', [{ data: 'x' }]],
    ['events without data', 'event: a\nid: 1\n\ndata: x\n\n', [{ name: 'message', data: 'x', id: null }]],
    ['an event that is cut off', 'data: x\n\nid: 8\nevent: a\ndata: y\n', [{ data: 'x' }]],
    ['a byte order mark', '\ufeffdata: x\n\n', [{ data: 'x' }]],
  ])('with %s', (_, text, expected) => {
    expect(parse(text)).toEqual(expected.map((event) => expect.objectContaining(event)));
  });

  test('may be cut between CR and LF, and within a character', () => {
    expect(parse('data: x\r', '\ndata: y\r', '\n\r', '', '\n')).toEqual([
      { name: 'message', data: 'x\ny', id: null },
    ]);
    const bytes = Buffer.from('data: ü€🎈\n\n');
    const each = [...bytes].map((byte) => Uint8Array.of(byte));
    expect(parse(...each)).toEqual([{ name: 'message', data: 'ü€🎈', id: null }]);
  });

  test('says the same wherever it is cut, and however its lines end', () => {
    const value = fc.string({ unit: fc.constantFrom('a', ' ', ':', 'ü', '🎈', '{', '"') });
    const event = fc.record({
      name: fc.constantFrom('session-revoked', 'heartbeat', 'caught-up'),
      data: fc.array(value, { minLength: 1, maxLength: 3 }),
      id: fc.option(fc.nat().map(String)),
      comment: fc.boolean(),
    });
    const stream = fc.tuple(fc.array(event), fc.constantFrom('\n', '\r\n', '\r'), fc.array(fc.nat(400)));
    fc.assert(
      fc.property(stream, ([events, end, cuts]) => {
        const lines = events.flatMap(({ name, data, id, comment }) => [
          ...(comment ? [': a comment'] : []),
          `event: ${name}`,
          ...(id === null ? [] : [`id: ${id}`]),
          ...data.map((line) => `data: ${line}`),
          '',
        ]);
        const bytes = Buffer.from(lines.map((line) => line + end).join(''));
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const pieces = places.slice(1).map((place, index) => bytes.subarray(places[index], place));
        expect(parse(...pieces)).toEqual(
          events.map(({ name, data, id }) => ({ name, data: data.join('\n'), id })),
        );
      }),
    );
  });

  test('takes whatever comes', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array()), (pieces) => Array.isArray(parse(...pieces))));
  });

  test.each([
    ['a line', ['data: ', 'x'.repeat(300_000)]],
    ['an event', Array.from({ length: 300 }, () => `data: ${'x'.repeat(1000)}\n`)],
    ['empty lines of data', ['data\n'.repeat(300_000)]],
  ])('that goes on without an end is broken off: %s', (_, pieces) => {
    expect(() => parse(...pieces)).toThrow('too long');
  });
});
