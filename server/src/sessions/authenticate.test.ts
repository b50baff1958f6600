import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { readJwt } from '../../testing/jwt.ts';

const SECRETS = { shared: 'the secret of one resource server', other: 'the secret of another, by itself' };
const AUDIENCE = 'https://api.example.com';

// Who has a shared secret can write whatever token they like with it. It is good for what the server has issued there, only.
describe('a token of somebody who has a shared secret', () => {
  let app: TestApp;
  beforeAll(async () => {
    const mounts = [
      { contract: 'login' },
      { contract: 'login', prefix: '/api', audience: AUDIENCE },
      { contract: 'login', prefix: '/shared', algorithm: 'HS256', secret: SECRETS.shared },
      { contract: 'credential-type', prefix: '/things', algorithm: 'HS256', secret: SECRETS.shared },
      { contract: 'login', prefix: '/other', algorithm: 'HS256', secret: SECRETS.other, audience: AUDIENCE },
    ];
    app = await startApp('sqlite', { LATCHKEY_MOUNTS: JSON.stringify(mounts) });
  });
  afterAll(() => app.stop());

  async function signIn(prefix: string) {
    const { username, password } = await app.person();
    const { body } = await app.post(`${prefix}/auth/login`, { username, password });
    return readJwt(body.access_token);
  }
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signedText = (header: object, payload: string) => {
    const input = `${part(header)}.${Buffer.from(payload).toString('base64url')}`;
    return `${input}.${createHmac('sha256', SECRETS.shared).update(input).digest('base64url')}`;
  };
  const signed = (header: object, claims: object) => signedText(header, JSON.stringify(claims));
  const statusAt = async (path: string, token: string) =>
    (await app.request('GET', path, { headers: { authorization: `Bearer ${token}` } })).status;

  test('is good with what the server would have written, and with nothing else', async () => {
    const { header, payload } = await signIn('/shared');
    const statusWith = (changes: object) =>
      statusAt('/v1/session', signed(header, { ...payload, ...changes }));
    const [plain, other] = [(await signIn('')).payload, (await signIn('/other')).payload];
    expect(await statusWith({ jti: 'another' })).toBe(200);
    for (const changes of [
      { aud: AUDIENCE },
      { aud: '' },
      { sub: plain.sub },
      { sub: `account:${payload.sub}` },
      { sub: `installation:${payload.sub}` },
      { sub: `resource:${payload.sub}` },
      { sub: '' },
      { sid: plain.sid },
      { sid: plain.sid, sub: plain.sub },
      { sid: other.sid, sub: other.sub },
      { sid: other.sid, sub: other.sub, aud: other.aud },
      { sid: 'no session' },
    ])
      expect(await statusWith(changes), JSON.stringify(changes)).toBe(401);
  });

  test('is good for the resource or the installation that its session is for', async () => {
    const resource = `voucher::things::code::${nextNumber()}`;
    const code = resource.split('::')[3];
    const data = { installationId: `installation ${nextNumber()}`.padEnd(40, '.'), password: 'p'.repeat(40) };
    await app.load({ kind: 'resource', context: 'things', code }, { kind: 'installation', ...data });
    for (const [type, shown, subject] of [
      ['resource', { resource }, `resource:${resource}`],
      ['mobile-device', data, `installation:${data.installationId}`],
    ] as const) {
      const { body } = await app.post('/things/api/v1/auth/sign-in', { type, data: shown });
      const { header, payload } = readJwt(body.authorization.token);
      expect(payload.sub).toBe(subject);
      const statusOf = (sub: string) => statusAt('/v1/session', signed(header, { ...payload, sub }));
      expect(await statusOf(subject)).toBe(200);
      const name = subject.slice(subject.indexOf(':') + 1);
      for (const sub of [
        name,
        `:${name}`,
        `resourceX${name}`,
        `resource:${name}x`,
        'resource:',
        'installation:',
      ])
        expect(await statusOf(sub), sub).toBe(401);
    }
  });

  test.each(['not json', '{"exp":1', '7', 'null', '[]'])(
    'that says %j is refused as any other',
    async (said) => {
      const { header } = await signIn('/shared');
      const token = signedText(header, said);
      for (const path of ['/v1/session', '/auth/me', '/shared/auth/me'])
        expect(await statusAt(path, token), path).toBe(401);
    },
  );

  test('is good at mounts of its audience only', async () => {
    const { header, payload } = await signIn('/shared');
    const token = signed(header, payload);
    const paths = ['/shared', '', '/api', '/other'].map((prefix) => `${prefix}/auth/me`);
    expect(await Promise.all(paths.map((path) => statusAt(path, token)))).toEqual([200, 200, 401, 401]);
  });

  test('that has ended is told from one that is wrong', async () => {
    const { header, payload } = await signIn('/shared');
    const code = async (claims: object) =>
      (
        await app.request('GET', '/auth/me', {
          headers: { authorization: `Bearer ${signed(header, claims)}` },
        })
      ).body.error_code;
    const now = Math.floor(app.core.clock.now() / 1000);
    const [ended, wrong] = [
      await code({ ...payload, iat: now - 60, exp: now - 1 }),
      await code({ ...payload, sid: 'x' }),
    ];
    expect(ended).toBe('token-expired');
    expect(wrong).not.toBe(ended);
  });
});
