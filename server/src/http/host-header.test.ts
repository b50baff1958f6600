import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { DOORS, type Door } from '../../testing/doors.ts';
import { type RawAnswer, rawSend } from '../../testing/raw-request.ts';
import { headersOf, ROUTES } from '../../testing/routes.ts';

const EVIL = 'evil.example.net';

/** Everything by which a client, or a proxy, could say where the server is. */
const CLAIMS: readonly (readonly [string, readonly string[]])[] = [
  ['Host', [`Host: ${EVIL}`]],
  ['Host with a port', [`Host: ${EVIL}:8443`]],
  ['Host that ends a line', [`Host: x/${EVIL}`]],
  ['X-Forwarded-Host', [`X-Forwarded-Host: ${EVIL}`]],
  ['X-Forwarded-Host twice', [`X-Forwarded-Host: ${EVIL}`, `X-Forwarded-Host: ${EVIL}`]],
  ['X-Forwarded-Proto', ['X-Forwarded-Proto: gopher', `X-Forwarded-Host: ${EVIL}`, 'X-Forwarded-Port: 9']],
  ['X-Forwarded-Server', [`X-Forwarded-Server: ${EVIL}`, `X-Host: ${EVIL}`, `X-Original-Host: ${EVIL}`]],
  ['Forwarded', [`Forwarded: for=192.0.2.1;host=${EVIL};proto=https`]],
  ['Origin and Referer', [`Origin: https://${EVIL}`, `Referer: https://${EVIL}/a`]],
  [
    'a prefix and a rewritten URL',
    [`X-Forwarded-Prefix: //${EVIL}`, `X-Original-URL: //${EVIL}/`, `X-Rewrite-URL: //${EVIL}/`],
  ],
];

const SETTINGS: readonly (readonly [string, Record<string, string>, string | null])[] = [
  ['with publicUrl', { LATCHKEY_PUBLIC_URL: 'https://id.example.com' }, 'https://id.example.com'],
  ['without publicUrl', {}, null],
  [
    'with publicUrl, behind a proxy that is trusted',
    { LATCHKEY_PUBLIC_URL: 'https://id.example.com', LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1"]' },
    'https://id.example.com',
  ],
  ['without publicUrl, behind a proxy that is trusted', { LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1"]' }, null],
];

// Where the server is, only its configuration says.
describe.each(SETTINGS)('HT-5: a server %s', (_what, settings, publicUrl) => {
  let app: TestApp;
  let person: Person;
  let home = '';
  beforeAll(async () => {
    app = await startApp('sqlite', { ...settings, LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
    person = await app.person({ phone: '+34600111222' });
    home = publicUrl ?? app.url;
  });
  afterAll(() => app.stop());

  const headerLines = (headers: Readonly<Record<string, string>> = {}) =>
    Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const send = (door: Door, who: Person, lines: readonly string[], target = door.path) =>
    rawSend(
      app.url,
      `POST ${target}`,
      ['Content-Type: application/json', ...headerLines(door.headers), ...lines],
      JSON.stringify(door.body(who)),
    );

  async function expectHonestMail(door: Door, lines: readonly string[]): Promise<void> {
    const waiting = await app.person({ secondFactor: { email: true } });
    const answer = await send(door, waiting, lines);
    expectNothingEvil(answer);
    if (door.contract === 'role-picker') {
      const [{ loginToken }] = answer.body.result[0];
      const body = JSON.stringify({ loginToken, is2FAEnabled: true });
      const headers = ['Content-Type: application/json', ...lines];
      expectNothingEvil(await rawSend(app.url, 'POST /auth/sign-in', headers, body));
    }
    const mail = await app.mail.next(waiting.email);
    expect(JSON.stringify(mail)).not.toContain('evil');
    expect(`${mail.text}${mail.html}`).not.toMatch(/https?:\/\//);
  }

  describe.each(CLAIMS)('that is told %s', (_claim, lines) => {
    test.each(DOORS)('issues its tokens as itself: $contract', async (door) => {
      const answer = await send(door, person, lines);
      expect(door.isSignedIn({ ...answer, headers: new Headers() })).toBe(true);
      expectNothingEvil(answer);
      for (const payload of payloadsIn(answer.text)) {
        if (payload.iss !== undefined) expect(payload.iss).toBe(home);
        if (payload.aud !== undefined) expect(payload.aud).toBe(home);
      }
      if (door.contract !== 'role-picker')
        expect(payloadsIn(answer.text).some(({ iss }) => iss === home)).toBe(true);
    });

    test('mails nothing of it', async () => {
      await Promise.all(DOORS.map((door) => expectHonestMail(door, lines)));
    });

    test('describes itself, and answers every route, as it always does', async () => {
      const api = await rawSend(app.url, 'GET /openapi.json', lines);
      expect(api.body.servers).toEqual([{ url: home }]);
      for (const route of ROUTES)
        expectNothingEvil(
          await rawSend(app.url, `${route.method} ${route.path}`, [
            ...headerLines(headersOf(route)),
            ...lines,
          ]),
        );
      for (const path of [
        '/docs',
        '/openapi.json',
        '/livez',
        '/readyz',
        '/.well-known/jwks.json',
        '/nothing',
        '//x',
      ]) {
        const answer = await rawSend(app.url, `GET ${path}`, lines);
        expectNothingEvil(answer);
        expect(/^strict-transport-security:/im.test(answer.head)).toBe(home.startsWith('https:'));
      }
    });
  });

  test.each(DOORS)(
    'takes the path of an absolute target and nothing else of it, or nothing: $contract',
    async (door) => {
      const answer = await send(door, person, [], `http://${EVIL}${door.path}`);
      expectNothingEvil(answer);
      expect([200, 400, 404]).toContain(answer.status);
      for (const { iss } of payloadsIn(answer.text)) expect([home, undefined]).toContain(iss);
    },
  );
});

function expectNothingEvil(answer: RawAnswer): void {
  expect(answer.status, answer.text).toBeGreaterThan(0);
  expect(answer.status).toBeLessThan(500);
  expect(answer.text).not.toContain('evil');
  expect(answer.text).not.toContain('gopher');
  expect(answer.head).not.toMatch(/^(location|content-location|set-cookie|refresh|link):/im);
  for (const payload of payloadsIn(answer.text)) expect(JSON.stringify(payload)).not.toContain('evil');
}

/** What the JWTs in a text say. */
function payloadsIn(text: string): Record<string, unknown>[] {
  return [...text.matchAll(/eyJ[\w-]+\.(eyJ[\w-]+)\.[\w-]+/g)].map(([, payload = '']) =>
    JSON.parse(Buffer.from(payload, 'base64url').toString()),
  );
}
