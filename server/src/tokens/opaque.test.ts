import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { rawSend } from '../../testing/raw-request.ts';
import { signIn } from '../../testing/steps.ts';
import { dumpStore } from '../../testing/store-dump.ts';
import { opaqueSecret } from '../crypto/secret-text.ts';
import { secretHash } from '../crypto/vault.ts';
import { addResourceServer } from '../store/resource-servers.ts';

/** A secret that somebody was handed, and whether a text is taken for it. */
interface Handed {
  readonly secret: string;
  readonly isTaken: (text: string) => Promise<boolean>;
}

const bearer = (token: string) => `Authorization: Bearer ${token}`;

/** Every kind of secret that is no JWT, and no code that is typed. */
const KINDS: Readonly<Record<string, (app: TestApp) => Promise<Handed>>> = {
  'login token': async (app) => {
    const { email, password } = await app.person();
    const answer = await app.post('/auth/sign-in-verify', { identity: email, password });
    return {
      secret: answer.body.result[0][0].loginToken,
      isTaken: async (loginToken) =>
        (await app.post('/auth/sign-in', { loginToken, is2FAEnabled: false })).status === 200,
    };
  },
  challenge: async (app) => {
    const { username, email, password } = await app.person({ secondFactor: { email: true } });
    const answer = await app.post('/auth/login', { username, password });
    const code = await app.mail.code(email);
    return {
      secret: answer.body.extra_attributes.challenge_token,
      isTaken: async (challenge_token) =>
        (await app.post('/v1/challenges/verify', { challenge_token, code })).status === 200,
    };
  },
  'opaque session token': async (app) => ({
    secret: (await signIn(app, 'role-picker', await app.person())).body.loginToken,
    isTaken: async (token) => (await rawSend(app.url, 'GET /v1/session', [bearer(token)])).status === 200,
  }),
  'credential of a resource server': async (app) => {
    const secret = opaqueSecret(app.core.random);
    const server = { name: `server-${nextNumber()}`, createdAt: app.core.clock.now() };
    await app.core.store.commit([addResourceServer(server, secretHash(secret))]);
    const isTaken = async (token: string) => {
      const answer = await fetch(`${app.url}/v1/revocations`, {
        headers: { authorization: `Bearer ${token}` },
      });
      await answer.body?.cancel();
      return answer.status === 200;
    };
    return { secret, isTaken };
  },
};

/** Texts that a lenient reader would take for the same secret. */
function otherSpellings(secret: string): string[] {
  const last = secret.at(-1) ?? '';
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const spellings = [
    secret.slice(0, -1),
    secret.slice(1),
    `${secret}A`,
    `${secret}=`,
    `${secret}==`,
    `A${secret}`,
    `${secret}${secret}`,
    secret.toLowerCase(),
    secret.toUpperCase(),
    secret.replaceAll('-', '+').replaceAll('_', '/'),
    // The last character of base64 has bits that stand for nothing.
    ...[1, 2, 3].map((bits) => secret.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ bits]),
    Buffer.from(secret, 'base64url').toString('hex'),
    secretHash(secret),
  ];
  return [...new Set(spellings)].filter((spelling) => spelling !== secret);
}

describe.each(ENGINES)('TK-5: on %s, a secret that is handed out', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
  });
  afterAll(() => app.stop());

  test.each(Object.entries(KINDS))(
    'is taken in its one spelling, and kept as a hash: %s',
    async (_kind, make) => {
      const { secret, isTaken } = await make(app);
      for (const spelling of otherSpellings(secret)) expect(await isTaken(spelling), spelling).toBe(false);
      const dump = await dumpStore(app.core.config.store.url);
      expect(dump.includes(secret)).toBe(false);
      expect(dump.includes(secretHash(secret))).toBe(true);
      expect(await isTaken(secret)).toBe(true);
    },
  );

  test.each(Object.entries(KINDS))('has 128 bits at least, and is no other one: %s', async (_kind, make) => {
    const secrets = await Promise.all(Array.from({ length: 20 }, async () => (await make(app)).secret));
    expect(new Set(secrets).size).toBe(20);
    for (const secret of secrets) {
      expect(secret).toMatch(/^[A-Za-z0-9_-]+$/);
      // Each place has had many values: none is fixed, as a version or a time would be.
      expect(secret.length * Math.log2(62)).toBeGreaterThanOrEqual(128);
    }
    for (let at = 0; at < (secrets[0]?.length ?? 0); at += 1)
      expect(new Set(secrets.map((secret) => secret[at])).size).toBeGreaterThan(4);
  });
});
