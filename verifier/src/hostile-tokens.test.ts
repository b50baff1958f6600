import { createHmac, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { makeFakeServer } from '../testing/fake-server.ts';
import { goodClaims, ISSUER, makeSigner, type Signer, segment, signWith } from '../testing/signer.ts';
import type { RefusalReason } from './refusal.ts';
import { createVerifier } from './verifier.ts';

const SECRET = 'a secret that is shared with an old service';
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const signers = [makeSigner('ES256'), makeSigner('EdDSA'), makeSigner('RS256')] as const;
const [es256] = signers;
const server = makeFakeServer(...signers.map(({ jwk }) => jwk));
const verifier = createVerifier({ issuer: ISSUER, fetch: server.fetch });
const symmetric = createVerifier({ issuer: ISSUER, secret: SECRET, fetch: server.fetch });
afterAll(() => {
  verifier.close();
  symmetric.close();
});

async function refusal(token: string, by = verifier): Promise<RefusalReason | 'taken'> {
  return by.verify(token).then(
    () => 'taken',
    (error: { reason: RefusalReason }) => error.reason,
  );
}

const now = () => Math.floor(Date.now() / 1000);

describe.each(signers.map((signer) => [signer.algorithm, signer] as const))('a token in %s', (_, signer) => {
  test('is taken, and says what it says', async () => {
    const claims = goodClaims({ sid: 'a-session' });
    const verified = await verifier.verify<'login'>(await signer.sign(claims));
    expect(verified).toEqual({
      claims,
      subject: 'ada',
      sessionId: 'a-session',
      issuedAt: Number(claims.iat) * 1000,
      expiresAt: Number(claims.exp) * 1000,
      revocation: 'none',
    });
    expect(verified.claims.role).toBe('Member');
  });

  test('is refused with any of its characters changed', async () => {
    const token = await signer.sign();
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 1),
        fc.constantFrom(...'AQgw-_.=+/ x9'),
        async (at, character) => {
          const changed = token.slice(0, at) + character + token.slice(at + 1);
          expect(changed === token || (await refusal(changed)) !== 'taken').toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('has one spelling', async () => {
    const token = await signer.sign();
    const last = ALPHABET.indexOf(token.slice(-1));
    const others = [...ALPHABET].filter((_, index) => index !== last && index >> 4 === last >> 4);
    expect(others).toHaveLength(15);
    for (const other of others) expect(await refusal(token.slice(0, -1) + other)).not.toBe('taken');
    // 64 and 256 bytes are not whole groups of three: the last character has bits of no byte.
    const sameBytes = others.filter((other) => {
      const bytes = (text: string) => Buffer.from(text.split('.')[2] ?? '', 'base64url').toString('hex');
      return bytes(token.slice(0, -1) + other) === bytes(token);
    });
    expect(sameBytes).toHaveLength(15);
    for (const other of sameBytes) expect(await refusal(token.slice(0, -1) + other)).toBe('malformed');
  });

  test('is refused when another key of the same kind has signed it', async () => {
    const stranger = makeSigner(signer.algorithm as 'ES256', signer.jwk.kid);
    expect(await refusal(await stranger.sign())).toBe('bad-signature');
  });

  test('is refused when its header names another algorithm', async () => {
    const [header = '', ...rest] = (await signer.sign()).split('.');
    for (const alg of ['ES256', 'EdDSA', 'RS256', 'PS256', 'ES384', 'Ed25519', 'HS256', 'none', 'NONE', '']) {
      const forged = segment({ ...JSON.parse(Buffer.from(header, 'base64url').toString()), alg });
      if (forged === header) continue;
      expect(await refusal([forged, ...rest].join('.')), alg).toBe('wrong-algorithm');
    }
  });

  test('is refused when it is signed with the public key as a shared secret', async () => {
    const { publicKey, jwk } = signer;
    const secrets = [
      publicKey.export({ type: 'spki', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'pem' }).toString().trim(),
      publicKey.export({ type: 'spki', format: 'der' }),
      JSON.stringify(jwk),
      Buffer.from(jwk.x ?? jwk.n ?? '', 'base64url'),
    ];
    for (const secret of secrets) {
      const input = `${segment({ alg: 'HS256', typ: 'at+jwt', kid: jwk.kid })}.${segment(goodClaims())}`;
      const token = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
      expect(await refusal(token)).toBe('wrong-algorithm');
      expect(await refusal(token, symmetric)).toBe('bad-signature');
    }
  });
});

describe('a header', () => {
  const stranger = makeSigner();

  test.each([
    ['that carries a key', { jwk: stranger.jwk }],
    ['that names a key elsewhere', { jku: 'https://evil.example/jwks.json' }],
    ['with a certificate', { x5c: ['MIIB'] }],
    ['with the address of a certificate', { x5u: 'https://evil.example/cert.pem' }],
    ['with an extension that nobody knows', { crit: ['exp'], exp: 1 }],
    ['with an unencoded payload', { b64: false, crit: ['b64'] }],
    ['that is compressed', { zip: 'DEF' }],
    ['with anything else', { note: 'hello' }],
  ])('%s is refused, whoever has signed it', async (_, members) => {
    const header = { alg: 'ES256', typ: 'at+jwt', kid: es256.jwk.kid, ...members };
    for (const { privateKey } of [es256, stranger]) {
      const input = `${segment(header)}.${segment(goodClaims())}`;
      const token = await signWith(privateKey, { alg: 'ES256' }, {});
      expect(await refusal(`${input}.${token.split('.')[2]}`)).toBe('malformed');
    }
  });

  test('whose b64 is not said to be critical is refused too', async () => {
    expect(await refusal(await es256.sign({}, { b64: true }))).toBe('malformed');
  });

  test.each(['JWT', 'rt+jwt', 'step-up+jwt', 'AT+JWT', 'application/at+jwt', '', undefined, 5, ['at+jwt']])(
    'with the type %j is refused',
    async (typ) => {
      expect(await refusal(await es256.sign({}, { typ }))).toBe('wrong-type');
    },
  );

  test.each([
    [undefined, 'unknown-key'],
    ['', 'unknown-key'],
    ['another', 'unknown-key'],
    ['__proto__', 'unknown-key'],
    ['constructor', 'unknown-key'],
    [5, 'malformed'],
    [{}, 'malformed'],
  ])('with the key id %j is refused', async (kid, reason) => {
    const token = [
      segment({ alg: 'ES256', typ: 'at+jwt', kid }),
      ...(await es256.sign()).split('.').slice(1),
    ];
    expect(await refusal(token.join('.'))).toBe(reason);
  });

  test('with the key id of a key for another algorithm is refused', async () => {
    const token = await es256.sign({}, { kid: signers[1].jwk.kid });
    expect(await refusal(token)).toBe('wrong-algorithm');
  });

  test.each(['null', '[]', '"at+jwt"', '5', '{', '', '\ufeff{"alg":"ES256"}', '{"alg":"ES256"} x'])(
    'that is %j is refused',
    async (text) => {
      const [, ...rest] = (await es256.sign()).split('.');
      expect(await refusal([segment(text), ...rest].join('.'))).toBe('malformed');
    },
  );
});

describe('the form', () => {
  test('is three segments of base64url and nothing else', async () => {
    const token = await es256.sign();
    const [header, payload, signature] = token.split('.');
    for (const nothing of ['', undefined, null, 5, {}, [token]])
      expect(await refusal(nothing as string)).toBe('missing');
    const forms = [
      '.',
      '..',
      '...',
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
      `${token}.`,
      `${token}.${signature}`,
      `${token}=`,
      `${token}==`,
      ` ${token}`,
      `${token} `,
      `${token}\n`,
      `${header}\n.${payload}.${signature}`,
      `${header}.${payload}=.${signature}`,
      token.replaceAll('-', '+').replaceAll('_', '/').replace('.', '+.'),
      JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
      `${segment({ alg: 'none', typ: 'at+jwt' })}.${payload}.`,
    ];
    for (const form of forms) expect(await refusal(form), form).toBe('malformed');
  });

  test('has a length', async () => {
    expect(await refusal(await es256.sign({ role: 'x'.repeat(20_000) }))).toBe('malformed');
    expect(await refusal('A'.repeat(10_000_000))).toBe('malformed');
  });

  test('that is arbitrary is refused, and never thrown at anybody', async () => {
    const [header] = (await es256.sign()).split('.');
    const text = fc.oneof(fc.string(), fc.base64String(), fc.json());
    await fc.assert(
      fc.asyncProperty(text, text, async (a, b) => {
        for (const token of [
          a,
          `${a}.${b}`,
          `${segment(a)}.${segment(b)}.${segment(a)}`,
          `${header}.${a}.${b}`,
        ])
          expect(await refusal(token)).toMatch(
            /^(missing|malformed|wrong-type|wrong-algorithm|unknown-key|bad-signature)$/,
          );
      }),
    );
  });
});

describe('claims', () => {
  test.each(['iss', 'aud', 'sub', 'sid', 'iat', 'exp', 'jti'])('without %s are refused', async (name) => {
    expect(await refusal(await es256.sign({ [name]: undefined }))).toBe('missing-claim');
    expect(await refusal(await es256.sign({ [name]: null }))).toBe('malformed');
    expect(await refusal(await es256.sign({ [name]: '' }))).toBe('malformed');
    expect(await refusal(await es256.sign({ [name]: true }))).toBe('malformed');
    expect(await refusal(await es256.sign({ [name]: {} }))).toBe('malformed');
  });

  test.each(['iat', 'exp'])('whose %s is no whole number of seconds are refused', async (name) => {
    const at = now() + (name === 'exp' ? 60 : -60);
    for (const value of [String(at), at + 0.5, 0, -1, [at], 2 ** 53, 1e300, '1e300'])
      expect(await refusal(await es256.sign({ [name]: value })), `${value}`).toBe('malformed');
  });

  test.each([
    ['another issuer', { iss: 'https://evil.example' }, 'wrong-issuer'],
    ['the issuer and a slash', { iss: `${ISSUER}/` }, 'wrong-issuer'],
    ['the issuer in other letters', { iss: ISSUER.toUpperCase() }, 'wrong-issuer'],
    ['another audience', { aud: 'https://api.example.com' }, 'wrong-audience'],
    ['no audience', { aud: [] }, 'wrong-audience'],
    ['an audience that contains ours', { aud: `${ISSUER}.evil.example` }, 'wrong-audience'],
    ['other audiences', { aud: ['a', 'b'] }, 'wrong-audience'],
    ['audiences that are no texts', { aud: [ISSUER, 5] }, 'malformed'],
    ['our audience among others', { aud: ['a', ISSUER] }, 'taken'],
    ['issuers', { iss: [ISSUER] }, 'malformed'],
  ])('for %s', async (_, claims, expected) => {
    expect(await refusal(await es256.sign(claims))).toBe(expected);
  });

  test.each([
    ['that has just expired', { iat: -100, exp: -11 }, 'expired'],
    ['that expired within the tolerance', { iat: -100, exp: -5 }, 'taken'],
    ['from a clock that is a little ahead', { iat: 5, exp: 3600 }, 'taken'],
    ['from the future', { iat: 60, exp: 3600 }, 'not-yet-valid'],
    ['that is not valid before later', { nbf: 60 }, 'not-yet-valid'],
    ['that is valid since', { nbf: -60 }, 'taken'],
    ['that lives as long as tokens may', { iat: 0, exp: 86_400 }, 'taken'],
    ['that lives longer', { iat: 0, exp: 86_401 }, 'malformed'],
    ['that lives for ever', { iat: 0, exp: 1e11 }, 'malformed'],
    ['that ended before it began', { iat: 0, exp: -3600 }, 'expired'],
  ])('of a token %s', async (_, offsets, expected) => {
    const claims = Object.fromEntries(
      Object.entries(offsets).map(([name, offset]) => [name, now() + offset]),
    );
    expect(await refusal(await es256.sign(claims))).toBe(expected);
  });

  test.each(['null', '[]', '"text"', '5', '{"iss":', ''])('that are %j are refused', async (payload) => {
    const { privateKey, jwk } = es256;
    const header = { alg: 'ES256', typ: 'at+jwt', kid: jwk.kid };
    expect(await refusal(await signRaw(privateKey, header, payload))).toBe('malformed');
  });

  test('that are no UTF-8 are refused', async () => {
    const header = { alg: 'ES256', typ: 'at+jwt', kid: es256.jwk.kid };
    const bytes = Buffer.concat([Buffer.from('{"role":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
    expect(await refusal(await signRaw(es256.privateKey, header, bytes))).toBe('malformed');
  });

  test('cannot be changed by one who is given them for another who is', async () => {
    const token = await es256.sign({ accessRoles: ['Member'] });
    const { claims } = await verifier.verify<'fingerprint'>(token);
    expect(() => (claims.accessRoles as string[]).push('Administrator')).toThrow(TypeError);
    expect(() => Object.assign(claims, { sub: 'eve' })).toThrow(TypeError);
    expect((await verifier.verify(token)).claims).toMatchObject({ sub: 'ada', accessRoles: ['Member'] });
  });
});

describe('a shared secret', () => {
  const header = { alg: 'HS256', typ: 'at+jwt', kid: 'mount:login' };
  const key = new TextEncoder().encode(SECRET);

  test('is what tokens are signed with, and the server is not asked for keys', async () => {
    const asked = server.asked.length;
    expect(await refusal(await signWith(key, header, goodClaims()), symmetric)).toBe('taken');
    expect(server.asked.length).toBe(asked);
  });

  test('is not what others are signed with', async () => {
    const other = new TextEncoder().encode(SECRET.toUpperCase());
    expect(await refusal(await signWith(other, header, goodClaims()), symmetric)).toBe('bad-signature');
    expect(await refusal(await es256.sign(), symmetric)).toBe('wrong-algorithm');
    expect(await refusal(await signWith(key, header, goodClaims()))).toBe('wrong-algorithm');
  });
});

test('keys that are not for signatures, or too short, are no keys', async () => {
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const weak: Signer = { ...signers[2], ...short };
  const usable = makeSigner();
  const { d: _none, ...encryption } = { ...makeSigner().jwk, use: 'enc' };
  const other = makeFakeServer(
    { ...short.publicKey.export({ format: 'jwk' }), kid: 'short', alg: 'RS256', use: 'sig' },
    encryption,
    { kty: 'oct', k: segment(SECRET), kid: 'secret', alg: 'HS256' },
    { ...makeSigner().jwk, kid: 'no-algorithm', alg: undefined as unknown as string },
    { kty: 'EC', crv: 'P-256', kid: 'broken', alg: 'ES256', x: 'AA', y: 'AA' },
    null as never,
    usable.jwk,
  );
  const picky = createVerifier({ issuer: ISSUER, fetch: other.fetch });
  const header = { alg: 'RS256', typ: 'at+jwt', kid: 'short' };
  const input = `${segment(header)}.${segment(goodClaims())}`;
  const { sign } = await import('node:crypto');
  const token = `${input}.${sign('sha256', Buffer.from(input), weak.privateKey).toString('base64url')}`;
  expect(await refusal(token, picky)).toBe('unknown-key');
  for (const kid of ['secret', 'no-algorithm', 'broken', String(encryption.kid)])
    expect(await refusal(await usable.sign({}, { kid }), picky)).toBe('unknown-key');
  expect(await refusal(await usable.sign(), picky)).toBe('taken');
  picky.close();
});

async function signRaw(
  key: Signer['privateKey'],
  header: { alg: string },
  payload: string | Buffer,
): Promise<string> {
  const { CompactSign } = await import('jose');
  return new CompactSign(Buffer.from(payload)).setProtectedHeader(header).sign(key);
}
