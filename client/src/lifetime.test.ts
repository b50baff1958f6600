import { expect, test } from 'vitest';
import { phaseOf } from './lifetime.ts';

const RECEIVED = 1_700_000_000_000;

/** A token of a server whose clock is a year behind. */
function tokensOfLife(seconds: number) {
  const iat = RECEIVED / 1000 - 31_536_000;
  const claims = { name: 'Zoë ✓ ~~~???', iat, exp: iat + seconds };
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return { accessToken: `e30.${payload}.c2ln`, refreshToken: null, receivedAt: RECEIVED };
}

test.each([
  [3600, 0, 'fresh'],
  [3600, 3569, 'fresh'],
  [3600, 3570, 'ageing'],
  [3600, 3599, 'ageing'],
  [3600, 3600, 'ended'],
  [20, 17, 'fresh'],
  [20, 18, 'ageing'],
  [20, 21, 'ended'],
])('a token that lives %d s is, after %d s, %s', (life, after, phase) => {
  expect(phaseOf(tokensOfLife(life), RECEIVED + after * 1000, 30)).toBe(phase);
});

test.each(['opaque', 'a.b.c', 'e30.e30.c2ln', 'e30.bnVsbA.c2ln', ''])(
  '%j is never known to end',
  (accessToken) => {
    const tokens = { accessToken, refreshToken: null, receivedAt: 0 };
    expect(phaseOf(tokens, RECEIVED, 30)).toBe('fresh');
  },
);
