import { randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { createLocalJWKSet, exportJWK, generateKeyPair, type JWK, jwtVerify, SignJWT } from 'jose';
import { createVerifier, type Verifier } from '../verifier/src/verifier.ts';
import { median } from './recorder.ts';

// Measures the verifier beside its floor: a bare `jwtVerify` of jose's with the key at hand, which knows nothing of sessions
// that have ended. The verifier follows a feed that is alive and has told of 10,000 of them. Rounds alternate, so that a slow
// moment is slow for both; figures are medians. Read the ratios: the figures are those of this machine at this hour.

const REVOKED = 10_000;
const TOKENS = 500;

/** A server with a key set and a feed, as much of it as the verifier asks for. */
async function startServer(jwk: JWK): Promise<{ issuer: string; stop(): void }> {
  const server = createServer((request, response) => {
    if (request.url === '/v1/revocations') feed(response, issuer);
    else response.setHeader('cache-control', 'max-age=300').end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { issuer, stop };
}

function feed(response: ServerResponse, issuer: string): void {
  const at = Math.floor(Date.now() / 1000);
  response.setHeader('content-type', 'text/event-stream');
  for (let id = 1; id <= REVOKED; id += 1) response.write(revoked(issuer, id, at));
  response.write('event: caught-up\ndata: {}\n\n');
  const timer = setInterval(() => response.write('event: heartbeat\ndata: {}\n\n'), 1000);
  response.once('close', () => clearInterval(timer));
}

function revoked(issuer: string, id: number, at: number): string {
  const data = {
    iss: issuer,
    iat: at,
    jti: String(id),
    sub_id: { format: 'complex', session: { format: 'opaque', id: randomUUID() } },
    events: {
      'https://schemas.openid.net/secevent/caep/event-type/session-revoked': { event_timestamp: at },
    },
  };
  return `id: ${id}\nevent: session-revoked\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Tokens, each of a session of its own. */
async function makeTokens(issuer: string, sign: (token: SignJWT) => Promise<string>): Promise<string[]> {
  const now = Math.floor(Date.now() / 1000);
  const payloads = Array.from({ length: TOKENS }, () => ({
    iss: issuer,
    aud: issuer,
    sub: randomUUID(),
    sid: randomUUID(),
    iat: now,
    exp: now + 3600,
    jti: randomUUID(),
    role: 'Member',
  }));
  return Promise.all(payloads.map((payload) => sign(new SignJWT(payload))));
}

type Check = (token: string) => Promise<unknown>;

/** How many tokens a second are checked, so many at a time. */
async function perSecond(check: Check, tokens: readonly string[], atOnce: number): Promise<number> {
  const begun = performance.now();
  for (let at = 0; at < tokens.length; at += atOnce)
    await Promise.all(tokens.slice(at, at + atOnce).map(check));
  return tokens.length / ((performance.now() - begun) / 1000);
}

/** How many tokens of a kind are checked in a second. */
export interface VerifierRate {
  readonly algorithm: 'ES256' | 'EdDSA' | 'RS256';
  readonly tokens: 'new tokens' | 'tokens seen before';
  readonly atOnce: number;
  /** A bare `jwtVerify`. */
  readonly floor: number;
  readonly verifier: number;
  readonly floorRounds: readonly number[];
  /** The middle of the ratios of each round. */
  readonly ratio: number;
  readonly rounds: readonly number[];
}

async function compare(
  kind: Pick<VerifierRate, 'algorithm' | 'tokens' | 'atOnce'>,
  [bare, ours]: readonly [Check, Check],
  tokens: readonly string[],
  count: number,
): Promise<VerifierRate> {
  const rounds: { floor: number; verifier: number }[] = [];
  for (let round = 0; round < count; round += 1) {
    // Whoever comes first in a round may find the machine in another state.
    const turns = round % 2 === 0 ? [bare, ours] : [ours, bare];
    const first = await perSecond(turns[0] ?? bare, tokens, kind.atOnce);
    const second = await perSecond(turns[1] ?? ours, tokens, kind.atOnce);
    rounds.push(round % 2 === 0 ? { floor: first, verifier: second } : { floor: second, verifier: first });
  }
  return {
    ...kind,
    floor: median(rounds.map((round) => round.floor)),
    verifier: median(rounds.map((round) => round.verifier)),
    ratio: median(rounds.map((round) => round.verifier / round.floor)),
    floorRounds: rounds.map((round) => round.floor),
    rounds: rounds.map((round) => round.verifier),
  };
}

/** Measures one algorithm, one token and sixteen at a time, new ones and such as were seen before. */
export async function measureVerifier(
  algorithm: VerifierRate['algorithm'],
  rounds: number,
): Promise<VerifierRate[]> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm);
  const jwk = { ...(await exportJWK(publicKey)), kid: randomUUID(), alg: algorithm, use: 'sig' };
  const { issuer, stop } = await startServer(jwk);
  const header = { alg: algorithm, typ: 'at+jwt', kid: jwk.kid };
  const tokens = await makeTokens(issuer, (token) => token.setProtectedHeader(header).sign(privateKey));
  const keys = createLocalJWKSet({ keys: [jwk] });
  const expected = { issuer, audience: issuer, typ: 'at+jwt', algorithms: [algorithm], clockTolerance: 10 };
  const bare: Check = (token) => jwtVerify(token, keys, expected);

  const follow = async (remembered: number): Promise<Verifier> => {
    const verifier = createVerifier({
      issuer,
      revocations: { credential: 'bench' },
      cache: { tokens: remembered },
    });
    await verifier.ready();
    const { revokedSessions, fresh } = verifier.staleness();
    if (revokedSessions !== REVOKED || !fresh) throw new Error('the feed is not what is to be measured');
    return verifier;
  };
  const rates: VerifierRate[] = [];
  for (const kind of ['new tokens', 'tokens seen before'] as const) {
    const verifier = await follow(kind === 'new tokens' ? 0 : TOKENS);
    const ours: Check = (token) => verifier.verify(token);
    for (const atOnce of [1, 16])
      rates.push(await compare({ algorithm, tokens: kind, atOnce }, [bare, ours], tokens, rounds));
    verifier.close();
  }
  stop();
  return rates;
}

/** Prints all of it. */
export async function printVerifier(rounds: number): Promise<void> {
  console.log(
    `${availableParallelism()} cores, Node.js ${process.versions.node}, ${REVOKED} revoked sessions, feed on, ${rounds} rounds of ${TOKENS} tokens, medians\n`,
  );
  console.log('                           at once verifier/s     jose/s     ratio');
  for (const algorithm of ['ES256', 'EdDSA', 'RS256'] as const)
    for (const rate of await measureVerifier(algorithm, rounds))
      console.log(
        [
          `${algorithm}, ${rate.tokens}`.padEnd(26),
          String(rate.atOnce).padStart(7),
          rate.verifier.toFixed(0).padStart(10),
          rate.floor.toFixed(0).padStart(10),
          `${(rate.ratio * 100).toFixed(1)} %`.padStart(9),
        ].join(' '),
      );
}
