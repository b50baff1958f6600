import { describe, expect, test } from 'vitest';
import { readClientData } from './passkey-response.ts';

const PLAIN = { type: 'webauthn.get', challenge: 'Y2hhbGxlbmdl', origin: 'https://id.example.com' };
const read = (said: unknown) => readClientData(Buffer.from(JSON.stringify(said)).toString('base64url'));

describe('what a browser says of a ceremony', () => {
  test('is its challenge and its page', () => {
    const { challenge, origin } = PLAIN;
    expect(read(PLAIN)).toEqual({ challenge, origin, isFramed: false });
  });

  test.each([
    [{ crossOrigin: false }, false],
    [{ crossOrigin: true }, true],
    [{ topOrigin: 'https://example.org' }, true],
    [{ crossOrigin: false, topOrigin: 'https://example.org' }, true],
    [{ topOrigin: null }, true],
  ])('with %j: inside a page of another site is %s', (more, isFramed) => {
    expect(read({ ...PLAIN, ...more })?.isFramed).toBe(isFramed);
  });

  test.each([
    null,
    5,
    'text',
    [],
    {},
    { ...PLAIN, challenge: undefined },
    { ...PLAIN, challenge: 5 },
    { ...PLAIN, origin: undefined },
    { ...PLAIN, origin: ['https://id.example.com'] },
  ])('is nothing as %j', (said) => {
    expect(read(said)).toBeNull();
  });

  test.each(['', 'bm90aGluZw', 'eyJjaGFsbGVuZ2UiOg'])('is nothing where it is no JSON: %s', (text) => {
    expect(readClientData(text)).toBeNull();
  });
});
