import { createSecretKey, generateKeyPairSync, verify } from 'node:crypto';
import fc from 'fast-check';
import { CompactSign, compactVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { type Algorithm, headerSegment, type JwsKey, signCompact, verifyCompact } from './compact-jws.ts';

function keyFor(algorithm: Algorithm): JwsKey {
  if (algorithm === 'HS256') {
    const secret = createSecretKey(Buffer.alloc(32, 7));
    return { id: 'k', algorithm, signingKey: secret, verifyingKey: secret };
  }
  const pair =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : algorithm === 'EdDSA'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { id: 'k', algorithm, signingKey: pair.privateKey, verifyingKey: pair.publicKey };
}

describe.each(['ES256', 'EdDSA', 'RS256', 'HS256'] as const)('our compact JWS with %s', (algorithm) => {
  const key = keyFor(algorithm);
  const header = headerSegment('at+jwt', key);
  const ours = (token: string) => verifyCompact(token, (given) => (given === header ? key : undefined));
  // Signatures differ each time: many are made, so that r and s of every length come up.
  const runs = { numRuns: algorithm === 'ES256' ? 600 : 30 };

  test('what we sign, jose verifies', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.string()), async (payload) => {
        const { payload: bytes, protectedHeader } = await compactVerify(
          signCompact(header, payload, key),
          key.verifyingKey,
          { algorithms: [algorithm] },
        );
        expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual(JSON.parse(JSON.stringify(payload)));
        expect(protectedHeader).toEqual({ alg: algorithm, typ: 'at+jwt', kid: 'k' });
      }),
      runs,
    );
  });

  test('what jose signs, we verify', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.string()), async (payload) => {
        const token = await new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
          .setProtectedHeader({ alg: algorithm, typ: 'at+jwt', kid: 'k' })
          .sign(key.signingKey);
        expect(ours(token)).toEqual(JSON.parse(JSON.stringify(payload)));
      }),
      runs,
    );
  });

  test('nothing that is changed in one place verifies', () => {
    const token = signCompact(header, { sub: 'somebody', exp: 1 }, key);
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...'AQgw-_.=+/ x9'), (at, character) => {
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        expect(changed === token || ours(changed) === null).toBe(true);
      }),
    );
  });

  test('a token has three parts, and nothing before or after them', () => {
    const token = signCompact(header, { sub: 'somebody' }, key);
    const [, payload, signed] = token.split('.');
    expect(ours(token)).toEqual({ sub: 'somebody' });
    for (const other of [
      `${token}.`,
      `${token}.AAAA`,
      `.${token}`,
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}..${signed}`,
      `${token}=`,
      `${header}.${payload}=.${signed}`,
    ])
      expect(ours(other), other).toBeNull();
  });

  test('a signature of another length is none', () => {
    const token = signCompact(header, { sub: 'somebody' }, key);
    const [, payload, signed] = token.split('.');
    const bytes = Buffer.from(signed ?? '', 'base64url');
    const half = bytes.length / 2;
    const zero = Buffer.alloc(1);
    for (const other of [
      Buffer.concat([bytes, zero]),
      Buffer.concat([zero, bytes]),
      // The same number, written with a zero before it.
      Buffer.concat([bytes.subarray(0, half), zero, bytes.subarray(half)]),
      bytes.subarray(1),
      bytes.subarray(0, -1),
    ])
      expect(ours(`${header}.${payload}.${other.toString('base64url')}`)).toBeNull();
  });

  test('a signature of nothing but zeros, or ones, is none (CVE-2022-21449)', () => {
    const { length } = Buffer.from(signCompact(header, {}, key).split('.')[2] ?? '', 'base64url');
    const payload = Buffer.from('{}').toString('base64url');
    for (const byte of [0, 0xff])
      expect(ours(`${header}.${payload}.${Buffer.alloc(length, byte).toString('base64url')}`)).toBeNull();
  });

  test('what has no header is no token, whatever its signature is of', () => {
    expect(verifyCompact(signCompact('', { sub: 'somebody' }, key), () => key)).toBeNull();
  });

  test.each(['', ' ', 'not json', '{"exp":1', '\ufeff{}', '7', '"text"', 'true', 'null', '[]'])(
    'what is signed and says %j, which is no object, is refused',
    async (text) => {
      const token = await new CompactSign(new TextEncoder().encode(text))
        .setProtectedHeader({ alg: algorithm, typ: 'at+jwt', kid: 'k' })
        .sign(key.signingKey);
      expect(token.startsWith(`${header}.`)).toBe(true);
      expect(ours(token)).toBeNull();
    },
  );

  test('nothing arbitrary verifies, or throws', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        (a, b) => ours(`${header}.${a}.${b}`) === null && ours(a) === null,
      ),
    );
  });
});

test('an ES256 signature whose numbers are short, or have their sign bit set, has its 64 bytes', () => {
  const key = keyFor('ES256');
  const header = headerSegment('at+jwt', key);
  const left = new Set(['r short', 's short', 'r high', 's high', 'r low', 's low']);
  for (let number = 0; left.size > 0; number += 1) {
    const token = signCompact(header, { number }, key);
    const [, payload, signed = ''] = token.split('.');
    const raw = Buffer.from(signed, 'base64url');
    for (const [name, first = 0] of [['r', raw[0]] as const, ['s', raw[32]] as const])
      left.delete(`${name} ${first === 0 ? 'short' : first > 0x7f ? 'high' : 'low'}`);
    const verifying = { key: key.verifyingKey, dsaEncoding: 'ieee-p1363' as const };
    expect(raw).toHaveLength(64);
    expect(verify('sha256', Buffer.from(`${header}.${payload}`), verifying, raw)).toBe(true);
    expect(verifyCompact(token, () => key)).toEqual({ number });
  }
});

test('a key that is known from the type of the token is not named in its header', () => {
  const named = (id: string | null) => headerSegment('rt+jwt', { ...keyFor('HS256'), id });
  const header = (id: string | null) => JSON.parse(Buffer.from(named(id), 'base64url').toString());
  expect(header(null)).toEqual({ alg: 'HS256', typ: 'rt+jwt' });
  expect(header('k')).toEqual({ alg: 'HS256', typ: 'rt+jwt', kid: 'k' });
});
