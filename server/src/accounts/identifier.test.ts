import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalName, canonicalPhone } from './identifier.ts';

describe('names compare', () => {
  test.each([
    ['Ada', 'ada'],
    [' ada\t', 'ada'],
    ['ADA@Example.COM', 'ada@example.com'],
    ['ａｄａ', 'ada'],
    ['ada＠example.com', 'ada@example.com'],
    ['straße', 'STRASSE'],
    ['STRAẞE', 'strasse'],
    ['ﬁnn', 'finn'],
    ['ıris', 'iris'],
    ['Å', 'A\u030a'],
    ['ΟΔΟΣ', 'οδος'],
    ['ada@exämple.com', 'ada@xn--exmple-cua.com'],
    ['ada@EXÄMPLE.com', 'ada@exämple.com'],
    ['ada@example．com', 'ada@example.com'],
    ['ada@exämple。com', 'ada@exämple.com'],
  ])('%j as %j', (one, other) => {
    expect(canonicalName(one)).toBe(canonicalName(other));
    expect(canonicalName(one)).not.toBeNull();
  });

  test.each([
    ['ada', 'ada2'],
    ['ada@a.com', 'ada@b.com'],
    ['a.da@example.com', 'ada@example.com'],
    ['ada+x@example.com', 'ada@example.com'],
    ['ada@example.com/x', 'ada@example.com'],
    ['ada@example.com/x.example.net', 'ada@example.com'],
    ['ada@example.com#x', 'ada@example.com'],
    ['ada@example.com?x=1', 'ada@example.com'],
    ['ada@ex%61mple.com', 'ada@example.com'],
    ['ada@example.com:25', 'ada@example.com'],
    ['ada@0x7f.1', 'ada@127.0.0.1'],
    // Anybody can have a domain in one of these spellings: no letter of it is folded into another.
    ['ada@straße.example', 'ada@strasse.example'],
    ['ada@ıbm.example', 'ada@ibm.example'],
    ['ada@aϲb.example', 'ada@aςb.example'],
  ])('%j not as %j', (one, other) => {
    expect(canonicalName(one)).not.toBe(canonicalName(other));
  });

  test.each([
    [''],
    ['  '],
    ['a\u200bda'],
    ['a\u202eda'],
    ['a\u0000da'],
    ['a\nda'],
    ['\ud800'],
    ['a\u00adda'],
  ])('%j is no name', (value) => {
    expect(canonicalName(value)).toBeNull();
  });

  test('the canonical form of a canonical form is itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const once = canonicalName(value);
        return once === null || canonicalName(once) === once;
      }),
      { numRuns: 5000 },
    );
  });
});

describe('phones compare in E.164', () => {
  test.each([
    ['+34 600 111 222', null, '+34600111222'],
    ['0034600111222', 'ES', '+34600111222'],
    ['0034600111222', null, '+34600111222'],
    ['00 34 600-111-222', null, '+34600111222'],
    ['(0034) 600 111 222', null, '+34600111222'],
    ['00', null, null],
    ['000034600111222', null, null],
    ['00123', null, null],
    ['600 111 222', 'ES', '+34600111222'],
    ['(600) 111-222', 'ES', '+34600111222'],
    ['＋34600111222', null, '+34600111222'],
    ['020 7946 0018', 'GB', '+442079460018'],
    ['600 111 222', null, null],
    ['ada', 'ES', null],
    ['ada@example.com', 'ES', null],
    ['12', 'ES', null],
    ['', 'ES', null],
  ])('%j read in %s is %s', (value, region, canonical) => {
    expect(canonicalPhone(value, region)).toBe(canonical);
  });
});
