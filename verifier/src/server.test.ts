import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { uuid } from '../../server/testing/core.ts';
import { PASSWORD, type RealServer, startRealServer } from '../testing/real-server.ts';
import type { VerifierOptions } from './options.ts';
import { createVerifier, type Verifier } from './verifier.ts';

const SECRET = 'a shared secret of an old resource server';

/** What is revoked is to be refused within this time, in milliseconds. */
const SOON = { timeout: 1000, interval: 10 };

// Against the real server, as it is installed, in a process of its own.
describe('with a real server', { timeout: 60_000 }, () => {
  let server: RealServer;
  beforeAll(async () => {
    server = await startRealServer({
      LATCHKEY_MOUNTS: JSON.stringify([
        { contract: 'login' },
        { contract: 'fingerprint' },
        { contract: 'profile' },
        { contract: 'role-picker' },
        { contract: 'credential-type' },
        { contract: 'login', prefix: '/eddsa', algorithm: 'EdDSA', audience: 'https://api.example.com' },
        { contract: 'login', prefix: '/rsa', algorithm: 'RS256' },
        { contract: 'login', prefix: '/shared', algorithm: 'HS256', secret: SECRET },
      ]),
    });
  });
  afterAll(() => server.stop());

  function follow(options: Partial<VerifierOptions> = {}): Verifier {
    const verifier = createVerifier({
      issuer: server.issuer,
      revocations: { credential: server.credential },
      ...options,
    });
    onTestFinished(() => verifier.close());
    return verifier;
  }
  const outcome = (verifier: Verifier, token: string): Promise<string> =>
    verifier.verify(token).then(
      ({ revocation }) => revocation,
      (error: { reason: string }) => error.reason,
    );

  describe('takes the tokens of', () => {
    const asked = async (path: string, body: object): Promise<Record<string, never>> => {
      const answer = await server.post(path, body, { 'x-fingerprint-id': 'a-device' });
      return (await answer.json()) as Record<string, never>;
    };

    test('fingerprint', async () => {
      const { data } = (await asked('/identity/sign-in', {
        username: 'person1',
        password: PASSWORD,
      })) as unknown as { data: { token: string } };
      const { claims } = await follow().verify<'fingerprint'>(data.token);
      const { accountId, name, email, accessRoles } = claims;
      expect({ accountId, name, email, accessRoles }).toEqual({
        accountId: uuid(2),
        name: 'Person 1',
        email: 'person1@example.com',
        accessRoles: [],
      });
      expect(claims.userId).toEqual(expect.any(String));
    });

    test('profile', async () => {
      const { accessToken = '' } = await asked('/api/v1/auths/sign-in', {
        username: 'person0',
        password: PASSWORD,
      });
      const { claims, subject } = await follow().verify<'profile'>(accessToken);
      expect([subject, claims.role]).toEqual([uuid(1), 'Student']);
    });

    test('role-picker', async () => {
      const { result } = (await asked('/auth/sign-in-verify', {
        identity: 'person0',
        password: PASSWORD,
      })) as unknown as { result: [{ loginToken: string }[]] };
      const loginToken = result[0][0]?.loginToken;
      const { token = '' } = await asked('/auth/sign-in', { loginToken, is2FAEnabled: false });
      const { claims } = await follow().verify<'role-picker'>(token);
      expect([claims.role, claims.organisation]).toEqual(['Student', uuid(101)]);
    });

    test('credential-type', async () => {
      const data = { resource: 'voucher::c::code::CODE' };
      const { authorization } = (await asked('/api/v1/auth/sign-in', {
        type: 'resource',
        data,
      })) as unknown as { authorization: { token: string } };
      const { claims } = await follow().verify<'credential-type'>(authorization.token);
      expect('resource' in claims && claims.resource).toBe(data.resource);
    });

    test('login, in every algorithm', async () => {
      const verifier = follow();
      await verifier.ready();
      expect(await outcome(verifier, (await server.signIn(1)).access_token)).toBe('feed');
      expect(await outcome(verifier, (await server.signIn(1, '/rsa')).access_token)).toBe('feed');
      const eddsa = (await server.signIn(1, '/eddsa')).access_token;
      expect(await outcome(verifier, eddsa)).toBe('wrong-audience');
      const addressed = follow({ audience: 'https://api.example.com' });
      await addressed.ready();
      expect(await outcome(addressed, eddsa)).toBe('feed');
      const shared = (await server.signIn(1, '/shared')).access_token;
      expect(await outcome(verifier, shared)).toBe('wrong-algorithm');
      const symmetric = follow({ secret: SECRET });
      await symmetric.ready();
      expect(await outcome(symmetric, shared)).toBe('feed');
    });
  });

  test('refuses whoever has signed out, within a second', async () => {
    const verifier = follow();
    await verifier.ready();
    const [gone, stays] = [await server.signIn(2), await server.signIn(2)];
    expect(await outcome(verifier, gone.access_token)).toBe('feed');
    await server.signOut(gone.access_token);
    await expect.poll(() => outcome(verifier, gone.access_token), SOON).toBe('revoked');
    expect(await outcome(verifier, stays.access_token)).toBe('feed');
  });

  test('refuses an account that was disabled, within a second', async () => {
    const verifier = follow();
    await verifier.ready();
    const tokens = await Promise.all(Array.from({ length: 5 }, () => server.signIn(3)));
    for (const { access_token } of tokens) expect(await outcome(verifier, access_token)).toBe('feed');
    await server.command('account', 'disable', 'person3');
    for (const { access_token } of tokens)
      await expect.poll(() => outcome(verifier, access_token), SOON).toBe('revoked');
  });

  test('knows of what happened before it came', async () => {
    const { access_token } = await server.signIn(4);
    await server.signOut(access_token);
    const verifier = follow();
    await verifier.ready();
    expect(await outcome(verifier, access_token)).toBe('revoked');
  });

  test('takes tokens again that are issued after an organisation has resumed', async () => {
    const verifier = follow();
    await verifier.ready();
    const pick = async () => {
      const who = { identity: 'person0', password: PASSWORD };
      const verified = await server.post('/auth/sign-in-verify', who);
      const { result } = (await verified.json()) as { result: [{ loginToken: string }[]] };
      const body = { loginToken: result[0][0]?.loginToken, is2FAEnabled: false };
      return ((await (await server.post('/auth/sign-in', body)).json()) as { token: string }).token;
    };
    const before = await pick();
    expect(await outcome(verifier, before)).toBe('feed');
    await server.command('organisation', 'suspend', uuid(101));
    await expect.poll(() => outcome(verifier, before), SOON).toBe('revoked');
    await server.command('organisation', 'resume', uuid(101));
    expect(await outcome(verifier, await pick())).toBe('feed');
  });

  test('misses nothing when connections are lost', async () => {
    const stale: unknown[] = [];
    const verifier = follow({
      revocations: { credential: server.credential, onStale: (by) => stale.push(by) },
    });
    await verifier.ready();
    const stays = await server.signIn(5);
    const gone: string[] = [];
    for (let round = 0; round < 12; round += 1) {
      const [first, second] = [await server.signIn(5), await server.signIn(5)];
      if (round % 3 === 0) server.proxy.break();
      else server.proxy.cut();
      await server.signOut(first.access_token);
      server.proxy.mend();
      await server.signOut(second.access_token);
      gone.push(first.access_token, second.access_token);
      if (round % 2 === 0)
        await expect.poll(() => outcome(verifier, second.access_token), { timeout: 3000 }).toBe('revoked');
    }
    for (const token of gone)
      await expect.poll(() => outcome(verifier, token), { timeout: 3000 }).toBe('revoked');
    expect(await outcome(verifier, stays.access_token)).toBe('feed');
    expect(server.proxy.connections).toBeGreaterThan(12);
    expect(stale).toEqual([]);
  });

  test('misses nothing when the server is killed and comes back', async () => {
    const verifier = follow();
    await verifier.ready();
    for (let round = 0; round < 3; round += 1) {
      const [before, during, stays] = [
        await server.signIn(6),
        await server.signIn(7),
        await server.signIn(8),
      ];
      await server.signOut(before.access_token);
      await server.kill();
      // While there is no server, commands still work on its store.
      await server.command('account', 'sign-out', 'person7');
      expect(await outcome(verifier, stays.access_token)).toBe('feed');
      await server.start();
      for (const { access_token } of [before, during])
        await expect.poll(() => outcome(verifier, access_token), { timeout: 4000 }).toBe('revoked');
      await expect.poll(() => verifier.staleness().feed, { timeout: 4000 }).toBe('live');
      expect(await outcome(verifier, stays.access_token)).toBe('feed');
    }
  });

  test('asks the server when the feed is lost for long, and says nothing when that is gone too', async () => {
    const verifier = follow({
      revocations: { credential: server.credential, maxStalenessMilliseconds: 300 },
      fetch: ((input: string, init?: RequestInit) =>
        lost && input.endsWith('/v1/revocations')
          ? Promise.reject(new Error('lost'))
          : fetch(input, init)) as typeof fetch,
    });
    let lost = false;
    await verifier.ready();
    const [gone, stays] = [await server.signIn(9), await server.signIn(9)];
    lost = true;
    server.proxy.cut();
    await server.signOut(gone.access_token);
    await expect.poll(() => outcome(verifier, gone.access_token), SOON).toBe('revoked');
    expect(await outcome(verifier, stays.access_token)).toBe('introspection');
    server.proxy.break();
    expect(await outcome(verifier, stays.access_token)).toBe('unavailable');
    server.proxy.mend();
    lost = false;
    await expect.poll(() => outcome(verifier, stays.access_token), { timeout: 4000 }).toBe('feed');
    expect(await outcome(verifier, gone.access_token)).toBe('revoked');
  });

  test('drops the keys that an emergency ends, and takes the new ones', async () => {
    const verifier = follow();
    await verifier.ready();
    const old = await server.signIn(10);
    expect(await outcome(verifier, old.access_token)).toBe('feed');
    await server.command('key', 'rotate', '--emergency');
    await expect.poll(() => outcome(verifier, old.access_token), { timeout: 4000 }).toBe('unknown-key');
    expect(await outcome(verifier, (await server.signIn(10)).access_token)).toBe('feed');
  });

  test('is told that a credential is nobody’s', async () => {
    const verifier = follow({ revocations: { credential: 'nobodys' } });
    await expect(verifier.ready()).rejects.toMatchObject({ status: 401 });
    expect(await outcome(verifier, (await server.signIn(11)).access_token)).toBe('introspection');
  });
});
