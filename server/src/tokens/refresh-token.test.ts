import { createSecretKey, randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { readJwt } from '../../testing/jwt.ts';
import { frozenClock, type MovableClock } from '../../testing/ports.ts';
import { createVault } from '../crypto/vault.ts';
import { headerSegment, type JwsKey, signCompact, type TokenType } from './compact-jws.ts';
import { createRefreshTokens } from './refresh-token.ts';

const vault = createVault(randomBytes(32), { bytes: randomBytes });
const LIFE_SECONDS = 600;

describe('a refresh token', () => {
  let clock: MovableClock;
  beforeEach(() => {
    clock = frozenClock();
  });
  const tokens = () => createRefreshTokens(vault, clock);
  const now = () => Math.floor(clock.now() / 1000);
  const content = () => ({
    sessionId: 'session',
    counter: 7,
    rotatedAt: clock.now() + 999,
    expiresAt: clock.now() + LIFE_SECONDS * 1000 + 999,
  });

  /** What whoever has the key signs. */
  function signed(payload: object, type: TokenType = 'rt+jwt', purpose = 'refresh-token'): string {
    const secret = createSecretKey(vault.key(purpose));
    const key: JwsKey = { id: null, algorithm: 'HS256', signingKey: secret, verifyingKey: secret };
    return signCompact(headerSegment(type, key), payload, key);
  }
  const genuine = () => ({ sid: 'session', n: 7, iat: now(), exp: now() + LIFE_SECONDS });

  test('says its session, its counter and whole seconds, the same bytes each time', () => {
    const token = tokens().issue(content());
    expect(readJwt(token)).toMatchObject({ header: { alg: 'HS256', typ: 'rt+jwt' }, payload: genuine() });
    expect(tokens().issue(content())).toBe(token);
    expect(signed(genuine())).toBe(token);
    expect(tokens().verify(token)).toEqual({ sessionId: 'session', counter: 7 });
  });

  test('is good up to the second in which it ends, and then told as ended', () => {
    const token = tokens().issue(content());
    clock.advance(LIFE_SECONDS - 0.001);
    expect(tokens().verify(token)).toEqual({ sessionId: 'session', counter: 7 });
    clock.advance(0.001);
    expect(tokens().verify(token)).toBe('expired');
  });

  test.each([
    ['no session', { sid: undefined }],
    ['a session that is no text', { sid: 7 }],
    ['no counter', { n: undefined }],
    ['a counter in text', { n: '7' }],
    ['a counter with a fraction', { n: 7.5 }],
    ['no end', { exp: undefined }],
    ['an end in text', { exp: '9999999999' }],
    ['an end with a fraction', { exp: 9_999_999_999.5 }],
  ])('is none with %s, though the signature is right', (_what, change) => {
    expect(tokens().verify(signed({ ...genuine(), ...change }))).toBeNull();
  });

  test('is none of another kind or key, or arbitrary', () => {
    expect(tokens().verify(signed(genuine(), 'at+jwt'))).toBeNull();
    expect(tokens().verify(signed(genuine(), 'rt+jwt', 'step-up-token'))).toBeNull();
    for (const other of ['', '..', 'a.b.c', `${tokens().issue(content())}.`])
      expect(tokens().verify(other)).toBeNull();
  });
});
