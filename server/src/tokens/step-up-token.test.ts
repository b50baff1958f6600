import { createSecretKey, randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { readJwt } from '../../testing/jwt.ts';
import { frozenClock, type MovableClock } from '../../testing/ports.ts';
import { createVault } from '../crypto/vault.ts';
import { headerSegment, type JwsKey, signCompact, type TokenType } from './compact-jws.ts';
import { createStepUpTokens } from './step-up-token.ts';

const vault = createVault(randomBytes(32), { bytes: randomBytes });
const ISSUER = 'https://id.example.com';
const LIFE_SECONDS = 300;

describe('a step-up token', () => {
  let clock: MovableClock;
  beforeEach(() => {
    clock = frozenClock();
  });
  const tokens = () => createStepUpTokens(vault, () => ISSUER, clock);
  const now = () => Math.floor(clock.now() / 1000);
  const issue = () =>
    tokens().issue('secret', {
      issuedAt: clock.now() + 999,
      expiresAt: clock.now() + LIFE_SECONDS * 1000 + 999,
    });

  /** What whoever has the key signs. */
  function signed(payload: object, type: TokenType = 'step-up+jwt', purpose = 'step-up-token'): string {
    const secret = createSecretKey(vault.key(purpose));
    const key: JwsKey = { id: null, algorithm: 'HS256', signingKey: secret, verifyingKey: secret };
    return signCompact(headerSegment(type, key), payload, key);
  }
  const genuine = () => ({ iss: ISSUER, jti: 'secret', iat: now(), exp: now() + LIFE_SECONDS });

  test('has the secret of its ticket, its issuer and whole seconds', () => {
    const token = issue();
    expect(readJwt(token)).toMatchObject({
      header: { alg: 'HS256', typ: 'step-up+jwt' },
      payload: genuine(),
    });
    expect(signed(genuine())).toBe(token);
    expect(tokens().verify(token)).toBe('secret');
  });

  test('is good up to the second in which it ends', () => {
    const token = issue();
    clock.advance(LIFE_SECONDS - 0.001);
    expect(tokens().verify(token)).toBe('secret');
    clock.advance(0.001);
    expect(tokens().verify(token)).toBeNull();
  });

  test.each([
    ['another issuer', { iss: 'https://other.example.com' }],
    ['no issuer', { iss: undefined }],
    ['no secret', { jti: undefined }],
    ['a secret that is no text', { jti: 7 }],
    ['no end', { exp: undefined }],
    ['an end in text', { exp: '9999999999' }],
    ['an end with a fraction', { exp: 9_999_999_999.5 }],
  ])('is none with %s, though the signature is right', (_what, change) => {
    expect(tokens().verify(signed({ ...genuine(), ...change }))).toBeNull();
  });

  test('is none of another kind or key, or arbitrary', () => {
    expect(tokens().verify(signed(genuine(), 'rt+jwt'))).toBeNull();
    expect(tokens().verify(signed(genuine(), 'step-up+jwt', 'refresh-token'))).toBeNull();
    for (const other of ['', '..', 'a.b.c', `${issue()}.`]) expect(tokens().verify(other)).toBeNull();
  });
});
