import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { readLines } from './read-lines.ts';

describe('reading lines', () => {
  const read = async (pieces: readonly string[]) => {
    const lines: unknown[] = [];
    for await (const { text } of readLines('f', Readable.from(pieces.map((piece) => Buffer.from(piece)))))
      lines.push(text);
    return lines;
  };

  test('does not depend on where the pieces end', async () => {
    const text = 'one\n\ntwo ÄÖÜ 😀\r\nthree';
    for (let size = 1; size < 6; size += 1) {
      const bytes = Buffer.from(text);
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      const lines: unknown[] = [];
      for await (const line of readLines('f', Readable.from(pieces))) lines.push(line.text);
      expect(lines).toEqual(['one', '', 'two ÄÖÜ 😀\r', 'three']);
    }
  });

  test('refuses a line without end and goes on after it', async () => {
    expect(await read(['x'.repeat(600_000), 'x'.repeat(600_000), '\nfine\n'])).toEqual([
      { problem: 'it is longer than 1048576 bytes' },
      'fine',
    ]);
  });

  test('tells how many bytes the lines have that were handed over, wherever the pieces end', async () => {
    const text = 'one\ntwo ä\n\nfour';
    for (let size = 1; size < 8; size += 1) {
      const bytes = Buffer.from(text);
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      let told = 0;
      const seen: number[] = [];
      const count = (more: number) => {
        told += more;
      };
      for await (const _line of readLines('f', Readable.from(pieces), count)) seen.push(told);
      expect(seen).toEqual([4, 11, 12, bytes.length]);
    }
  });
});
