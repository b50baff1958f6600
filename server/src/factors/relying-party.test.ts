import { describe, expect, test } from 'vitest';
import { isBrowserRpId, relyingPartyOf } from './relying-party.ts';

// What of the settings is refused is tested with the configuration.

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
