import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readForm } from './form.ts';
import { readIJson } from './ijson.ts';

const json = (text: string) => readIJson(Buffer.from(text));

describe('I-JSON', () => {
  test('whatever JSON.stringify writes is read as it was', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(text.isWellFormed() && !/\\u[dD][89abAB]/.test(text));
        expect(json(text)).toEqual({ value: JSON.parse(text) });
      }),
      { numRuns: 1000 },
    );
  });

  test('it reads as JSON.parse does, or refuses', () => {
    const pieces = fc.array(
      fc.constantFrom('{', '}', '[', ']', ':', ',', '"a"', '"b"', '"\\u0061"', '1', 'null', ' ', '"', '\\'),
      { maxLength: 14 },
    );
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join('');
        const read = json(text);
        if (read) expect(read.value).toEqual(JSON.parse(text));
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ['{"a":1,"a":2}'],
    ['{"a":1,"\\u0061":2}'],
    ['{"x":{"a":1, "b":2 , "a" :3}}'],
    ['[{"a":1,"b":[{"a":1,"a":1}]}]'],
    ['{"__proto__":1,"__proto__":2}'],
    ['"\\ud800"'],
    ['{"\\udc00":1}'],
    ['["\\ud800\\ud800"]'],
    ['\uFEFF{}'],
    [`${'['.repeat(33)}${']'.repeat(33)}`],
    ['{"a":1}{'],
    [''],
  ])('%s is refused', (text) => {
    expect(json(text)).toBeUndefined();
  });

  test.each([
    ['{"a":{"b":1},"b":1,"c":[{"b":1},{"b":1}]}'],
    ['{"a":"a","b":"a\\"}{:a\\\\"}'],
    ['"\\ud83d\\ude00"'],
    [`${'['.repeat(32)}${']'.repeat(32)}`],
    ['{"constructor":1,"toString":2,"__proto__":3}'],
  ])('%s is read', (text) => {
    expect(json(text)).toEqual({ value: JSON.parse(text) });
  });

  test('bytes that are no UTF-8 are refused', () => {
    for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80]]) {
      expect(readIJson(Buffer.from([0x22, ...bytes, 0x22]))).toBeUndefined();
    }
  });
});

describe('forms', () => {
  test('whatever URLSearchParams writes is read as it was', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ minLength: 1, unit: 'grapheme' }), fc.string({ unit: 'grapheme' })),
        (fields) => {
          fc.pre(
            Object.entries(fields)
              .flat()
              .every((text) => text.isWellFormed()),
          );
          expect(readForm(Buffer.from(new URLSearchParams(fields).toString()))?.value).toEqual({ ...fields });
        },
      ),
    );
  });

  test.each([
    ['a=1&a=2'],
    ['a=1&%61=2'],
    ['a=%'],
    ['a=%f'],
    ['a=%ff'],
    ['a=%ed%a0%80'],
    ['\uFEFFa=1&\uFEFFa=1'],
  ])('%s is refused', (text) => {
    expect(readForm(Buffer.from(text))).toBeUndefined();
  });
});
