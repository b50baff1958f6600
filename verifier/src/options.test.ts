import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { makeFakeServer } from '../testing/fake-server.ts';
import { ISSUER, makeSigner } from '../testing/signer.ts';
import type { VerifierOptions } from './options.ts';
import { createVerifier } from './verifier.ts';

const SECRET = 'a secret that is shared with an old service';

describe('a verifier', () => {
  test.each<[string, VerifierOptions]>([
    ['issuer must be an http or https address', { issuer: '' }],
    ['issuer must be an http or https address', { issuer: 'id.example.com' }],
    ['issuer must be an http or https address', { issuer: 'ftp://id.example.com' }],
    ['issuer must be an http or https address', { issuer: `${ISSUER}?x` }],
    ['algorithms must not be empty', { issuer: ISSUER, algorithms: [] }],
    ['none is no algorithm', { issuer: ISSUER, algorithms: ['none' as 'ES256'] }],
    ['HS256 needs the secret', { issuer: ISSUER, algorithms: ['ES256', 'HS256'] }],
    ['a secret is for HS256 only', { issuer: ISSUER, algorithms: ['ES256'], secret: SECRET }],
    ['secret must have 32 bytes', { issuer: ISSUER, secret: 'short' }],
    ['revocations.credential', { issuer: ISSUER, revocations: { credential: '' } }],
    ['revocations.credential', { issuer: ISSUER, revocations: { credential: 'two\nlines' } }],
    ['clockToleranceSeconds must be', { issuer: ISSUER, clockToleranceSeconds: -1 }],
    ['maxTokenSeconds must be', { issuer: ISSUER, maxTokenSeconds: Number.NaN }],
    ['cache.tokens must be', { issuer: ISSUER, cache: { tokens: Number.POSITIVE_INFINITY } }],
    [
      'maxStalenessMilliseconds must be',
      { issuer: ISSUER, revocations: { credential: 'c', maxStalenessMilliseconds: -1 } },
    ],
  ])('says what is wrong: %s', (problem, options) => {
    expect(() => createVerifier(options)).toThrow(TypeError);
    expect(() => createVerifier(options)).toThrow(problem);
  });

  test('says all that is wrong at once', () => {
    const options = { issuer: '', secret: 'short', clockToleranceSeconds: -1 };
    expect(() => createVerifier(options)).toThrow(/issuer.*; secret.*; clockToleranceSeconds/);
  });

  test('takes several kinds of algorithms side by side, each with its own key', async () => {
    const signer = makeSigner();
    const server = makeFakeServer(signer.jwk);
    const algorithms = ['ES256', 'HS256'] as const;
    const verifier = createVerifier({ issuer: ISSUER, algorithms, secret: SECRET, fetch: server.fetch });
    await verifier.ready();
    expect((await verifier.verify(await signer.sign())).subject).toBe('ada');
    verifier.close();
  });

  test('whose issuer ends with a slash wants it in tokens, and not in addresses', async () => {
    const signer = makeSigner();
    const server = makeFakeServer(signer.jwk);
    const issuer = `${ISSUER}/`;
    const verifier = createVerifier({ issuer, fetch: server.fetch });
    await verifier.verify(await signer.sign({ iss: issuer, aud: issuer }));
    expect(server.asked).toEqual(['/.well-known/jwks.json']);
    await expect(verifier.verify(await signer.sign())).rejects.toMatchObject({ reason: 'wrong-issuer' });
    verifier.close();
  });

  test.each([
    [0, 3],
    [2, 3],
    [10, 3],
  ])('that remembers %i tokens takes them all the same', async (tokens, count) => {
    const signer = makeSigner();
    const server = makeFakeServer(signer.jwk);
    const verifier = createVerifier({ issuer: ISSUER, fetch: server.fetch, cache: { tokens } });
    const texts = await Promise.all(Array.from({ length: count }, () => signer.sign()));
    for (const text of [...texts, ...texts]) expect((await verifier.verify(text)).subject).toBe('ada');
    verifier.close();
  });

  test('remembers no token longer than it is good', async () => {
    const signer = makeSigner();
    const server = makeFakeServer(signer.jwk);
    let ahead = 0;
    const now = () => Date.now() + ahead;
    const verifier = createVerifier({ issuer: ISSUER, fetch: server.fetch, now });
    const token = await signer.sign();
    await verifier.verify(token);
    ahead = 3_611_000;
    await expect(verifier.verify(token)).rejects.toMatchObject({ reason: 'expired' });
    verifier.close();
  });

  test('remembers tokens while the keys cannot be renewed', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const signer = makeSigner();
    const server = makeFakeServer(signer.jwk);
    const verifier = createVerifier({ issuer: ISSUER, fetch: server.fetch });
    const token = await signer.sign();
    const { claims } = await verifier.verify(token);
    server.isDown = true;
    vi.advanceTimersByTime(301_000);
    expect((await verifier.verify(token)).claims).toBe(claims);
    expect(server.asked).toHaveLength(2);
    verifier.close();
  });

  test('without revocations knows only what tokens say', async () => {
    const signer = makeSigner();
    const server = makeFakeServer(signer.jwk);
    const verifier = createVerifier({ issuer: ISSUER, fetch: server.fetch });
    await verifier.ready();
    expect((await verifier.verify(await signer.sign())).revocation).toBe('none');
    expect(verifier.staleness()).toEqual({
      milliseconds: null,
      fresh: false,
      feed: 'off',
      revokedSessions: 0,
      lastError: null,
    });
    expect(server.asked).toEqual(['/.well-known/jwks.json']);
    verifier.close();
  });
});
