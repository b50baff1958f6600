import { describe, expect, test } from 'vitest';
import { isBrowserRpId, relyingPartyOf, relyingPartyProblems } from './relying-party.ts';

describe('the relying party', () => {
  test('is the host of the public URL, and its page may use it', () => {
    expect(relyingPartyOf({ origins: [] }, 'https://id.example.com:8443/below')).toEqual({
      id: 'id.example.com',
      origins: ['https://id.example.com:8443'],
    });
  });

  test('is what the settings say, each page once', () => {
    const origins = ['https://app.example.com', 'https://id.example.com', 'https://app.example.com'];
    expect(relyingPartyOf({ rpId: 'example.com', origins }, 'https://id.example.com')).toEqual({
      id: 'example.com',
      origins: ['https://id.example.com', 'https://app.example.com'],
    });
  });

  test.each([
    ['https://id.example.com', true],
    ['http://localhost:8080', true],
    ['http://app.localhost:8080', true],
    ['http://id.example.com', false],
    ['https://192.0.2.1', false],
    ['http://127.0.0.1:8080', false],
    ['https://[2001:db8::1]', false],
    ['https://id_of.example.com', false],
  ])('of %s is one that browsers make passkeys for: %s', (publicUrl, isUsable) => {
    expect(isBrowserRpId(relyingPartyOf({ origins: [] }, publicUrl))).toBe(isUsable);
  });

  test('needs one page only that nobody on the way can change', () => {
    const inside = 'http://id.example.com';
    const usable = (origins: string[]) => isBrowserRpId({ id: 'id.example.com', origins });
    expect(usable([inside])).toBe(false);
    expect(usable([inside, 'https://app.id.example.com'])).toBe(true);
    expect(usable([inside, 'https://app.example.com'])).toBe(false);
  });
});

describe('of the settings', () => {
  const label = 'a'.repeat(63);

  test.each([
    ['id.example.com', 'https://id.example.com'],
    ['example.com', 'https://id.example.com'],
    ['localhost', 'http://localhost:8080'],
    [`${label}.example.com`, null],
    ['a.b-c.d', null],
  ])('the name %s is taken where the server is %s', (rpId, publicUrl) => {
    expect(relyingPartyProblems({ rpId, origins: [] }, publicUrl)).toEqual([]);
  });

  test.each([
    ['com', 'https://id.example.com'],
    ['ample.com', 'https://id.example.com'],
    ['www.id.example.com', 'https://id.example.com'],
    ['id.example.com.org', 'https://id.example.com'],
    ['192.0.2.1', 'https://192.0.2.1'],
    ['192.0.2.1', null],
    ['Example.com', null],
    ['-example.com', null],
    ['example-.com', null],
    ['example.com-', null],
    ['.example.com', null],
    ['example.com.', null],
    ['exa_mple.com', null],
    [`a${label}.example.com`, null],
    ['https://example.com', null],
    ['', null],
  ])('the name %s is refused where the server is %s', (rpId, publicUrl) => {
    expect(relyingPartyProblems({ rpId, origins: [] }, publicUrl)).toEqual([
      'passkeys.rpId: must be a host name: that of publicUrl, or one that it is below',
    ]);
  });

  test.each([
    'https://example.com',
    'https://id.example.com',
    'https://a.b.example.com:8443',
    `android:apk-key-hash:${'a'.repeat(43)}`,
  ])('the page %s is taken', (origin) => {
    expect(relyingPartyProblems({ rpId: 'example.com', origins: [origin] }, null)).toEqual([]);
  });

  test.each([
    'http://example.com',
    'http://localhost:8080',
    'https://badexample.com',
    'https://example.com.org',
    'https://example.com/',
    'https://example.com/below',
    'https://Example.com',
    'https://ada@example.com',
    'example.com',
    `android:apk-key-hash:${'a'.repeat(42)}`,
    `android:apk-key-hash:${'a'.repeat(44)}`,
    `x-android:apk-key-hash:${'a'.repeat(43)}`,
  ])('the page %s is refused', (origin) => {
    expect(relyingPartyProblems({ rpId: 'example.com', origins: [origin] }, null)).toEqual([
      `passkeys.origins: ${origin} is no https origin on or below example.com (http for localhost only), nor android:apk-key-hash:…`,
    ]);
  });

  test('a page of this machine needs no certificate where the server is of it, too', () => {
    const origins = ['http://localhost:3000', 'http://app.localhost:3000'];
    expect(relyingPartyProblems({ origins }, 'http://localhost:8080')).toEqual([]);
    expect(relyingPartyProblems({ origins: ['ftp://localhost'] }, 'http://localhost:8080')).toHaveLength(1);
  });

  test('pages say nothing as long as nothing says what they are below', () => {
    const origins = ['https://example.com'];
    expect(relyingPartyProblems({ origins }, null)).toEqual([
      'passkeys.origins: needs publicUrl or passkeys.rpId, which say what they are below',
    ]);
    expect(relyingPartyProblems({ origins: [] }, null)).toEqual([]);
  });
});
