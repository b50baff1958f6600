import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { readJwt, verifyAsResourceServer } from '../../testing/jwt.ts';
import { rawSend } from '../../testing/raw-request.ts';
import { buildApp } from '../app.ts';

const SECRET = 'a shared secret of an old resource server';

// Forgeries and mix-ups, over the wire: whatever is not exactly what the server issued is nobody.
describe('access tokens', () => {
  let app: TestApp;
  let genuine = '';
  beforeAll(async () => {
    app = await startApp('sqlite', {
      LATCHKEY_MOUNTS: JSON.stringify([
        { contract: 'login', claims: { role: 'legacyRole' } },
        {
          contract: 'login',
          prefix: '/eddsa',
          algorithm: 'EdDSA',
          audience: 'https://api.example.com',
          accessTokenSeconds: 2,
        },
        { contract: 'login', prefix: '/rsa', algorithm: 'RS256' },
        { contract: 'login', prefix: '/shared', algorithm: 'HS256', secret: SECRET },
        { contract: 'profile', prefix: '/shared-too', algorithm: 'HS256', secret: SECRET.toUpperCase() },
      ]),
    });
    genuine = await tokenOf();
  });
  afterAll(() => app.stop());

  async function tokenOf(prefix = ''): Promise<string> {
    const { username, password } = await app.person();
    const answer = await app.post(`${prefix}/auth/login`, { username, password });
    return answer.body.access_token;
  }
  const isActive = async (token: string) => {
    const answer = await app.request('GET', '/v1/session', { headers: { authorization: `Bearer ${token}` } });
    expect([200, 401]).toContain(answer.status);
    return answer.status === 200;
  };

  test.each([
    ['', 'ES256'],
    ['/eddsa', 'EdDSA'],
    ['/rsa', 'RS256'],
  ])(
    'of the mount %s are signed with %s and verified by whoever has the published keys',
    async (prefix, algorithm) => {
      const token = await tokenOf(prefix);
      expect(readJwt(token).header).toEqual({ alg: algorithm, typ: 'at+jwt', kid: expect.any(String) });
      await verifyAsResourceServer(token, app.url, prefix === '/eddsa' ? 'https://api.example.com' : app.url);
      expect(await isActive(token)).toBe(true);
    },
  );

  test('of a mount with a shared secret are signed with that', async () => {
    const token = await tokenOf('/shared');
    const [header, payload, signature] = token.split('.');
    expect(createHmac('sha256', SECRET).update(`${header}.${payload}`).digest('base64url')).toBe(signature);
    expect(await isActive(token)).toBe(true);
  });

  test('have the claim names that the mount gives them', () => {
    expect(readJwt(genuine).payload).toHaveProperty('legacyRole');
    expect(readJwt(genuine).payload).not.toHaveProperty('role');
  });

  test('end to the second, and a genuine one that has ended is told as that nowhere', async () => {
    const token = await tokenOf('/eddsa');
    expect(await isActive(token)).toBe(true);
    app.core.clock.advance(3);
    expect(await isActive(token)).toBe(false);
    app.core.clock.advance(-3);
  });

  test('TK-6: the published keys have no private part, and say how long they may be kept', async () => {
    const answer = await app.request('GET', '/.well-known/jwks.json');
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
    for (const key of answer.body.keys) {
      expect(key).toMatchObject({ kid: expect.any(String), use: 'sig', alg: expect.any(String) });
      for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(key).not.toHaveProperty(secret);
    }
    expect(answer.body.keys.map(({ alg }: { alg: string }) => alg).sort()).toEqual([
      'ES256',
      'EdDSA',
      'RS256',
    ]);
  });

  test('TK-6: the published keys are P-256, Ed25519 and RSA of 3072 bits', async () => {
    const { keys } = (await app.request('GET', '/.well-known/jwks.json')).body;
    const sizes = keys.map((jwk: { alg: string }) => {
      const { asymmetricKeyDetails } = createPublicKey({ key: jwk, format: 'jwk' });
      return [jwk.alg, asymmetricKeyDetails?.namedCurve ?? asymmetricKeyDetails?.modulusLength ?? null];
    });
    expect(Object.fromEntries(sizes)).toEqual({ ES256: 'prime256v1', EdDSA: null, RS256: 3072 });
    expect(keys.find(({ alg }: { alg: string }) => alg === 'EdDSA').crv).toBe('Ed25519');
  });

  test('TK-4: are good at mounts of their own audience, and at no other', async () => {
    const at = async (prefix: string, token: string) =>
      (await app.request('GET', `${prefix}/auth/me`, { headers: { authorization: `Bearer ${token}` } }))
        .status;
    const [plain, api] = [await tokenOf(), await tokenOf('/eddsa')];
    expect([await at('', plain), await at('/rsa', plain), await at('/eddsa', plain)]).toEqual([
      200, 200, 401,
    ]);
    expect([await at('', api), await at('/rsa', api), await at('/eddsa', api)]).toEqual([401, 401, 200]);
  });

  test('TK-4: are good at the issuer that issued them, and at no other with the same keys and sessions', async () => {
    const other = await buildApp(app.core.config, {
      ...app.core,
      publicUrl: () => 'https://other.example.com',
    });
    await other.server.listen({ host: '127.0.0.1', port: 0 });
    const { port } = other.server.server.address() as AddressInfo;
    const isActiveThere = async (token: string, host: string) => {
      const answer = await rawSend(`http://127.0.0.1:${port}`, 'GET /v1/session', [
        `Host: ${host}`,
        `Authorization: Bearer ${token}`,
      ]);
      return answer.status === 200;
    };
    const { username, password } = await app.person();
    const response = await fetch(`http://127.0.0.1:${port}/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username, password }),
    });
    const { access_token: theirs } = (await response.json()) as { access_token: string };
    for (const host of ['other.example.com', new URL(app.url).host]) {
      expect(await isActiveThere(theirs, host)).toBe(true);
      expect(await isActiveThere(genuine, host)).toBe(false);
    }
    expect([await isActive(genuine), await isActive(theirs)]).toEqual([true, false]);
    await other.close();
  });

  describe('that are forged are nobody:', () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const parts = () => {
      const [header = '', payload = '', signature = ''] = genuine.split('.');
      return {
        header,
        payload,
        signature,
        claims: readJwt(genuine).payload,
        kid: readJwt(genuine).header.kid,
      };
    };

    test.each(['none', 'None', 'NONE', 'nOnE', ''])('TK-1: alg %j', async (alg) => {
      const { payload, signature, kid } = parts();
      for (const signed of ['', signature])
        expect(await isActive(`${part({ alg, typ: 'at+jwt', kid })}.${payload}.${signed}`)).toBe(false);
    });

    test.each(['HS256', 'HS384', 'HS512'])(
      'TK-1: %s keyed with the public key in any spelling',
      async (alg) => {
        const { kid, payload } = parts();
        const { keys } = (await app.request('GET', '/.well-known/jwks.json')).body;
        const jwk = keys.find((key: { kid: string }) => key.kid === kid);
        const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
        const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
        const spellings = [
          pem,
          pem.trim(),
          ` ${pem}`,
          publicKey.export({ type: 'spki', format: 'der' }),
          JSON.stringify(jwk),
          jwk.x,
          '',
        ];
        for (const secret of spellings) {
          const input = `${part({ alg, typ: 'at+jwt', kid })}.${payload}`;
          const signature = createHmac(alg.replace('HS', 'sha'), secret).update(input).digest('base64url');
          expect(await isActive(`${input}.${signature}`)).toBe(false);
        }
      },
    );

    test('TK-1: a key of the forger’s own, named in the header or not', async () => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const { claims, kid } = parts();
      const jwk = publicKey.export({ format: 'jwk' });
      const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
      const headers: object[] = [
        { kid },
        {},
        { jwk },
        { kid, jwk },
        { kid: '../../../../dev/null' },
        { kid: "' OR 1=1 --" },
        { kid: '__proto__' },
        { kid: 'constructor' },
        { jku: 'http://127.0.0.1:1/jwks.json' },
        { x5u: 'http://127.0.0.1:1/cert.pem' },
        { x5c: [Buffer.from(pem).toString('base64')] },
        { crit: ['exp'], exp: 1, kid },
        { crit: ['unknown'], unknown: 1, kid },
        { b64: false, crit: ['b64'], kid },
        { kid: ['a'] },
        { kid: null },
        { zip: 'DEF', kid },
      ];
      for (const header of headers) {
        const input = `${part({ alg: 'ES256', typ: 'at+jwt', ...header })}.${part(claims)}`;
        const signature = sign('sha256', Buffer.from(input), {
          key: privateKey,
          dsaEncoding: 'ieee-p1363',
        }).toString('base64url');
        expect(await isActive(`${input}.${signature}`), JSON.stringify(header)).toBe(false);
      }
    });

    test('TK-1: a header that is genuine but for its spelling or type', async () => {
      const { claims, kid } = parts();
      const key = await signingKey(app);
      for (const header of [
        { typ: 'JWT' },
        { typ: 'at+JWT' },
        { typ: 'rt+jwt' },
        { typ: 'step-up+jwt' },
        {},
      ]) {
        const token = await new SignJWT(claims)
          .setProtectedHeader({ alg: 'ES256', ...header, ...(kid === undefined ? {} : { kid }) })
          .sign(key);
        expect(await isActive(token), JSON.stringify(header)).toBe(false);
      }
      const well = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...(kid === undefined ? {} : { kid }) })
        .sign(key);
      expect(await isActive(well)).toBe(true);
    });

    test.each([
      ['no exp', { exp: undefined }],
      ['exp null', { exp: null }],
      ['exp text', { exp: '9999999999' }],
      ['exp with a fraction', { exp: 9_999_999_999.5 }],
      ['an exp far off', { exp: 99_999_999_999 }],
      ['exp true', { exp: true }],
      ['exp 0', { exp: 0 }],
      ['an exp that was', { exp: Math.floor(Date.now() / 1000) - 1 }],
      ['no iat', { iat: undefined }],
      ['iat null', { iat: null }],
      ['iat text', { iat: '1' }],
      ['iat with a fraction', { iat: 1.5 }],
      ['an iat to come', { iat: Math.floor(Date.now() / 1000) + 61 }],
      ['an iat below zero', { iat: -1 }],
      ['another issuer', { iss: 'https://evil.example.com' }],
      ['no issuer', { iss: undefined }],
      ['another audience', { aud: 'https://api.example.com' }],
      ['a list of audiences', { aud: ['x'] }],
      ['no audience', { aud: undefined }],
      ['no session', { sid: undefined }],
      ['a session that is not', { sid: 'x' }],
      ['a session that is no text', { sid: { $ne: '' } }],
      ['another subject', { sub: 'somebody-else' }],
    ])('TK-2: %s, though the signature is right', async (_what, change) => {
      const { claims, kid } = parts();
      const payload = JSON.parse(JSON.stringify({ ...claims, ...change }));
      const token = await new SignJWT(payload)
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...(kid === undefined ? {} : { kid }) })
        .sign(await signingKey(app));
      expect(await isActive(token)).toBe(false);
    });

    test('TK-2: an iat to come is taken for ten seconds, as of a clock that is a little ahead', async () => {
      const { claims, kid } = parts();
      for (const [ahead, isGood] of [
        [8, true],
        [15, false],
      ] as const) {
        const iat = Math.floor(app.core.clock.now() / 1000) + ahead;
        const token = await new SignJWT({ ...claims, iat, exp: iat + 60 })
          .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...(kid === undefined ? {} : { kid }) })
          .sign(await signingKey(app));
        expect(await isActive(token), `${ahead} s`).toBe(isGood);
      }
    });

    test('TK-5: other spellings of the same bytes', async () => {
      const { header, payload, signature } = parts();
      const changed = [
        `${genuine}=`,
        `${genuine}==`,
        `${genuine}.`,
        `${genuine}.x`,
        `.${genuine}`,
        `${header}.${payload}`,
        `${header}.${payload}.`,
        `${header}.${payload}.${signature.slice(0, -1)}`,
        `${header}.${payload}.${signature}A`,
        `${header}.${payload}=.${signature}`,
        `${header}=.${payload}.${signature}`,
        `${header}.${payload}.${signature.replaceAll('-', '+').replaceAll('_', '/')}`,
        `${header}.${payload}.${lastBitsChanged(signature)}`,
      ].filter((token) => token !== genuine);
      for (const token of changed) expect(await isActive(token), token.slice(-30)).toBe(false);
    });

    test('one shared secret’s token in the name of another mount’s session', async () => {
      const claims = readJwt(await tokenOf('/shared')).payload;
      const input = `${part({ alg: 'HS256', typ: 'at+jwt', kid: 'mount:profile@/shared-too' })}.${part(claims)}`;
      const signature = createHmac('sha256', SECRET.toUpperCase()).update(input).digest('base64url');
      expect(await isActive(`${input}.${signature}`)).toBe(false);
    });
  });
});

/** The server's own signing key, taken from the store: what no forger has. */
async function signingKey(app: TestApp) {
  const key = (await app.core.store.signingKeys.all()).find(({ algorithm }) => algorithm === 'ES256');
  if (!key) throw new Error('there is no key');
  return createPrivateKey(app.core.vault.unseal('signing-key', key.privateSealed));
}

/** The same signature bytes in a spelling that is not canonical: the last character has bits that stand for nothing. */
function lastBitsChanged(signature: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(signature.at(-1) ?? 'A');
  return `${signature.slice(0, -1)}${alphabet[last ^ 1]}`;
}
