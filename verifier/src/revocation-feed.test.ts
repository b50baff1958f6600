import { randomUUID } from 'node:crypto';
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { startCuttingProxy } from '../testing/cutting-proxy.ts';
import { FeedServer, revokedEvent } from '../testing/feed-server.ts';
import { makeSigner } from '../testing/signer.ts';
import type { RevocationOptions, VerifierOptions } from './options.ts';
import type { Revocation } from './session-revoked.ts';
import { createVerifier, type Verifier } from './verifier.ts';

let server: FeedServer;
const servers: FeedServer[] = [];
beforeEach(async () => {
  server = new FeedServer();
  await server.start();
  servers.push(server);
});
afterAll(() => Promise.all(servers.map((each) => each.stop())));

function follow(
  revocations: Partial<RevocationOptions> = {},
  options: Partial<VerifierOptions> = {},
): Verifier {
  const verifier = createVerifier({
    issuer: server.url,
    revocations: { credential: 'the-credential', ...revocations },
    ...options,
  });
  onTestFinished(() => verifier.close());
  return verifier;
}

const token = (claims: Record<string, unknown> = {}) => server.signer.sign(server.claims(claims));
const now = () => Math.floor(Date.now() / 1000);

async function outcome(verifier: Verifier, text: string): Promise<string> {
  return verifier.verify(text).then(
    ({ revocation }) => revocation,
    (error: { reason: string }) => error.reason,
  );
}

const isLive = (verifier: Verifier) => expect.poll(() => verifier.staleness().feed).toBe('live');

describe('a verifier that follows the feed', () => {
  test('asks nobody about tokens, and says how old its news is', async () => {
    const verifier = follow();
    await verifier.ready();
    expect(await outcome(verifier, await token())).toBe('feed');
    expect(server.asked['/v1/session']).toBeUndefined();
    const staleness = verifier.staleness();
    expect(staleness).toEqual({
      milliseconds: expect.any(Number),
      fresh: true,
      feed: 'live',
      revokedSessions: 0,
      lastError: null,
    });
    expect(staleness.milliseconds).toBeLessThan(500);
  });

  test('refuses a session that ended before it came, and one that ends later', async () => {
    const [before, after, stays] = [randomUUID(), randomUUID(), randomUUID()];
    const told: Revocation[] = [];
    server.revoke(before);
    const verifier = follow({ onRevoked: (revocation) => told.push(revocation) });
    await verifier.ready();
    expect(await outcome(verifier, await token({ sid: before, iat: now() - 5 }))).toBe('revoked');
    const [first, second] = [await token({ sid: after }), await token({ sid: stays })];
    expect(await outcome(verifier, first)).toBe('feed');
    server.revoke(after);
    await expect.poll(() => outcome(verifier, first)).toBe('revoked');
    expect(await outcome(verifier, second)).toBe('feed');
    expect(told.map(({ sessionId, reason }) => [sessionId, reason])).toEqual([
      [before, 'signed-out'],
      [after, 'signed-out'],
    ]);
  });

  test('takes a token that the session was given later', async () => {
    const sid = randomUUID();
    server.revoke(sid, now() - 20, now() - 18);
    const verifier = follow();
    await verifier.ready();
    expect(await outcome(verifier, await token({ sid, iat: now() - 18 }))).toBe('revoked');
    expect(await outcome(verifier, await token({ sid, iat: now() - 16 }))).toBe('feed');
  });

  test('takes no token of a session that has ended, by whichever clock it was issued', async () => {
    const sid = randomUUID();
    server.revoke(sid, now() - 3600);
    const verifier = follow();
    await verifier.ready();
    expect(await outcome(verifier, await token({ sid }))).toBe('revoked');
  });

  test('is told ten thousand sessions at once', async () => {
    const sessions = Array.from({ length: 10_000 }, () => randomUUID());
    for (const sid of sessions) server.revoke(sid);
    const verifier = follow();
    await verifier.ready();
    expect(verifier.staleness().revokedSessions).toBe(10_000);
    expect(await outcome(verifier, await token({ sid: sessions.at(-1), iat: now() - 5 }))).toBe('revoked');
  });

  test('forgets sessions whose tokens have all ended', async () => {
    server.revoke('old', now() - 700);
    server.revoke('young');
    const verifier = follow({}, { maxTokenSeconds: 600 });
    await verifier.ready();
    await expect.poll(() => verifier.staleness().revokedSessions).toBe(1);
  });

  test('asks the server about tokens that are older than what it has room for', async () => {
    for (const [index, sid] of ['a', 'b', 'c'].entries()) server.revoke(sid, now() - 50 + index);
    const verifier = follow({}, { cache: { revokedSessions: 2 } });
    await verifier.ready();
    expect(await outcome(verifier, await token({ sid: 'a', iat: now() - 60 }))).toBe('revoked');
    expect(await outcome(verifier, await token({ iat: now() - 60 }))).toBe('introspection');
    expect(await outcome(verifier, await token())).toBe('feed');
  });

  test('drops keys at once when they are taken back, and takes new ones', async () => {
    const verifier = follow();
    await verifier.ready();
    const old = await token();
    expect(await outcome(verifier, old)).toBe('feed');
    const next = makeSigner();
    server.behaviour.keys = [next.jwk];
    server.write('event: keys-changed\ndata: {}\n\n');
    await expect.poll(() => outcome(verifier, old)).toBe('unknown-key');
    expect(await outcome(verifier, await next.sign(server.claims()))).toBe('feed');
  });

  test('asks again for keys that changed, since a server that did not know yet may have answered', async () => {
    const verifier = follow();
    await verifier.ready();
    const old = await token();
    server.write('event: keys-changed\ndata: {}\n\n');
    await expect.poll(() => server.asked['/.well-known/jwks.json']).toBe(2);
    server.behaviour.keys = [makeSigner().jwk];
    expect(await outcome(verifier, old)).toBe('feed');
    await expect.poll(() => outcome(verifier, old), { timeout: 5000 }).toBe('unknown-key');
    await new Promise((resolve) => setTimeout(resolve, 300));
    // All of that was told over one connection: one that speaks is not dead.
    expect(server.followers).toHaveLength(1);
  });

  test('learns of keys that were taken back while it was not connected', async () => {
    const verifier = follow();
    await verifier.ready();
    const old = await token();
    await server.stop();
    await expect.poll(() => verifier.staleness().feed).toBe('connecting');
    server.behaviour.keys = [makeSigner().jwk];
    server.behaviour.keysMilliseconds = 300;
    await server.start();
    await isLive(verifier);
    expect(await outcome(verifier, old)).toBe('unknown-key');
  });

  test('does not mind what it does not know', async () => {
    const verifier = follow();
    await verifier.ready();
    server.write('id: 99\nevent: something-new\ndata: {"what":"ever"}\n\n: a comment\n\n');
    const sid = randomUUID();
    server.revoke(sid);
    const text = await token({ sid });
    await expect.poll(() => outcome(verifier, text)).toBe('revoked');
    expect(server.followers).toHaveLength(1);
  });
});

describe('a feed that breaks', () => {
  test('is taken up where it was, and nothing is missed', async () => {
    const verifier = follow();
    await verifier.ready();
    server.revoke(randomUUID());
    for (let round = 0; round < 5; round += 1) {
      const [during, after] = [randomUUID(), randomUUID()];
      const tokens = [await token({ sid: during }), await token({ sid: after })];
      server.cut();
      server.revoke(during);
      await expect.poll(() => server.followers.length).toBe(round + 2);
      server.revoke(after);
      for (const text of tokens) await expect.poll(() => outcome(verifier, text)).toBe('revoked');
    }
    expect(server.followers).toEqual([null, '1', '3', '5', '7', '9']);
  });

  test('is believed for a while, and then the server is asked', async () => {
    const stale: (number | null)[] = [];
    let fresh = 0;
    const verifier = follow({
      maxStalenessMilliseconds: 1000,
      onStale: (milliseconds) => stale.push(milliseconds),
      onFresh: () => {
        fresh += 1;
      },
    });
    await verifier.ready();
    const [gone, stays] = [randomUUID(), randomUUID()];
    const tokens = { gone: await token({ sid: gone }), stays: await token({ sid: stays }) };
    server.behaviour.feedStatus = 503;
    server.cut();
    server.revoke(gone);
    expect(await outcome(verifier, tokens.stays)).toBe('feed');
    await expect.poll(() => verifier.staleness().fresh, { timeout: 3000 }).toBe(false);
    expect(await outcome(verifier, tokens.gone)).toBe('revoked');
    expect(await outcome(verifier, tokens.stays)).toBe('introspection');
    expect(verifier.staleness()).toMatchObject({ feed: 'connecting', lastError: expect.any(Error) });
    await expect.poll(() => stale).toEqual([expect.any(Number)]);
    expect(stale[0]).toBeGreaterThanOrEqual(990);
    server.behaviour.feedStatus = 200;
    await expect.poll(() => outcome(verifier, tokens.stays), { timeout: 3000 }).toBe('feed');
    expect(await outcome(verifier, tokens.gone)).toBe('revoked');
    expect(fresh).toBe(1);
  });

  test('with the server gone leaves nothing to say, and refuses what is known to be revoked', async () => {
    const verifier = follow({ maxStalenessMilliseconds: 300 });
    await verifier.ready();
    const sid = randomUUID();
    const tokens = [await token({ sid }), await token()] as const;
    server.revoke(sid);
    await expect.poll(() => outcome(verifier, tokens[0])).toBe('revoked');
    await server.stop();
    await expect.poll(() => outcome(verifier, tokens[1]), { timeout: 3000 }).toBe('unavailable');
    expect(await outcome(verifier, tokens[0])).toBe('revoked');
    await server.start();
    await expect.poll(() => outcome(verifier, tokens[1]), { timeout: 3000 }).toBe('feed');
  });

  test('that stays open and says nothing is dead after three heartbeats', async () => {
    const proxy = await startCuttingProxy(() => server.url);
    onTestFinished(() => proxy.stop());
    const through = ((input: string, init?: RequestInit) =>
      fetch(input.replace(server.url, proxy.url), init)) as typeof fetch;
    const verifier = follow({}, { fetch: through });
    await verifier.ready();
    proxy.stall();
    const sid = randomUUID();
    const text = await token({ sid });
    server.revoke(sid);
    const begun = performance.now();
    await expect.poll(() => verifier.staleness().feed, { timeout: 5000 }).toBe('connecting');
    expect(performance.now() - begun).toBeGreaterThan(2800);
    expect(performance.now() - begun).toBeLessThan(4000);
    expect(verifier.staleness().lastError?.message).toContain('silent');
    proxy.mend();
    await expect.poll(() => outcome(verifier, text), { timeout: 6000 }).toBe('revoked');
  });

  test('is not believed before it has been caught up with', async () => {
    server.behaviour.catchesUp = false;
    const verifier = follow();
    const text = await token();
    await expect.poll(() => server.followers.length).toBe(1);
    await expect.poll(() => verifier.staleness().feed).toBe('catching-up');
    expect(await outcome(verifier, text)).toBe('introspection');
    expect(verifier.staleness()).toMatchObject({ milliseconds: null, fresh: false });
  });

  const revocation = { sessionId: 'a', at: 1, issuedUntil: 3 };
  const revoked = (issuer: string) => revokedEvent(issuer, 1, revocation);
  test.each<[string, (issuer: string) => string]>([
    ['no JSON', () => 'id: 1\nevent: session-revoked\ndata: {\n\n'],
    ['no session', () => 'id: 1\nevent: session-revoked\ndata: {"events":{}}\n\n'],
    ['another issuer', () => revoked('https://evil.example')],
    ['no time', (issuer) => revoked(issuer).replace('"event_timestamp":1,', '')],
    ['a time that is none', (issuer) => revoked(issuer).replace('issued_until":3', 'issued_until":"3"')],
    ['an id that is no number', () => 'id: a\nevent: heartbeat\ndata: {}\n\n'],
  ])('with %s is taken up again, not read over', async (_, text) => {
    const errors: Error[] = [];
    const verifier = follow({}, { onError: (error) => errors.push(error) });
    await verifier.ready();
    server.write(text(server.url));
    await expect.poll(() => server.followers).toEqual([null, null]);
    expect(errors).toHaveLength(1);
  });

  test('is not hurried after', async () => {
    server.behaviour.feedStatus = 503;
    const verifier = follow();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    // After 50, 100, 200, 400, 800 ms, or down to half of each.
    expect(server.asked['/v1/revocations']).toBeGreaterThanOrEqual(4);
    expect(server.asked['/v1/revocations']).toBeLessThanOrEqual(7);
    server.behaviour.feedStatus = 200;
    await verifier.ready();
  });
});

describe('staleness', () => {
  test('counts the time that the machine slept', async () => {
    let slept = 0;
    const verifier = follow({}, { now: () => Date.now() + slept });
    await verifier.ready();
    server.behaviour.feedStatus = 503;
    server.cut();
    const text = await token();
    expect(await outcome(verifier, text)).toBe('feed');
    slept = 11_000;
    expect(verifier.staleness().fresh).toBe(false);
    expect(await outcome(verifier, text)).toBe('introspection');
  });

  test('counts the time though the clock was set back', async () => {
    let ahead = 0;
    const verifier = follow({ maxStalenessMilliseconds: 200 }, { now: () => Date.now() + ahead });
    await verifier.ready();
    ahead = -3_600_000;
    server.behaviour.feedStatus = 503;
    server.cut();
    await expect.poll(() => verifier.staleness().fresh).toBe(false);
  });

  test('is told when the feed never comes', async () => {
    server.behaviour.feedStatus = 503;
    const stale: (number | null)[] = [];
    follow({ maxStalenessMilliseconds: 100, onStale: (milliseconds) => stale.push(milliseconds) });
    await expect.poll(() => stale).toEqual([null]);
  });
});

describe('introspection', () => {
  test.each([
    ['an error', 500, '{"active":true}', 'unavailable'],
    ['a page of a proxy', 200, '<html>', 'unavailable'],
    ['nothing', 200, '', 'unavailable'],
    ['neither yes nor no', 200, '{}', 'unavailable'],
    ['a yes that is no yes', 200, '{"active":"true"}', 'unavailable'],
    ['a 401 of somebody else', 401, '{"message":"who are you"}', 'unavailable'],
    ['nothing but the status', 302, '', 'unavailable'],
    ['too many requests', 429, '{"active":false}', 'unavailable'],
    ['no', 401, '{"active":false}', 'revoked'],
    ['yes', 200, '{"active":true}', 'introspection'],
  ])('that answers with %s', async (_, status, body, expected) => {
    server.behaviour.feedStatus = 503;
    server.behaviour.session = { status, body };
    expect(await outcome(follow(), await token())).toBe(expected);
  });

  test('does not take the token elsewhere', async () => {
    server.behaviour.feedStatus = 503;
    server.behaviour.session = { status: 302, body: '', headers: { location: '/elsewhere' } };
    expect(await outcome(follow(), await token())).toBe('unavailable');
    expect(server.asked['/elsewhere']).toBeUndefined();
  });

  test('is for tokens only that could be good', async () => {
    server.behaviour.feedStatus = 503;
    const verifier = follow();
    expect(await outcome(verifier, 'nonsense')).toBe('malformed');
    expect(await outcome(verifier, await token({ aud: 'another' }))).toBe('wrong-audience');
    expect(await outcome(verifier, await makeSigner().sign(server.claims()))).toBe('unknown-key');
    expect(server.asked['/v1/session']).toBeUndefined();
  });

  test('can be given up', async () => {
    server.behaviour.feedStatus = 503;
    const impatient = new AbortController();
    const slow = ((input: string, init?: RequestInit) =>
      input.endsWith('/v1/session')
        ? new Promise((_, reject) =>
            init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)),
          )
        : fetch(input, init)) as typeof fetch;
    const verifier = follow({}, { fetch: slow });
    const verified = verifier.verify(await token(), { signal: impatient.signal });
    setTimeout(() => impatient.abort(new Error('enough')), 100);
    await expect(verified).rejects.toThrow('enough');
    await expect(verifier.verify(await token(), { signal: impatient.signal })).rejects.toThrow('enough');
  });
});

describe('getting ready', () => {
  test('waits for a server that is not there yet', async () => {
    await server.stop();
    const verifier = follow();
    const ready = verifier.ready();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await server.start();
    await ready;
    expect(await outcome(verifier, await token())).toBe('feed');
  });

  test('fails when the credential is not good, and the server is asked about tokens all the same', async () => {
    const errors: Error[] = [];
    const verifier = follow({ credential: 'another' }, { onError: (error) => errors.push(error) });
    const refused = 'the server refuses the feed of revocations: 401 unauthorised';
    await expect(verifier.ready()).rejects.toThrow(refused);
    await expect(verifier.ready()).rejects.toMatchObject({ name: 'FeedRefusedError', status: 401 });
    expect(verifier.staleness().lastError?.message).toBe(refused);
    expect(errors[0]?.message).toBe(refused);
    expect(await outcome(verifier, await token())).toBe('introspection');
    // It may be made good: then nobody needs to start anything again.
    server.behaviour.credential = 'another';
    await isLive(verifier);
    await verifier.ready();
  });

  test('can be given up', async () => {
    server.behaviour.feedStatus = 503;
    await expect(follow().ready({ signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  test('ends when the verifier is closed, and so does everything else', async () => {
    server.behaviour.catchesUp = false;
    const verifier = follow();
    const ready = verifier.ready();
    await expect.poll(() => server.followers.length).toBe(1);
    verifier.close();
    await expect(ready).rejects.toThrow('the verifier is closed');
    await expect(verifier.ready()).rejects.toThrow('the verifier is closed');
    expect(await outcome(verifier, await token())).toBe('unavailable');
    expect(verifier.staleness().feed).toBe('closed');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(server.followers).toHaveLength(1);
    verifier.close();
  });
});
