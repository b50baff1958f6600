import fc from 'fast-check';

/** Texts that somebody somewhere has tripped over. */
const TEXTS: readonly string[] = [
  '',
  ' ',
  '\t',
  '\0',
  'a\0b',
  '\ufeff',
  '\u200b',
  '\u202eevil',
  '\ud800',
  '\udc00\ud800',
  'İıſK',
  'ß'.repeat(200),
  '＠'.repeat(50),
  'xn--',
  'a@b@c',
  '"a b"@example.com',
  'a@[127.0.0.1]',
  `a@${'a.'.repeat(120)}com`,
  `${'a'.repeat(300)}@example.com`,
  `${'a.'.repeat(2000)}!`,
  `${'@'.repeat(3000)}`,
  `+${'1'.repeat(400)}`,
  '+34 (600) 111-222;ext=9',
  `${'('.repeat(5000)}`,
  `${' '.repeat(8000)}x`,
  'e\u0301'.repeat(2000),
  '😀'.repeat(1100),
  'x'.repeat(1025),
  'x'.repeat(15_000),
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'null',
  'undefined',
  'NaN',
  '-0',
  '1e400',
  '9007199254740993',
  '0x10',
  "' OR '1'='1",
  "'; DROP TABLE accounts; --",
  '%',
  '%00',
  '%ff',
  '%2e%2e%2f',
  '../../etc/passwd',
  '{{7*7}}#{7*7}<%= 7 %>',
  '<script>alert(1)</script>',
  'a\r\nBcc: b@example.com',
  'eyJhbGciOiJub25lIn0.e30.',
  'eyJhbGciOiJIUzI1NiJ9.e30.AAAA',
  'eyJ..',
  '...',
  '========',
  'voucher::a::code::b',
  'voucher::::code::',
  '$argon2id$v=19$m=4194304,t=99,p=1$AAAA$AAAA',
  '$2y$31$AAAAAAAAAAAAAAAAAAAAAA',
  '00000000-0000-4000-8000-000000000000',
  '2026-02-30T25:61:61Z',
];

/** Texts of every kind. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 80 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 300 }) },
  { weight: 1, arbitrary: fc.emailAddress() },
  { weight: 1, arbitrary: fc.base64String({ maxLength: 200 }) },
);

/** Raw JSON, or what is nearly that. */
export const hostileJson: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: hostileText.map((text) => JSON.stringify(text)) },
  { weight: 2, arbitrary: fc.json({ maxDepth: 4 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'null',
      'true',
      '0',
      '-1',
      '1e400',
      '1.5',
      '[]',
      '{}',
      '[null]',
      '{"$ne":null}',
      '{"__proto__":{"a":1}}',
      '123456789012345678901234567890',
      'NaN',
      '',
      '"\\ud800"',
      '"unended',
      '{"a":1,"a":2}',
      `${'['.repeat(31)}${']'.repeat(31)}`,
      `${'['.repeat(5000)}`,
      `${'{"a":'.repeat(2000)}1`,
      `[${'0,'.repeat(7000)}0]`,
      `{${Array.from({ length: 1000 }, (_, index) => `"m${index}":0`).join(',')}}`,
    ),
  },
);

/** Values of headers that are still HTTP: no control characters, Latin-1. */
export const hostileHeader: fc.Arbitrary<string> = fc.oneof(
  hostileText.map((text) =>
    Buffer.from(text)
      .toString('latin1')
      .replace(/[^\t\x20-\x7e\x80-\xff]/g, '.')
      .slice(0, 6000),
  ),
  fc.constantFrom('"', ',', ';;', '=', 'a, a', '::1', '0', '[::ffff:1.2.3.4]:80', 'gzip, br', '\t'),
);
