import { createSecretKey } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { forgetKeys, openTestCore, type TestCore } from '../../testing/core.ts';
import { readJwt } from '../../testing/jwt.ts';
import { frozenClock, type MovableClock } from '../../testing/ports.ts';
import { contracts } from '../contracts/index.ts';
import type { Mount } from '../mount.ts';
import { resolveMounts } from '../mount-settings.ts';
import { stateFact } from '../store/facts.ts';
import { type AccessTokens, createAccessTokens } from './access-token.ts';
import { headerSegment, type JwsKey, signCompact } from './compact-jws.ts';
import { KeyRing } from './key-ring.ts';

const ISSUER = 'https://id.example.com';
const SECRET = 'a shared secret of an old resource server';
const PLAIN_SECONDS = 600;
const LONGEST_SECONDS = 900;
const RING = { algorithms: ['ES256'], publishSeconds: 300, longestTokenSeconds: LONGEST_SECONDS } as const;

const { mounts } = resolveMounts(
  [
    { contract: 'login', accessTokenSeconds: PLAIN_SECONDS },
    {
      contract: 'login',
      prefix: '/shared',
      algorithm: 'HS256',
      secret: SECRET,
      audience: 'reports',
      accessTokenSeconds: LONGEST_SECONDS,
    },
  ],
  contracts,
);
const [plain, shared] = mounts as [Mount, Mount];

describe('an access token', () => {
  let core: TestCore;
  let clock: MovableClock;
  let keyRing: KeyRing;
  let made: AccessTokens | undefined;
  beforeAll(async () => {
    core = await openTestCore('sqlite');
  });
  beforeEach(async () => {
    await forgetKeys(core);
    clock = frozenClock();
    keyRing = new KeyRing({ ...core, clock, ...RING });
    // It looks for no other keys by itself here.
    await keyRing.start(() => undefined);
    keyRing.stop();
    made = undefined;
  });
  afterAll(() => core.close());

  const tokensWith = (ring: KeyRing) =>
    createAccessTokens({ keyRing: ring, mounts, publicUrl: () => ISSUER, clock, random: core.random });
  function tokens(): AccessTokens {
    made ??= tokensWith(keyRing);
    return made;
  }
  const issue = (mount: Mount, notAfter = Number.MAX_SAFE_INTEGER) =>
    tokens().issue(mount, {
      sessionId: 'session',
      subject: 'subject',
      claims: {},
      known: {},
      issuedAt: clock.now() + 999,
      notAfter,
    });
  const now = () => Math.floor(clock.now() / 1000);
  const genuine = () => ({
    iss: ISSUER,
    aud: ISSUER,
    sub: 'subject',
    sid: 'session',
    iat: now(),
    exp: now() + 60,
  });
  /** What whoever has the key signs. */
  const signed = (change: object) => {
    const { key, header } = keyRing.signer('ES256');
    return signCompact(header, { ...genuine(), ...change }, key);
  };

  test('says what was issued, and which shared secret signed it', () => {
    const issuedAt = clock.now();
    const said = { sessionId: 'session', subject: 'subject', issuedAt };
    expect(tokens().verify(issue(plain))).toEqual({
      ...said,
      audience: ISSUER,
      expiresAt: issuedAt + PLAIN_SECONDS * 1000,
      sharedWith: null,
    });
    const token = issue(shared);
    expect(readJwt(token).header).toEqual({ alg: 'HS256', typ: 'at+jwt', kid: 'mount:login@/shared' });
    const ofShared = {
      ...said,
      audience: 'reports',
      expiresAt: issuedAt + LONGEST_SECONDS * 1000,
      sharedWith: 'login@/shared',
    };
    // The second time it is remembered.
    expect([tokens().verify(token), tokens().verify(token)]).toEqual([ofShared, ofShared]);
    expect([plain, shared].map(tokens().audienceOf)).toEqual([ISSUER, 'reports']);
  });

  test('ends with its session, where that is sooner', () => {
    const notAfter = clock.now() + 30_999;
    expect(readJwt(issue(plain, notAfter)).payload.exp).toBe(now() + 30);
    expect(tokens().verify(issue(plain, notAfter))).toMatchObject({ expiresAt: clock.now() + 30_000 });
  });

  test('is good up to the second in which it ends, and then told as ended', () => {
    const token = issue(plain);
    clock.advance(PLAIN_SECONDS - 0.001);
    expect(tokens().verify(token)).toMatchObject({ sessionId: 'session' });
    clock.advance(0.001);
    expect(tokens().verify(token)).toBe('expired');
  });

  test('may be of a node whose clock is ten seconds ahead, and no more', () => {
    expect(tokens().verify(signed({ iat: now() + 10 }))).toMatchObject({ sessionId: 'session' });
    expect(tokens().verify(signed({ iat: now() + 11 }))).toBeNull();
  });

  test('lives as long as the longest of a mount, and no longer', () => {
    const living = (seconds: number) => tokens().verify(signed({ exp: now() + seconds }));
    expect(living(LONGEST_SECONDS)).toMatchObject({ sessionId: 'session' });
    expect(living(LONGEST_SECONDS + 1)).toBeNull();
  });

  test.each([
    ['another issuer', { iss: 'https://other.example.com' }],
    ['no audience', { aud: undefined }],
    ['a list of audiences', { aud: [ISSUER] }],
    ['no subject', { sub: undefined }],
    ['a subject that is no text', { sub: 7 }],
    ['no session', { sid: undefined }],
    ['a session that is no text', { sid: {} }],
    ['no beginning', { iat: undefined }],
    ['a beginning in text', { iat: '1' }],
    ['a beginning with a fraction', { iat: 1.5 }],
    ['no end', { exp: undefined }],
    ['an end in text', { exp: '9999999999' }],
    ['an end with a fraction', { exp: 9_999_999_999.5 }],
  ])('is none with %s, though the signature is right', (_what, change) => {
    expect(tokens().verify(signed({}))).toMatchObject({ sessionId: 'session' });
    expect(tokens().verify(signed(change))).toBeNull();
  });

  test('is none of a key or kind that is not there, or arbitrary', () => {
    const secret = createSecretKey(Buffer.from(SECRET));
    const key: JwsKey = {
      id: 'mount:login@/shared',
      algorithm: 'HS256',
      signingKey: secret,
      verifyingKey: secret,
    };
    const of = (type: 'at+jwt' | 'rt+jwt', id = key.id) =>
      tokens().verify(signCompact(headerSegment(type, { ...key, id }), genuine(), key));
    expect(of('at+jwt')).toMatchObject({ sharedWith: 'login@/shared' });
    expect(of('rt+jwt')).toBeNull();
    expect(of('at+jwt', 'mount:login')).toBeNull();
    const [header, payload] = issue(plain).split('.');
    const [, , signature] = issue(plain).split('.');
    const swapped = `${header}.${payload}.${signature}`;
    for (const other of ['', '.', '..', 'a.b.c', issue(plain).replaceAll('.', ''), swapped])
      expect(tokens().verify(other)).toBeNull();
  });

  test('has its signature verified once, however often it is shown', async () => {
    let looks = 0;
    /** Sees each use of a key that verifies. */
    class WatchedRing extends KeyRing {
      override verifier(header: string): JwsKey | undefined {
        const key = super.verifier(header);
        if (key === undefined) return undefined;
        const { verifyingKey } = key;
        return Object.defineProperty({ ...key }, 'verifyingKey', {
          get() {
            looks += 1;
            return verifyingKey;
          },
        });
      }
    }
    const ring = new WatchedRing({ ...core, clock, ...RING });
    await ring.reload();
    const watched = tokensWith(ring);
    const [token, other] = [issue(plain), issue(plain)];
    for (const shown of [token, token, other, token, other])
      expect(watched.verify(shown)).toMatchObject({ sessionId: 'session' });
    expect(looks).toBe(2);
  });

  test('is none once its key has ended, though it was remembered', async () => {
    const token = issue(plain);
    expect(tokens().verify(token)).toMatchObject({ sessionId: 'session' });
    await keyRing.rotate('ES256', ({ id }) => stateFact(`told:${id}`, id), { emergency: true });
    expect(tokens().verify(token)).toBeNull();
  });

  test('cannot be issued where a shared secret is asked for and there is none', () => {
    expect(() => issue({ ...shared, name: 'another' })).toThrow('no HS256 key');
  });
});
