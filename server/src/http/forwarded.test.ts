import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { DOORS } from '../../testing/doors.ts';
import { rawSend } from '../../testing/raw-request.ts';
import { headersOf, ROUTES } from '../../testing/routes.ts';

const SOCKET = '127.0.0.1';
const CLIENT = '203.0.113.7';

/** Header lines by which somebody says where a request came from, and who it is then behind a proxy that is trusted. */
const CLAIMS: readonly (readonly [string, readonly string[], string])[] = [
  ['nothing', [], SOCKET],
  ['one hop', [`X-Forwarded-For: ${CLIENT}`], CLIENT],
  ['one hop of IPv6', ['X-Forwarded-For: 2001:db8::7'], '2001:db8::7'],
  ['a made-up hop before it', [`X-Forwarded-For: 198.51.100.1, ${CLIENT}`], CLIENT],
  ['an address of ours before it', [`X-Forwarded-For: 127.0.0.1, ${CLIENT}`], CLIENT],
  ['nonsense before it', [`X-Forwarded-For: <script>, ${CLIENT}`], CLIENT],
  ['two lines', ['X-Forwarded-For: 198.51.100.1', `X-Forwarded-For: ${CLIENT}`], CLIENT],
  ['two proxies that are trusted', [`X-Forwarded-For: ${CLIENT}, 10.1.2.3`], CLIENT],
  ['a proxy that is not trusted', [`X-Forwarded-For: ${CLIENT}, 192.0.2.9`], '192.0.2.9'],
  ['nonsense', ['X-Forwarded-For: unknown'], SOCKET],
  ['nonsense last', [`X-Forwarded-For: ${CLIENT}, unknown`], SOCKET],
  // An empty element of a list is none (RFC 9110 §5.6.1).
  ['an empty last hop', [`X-Forwarded-For: ${CLIENT},`], CLIENT],
  ['a port', [`X-Forwarded-For: ${CLIENT}:443`], SOCKET],
  ['brackets', ['X-Forwarded-For: [2001:db8::7]:443'], SOCKET],
  ['leading zeroes', ['X-Forwarded-For: 203.000.113.007'], SOCKET],
  ['an octet too many', ['X-Forwarded-For: 203.0.113.7.1'], SOCKET],
  ['a number', ['X-Forwarded-For: 3405803783'], SOCKET],
  ['a block', ['X-Forwarded-For: 203.0.113.0/24'], SOCKET],
  ['a name', ['X-Forwarded-For: localhost'], SOCKET],
  ['nothing in it', ['X-Forwarded-For:'], SOCKET],
  ['the standard header', [`Forwarded: for=${CLIENT}`], SOCKET],
  [
    'the headers of others',
    [
      'X-Real-IP',
      'True-Client-IP',
      'CF-Connecting-IP',
      'X-Client-IP',
      'X-Cluster-Client-IP',
      'Client-IP',
    ].map((name) => `${name}: ${CLIENT}`),
    SOCKET,
  ],
];

const SETTINGS: readonly (readonly [string, Record<string, string>, boolean])[] = [
  ['behind proxies that are trusted', { LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1","10.0.0.0/8"]' }, true],
  ['when no proxy is trusted', {}, false],
  ['when other proxies are', { LATCHKEY_TRUSTED_PROXIES: '["192.0.2.0/24"]' }, false],
];

describe.each(SETTINGS)('HT-4: %s', (_what, settings, isTrusted) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite', {
      ...settings,
      LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":3,"seconds":3600}',
    });
  });
  afterAll(() => app.stop());

  /** The address of the last request, as it was logged. */
  const addressLogged = () => {
    const fields = app.core.log.lines.map((line) => line.fields as { status?: number; address?: string });
    return fields.findLast(({ status }) => status !== undefined)?.address;
  };

  describe.each(CLAIMS)('a request that claims %s', (_claim, lines, address) => {
    const expected = isTrusted ? address : SOCKET;

    test('is from where it is from', async () => {
      expect((await rawSend(app.url, 'GET /v1/session', lines)).status).toBe(401);
      expect(addressLogged()).toBe(expected);
    });
  });

  test('so it is at every route', async () => {
    for (const route of ROUTES)
      for (const [claim, address] of [
        [`198.51.100.1, ${CLIENT}`, isTrusted ? CLIENT : SOCKET],
        [`${CLIENT}, unknown`, SOCKET],
      ] as const) {
        const own = Object.entries(headersOf(route)).map(([name, value]) => `${name}: ${value}`);
        const lines = [...own, `X-Forwarded-For: ${claim}`];
        expect((await rawSend(app.url, `${route.method} ${route.path}`, lines)).status).toBeGreaterThan(0);
        expect(addressLogged(), route.name).toBe(address);
      }
  });

  test.each(DOORS)('no claim is a way round the limit by address: $contract', async (door) => {
    const other = await startApp('sqlite', {
      ...settings,
      LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":3,"seconds":3600}',
    });
    const headers = Object.entries({ 'content-type': 'application/json', ...door.headers });
    const fail = (number: number, forwarded: string) => {
      const body = JSON.stringify(
        door.body({ email: `nobody${number}@example.com`, password: 'a wrong one' }),
      );
      const lines = [...headers.map(([name, value]) => `${name}: ${value}`), `X-Forwarded-For: ${forwarded}`];
      return rawSend(other.url, `POST ${door.path}`, lines, body);
    };
    const statuses: number[] = [];
    for (let number = 0; number < 5; number += 1)
      statuses.push((await fail(number, `198.51.100.${number}, ${CLIENT}`)).status);
    expect(statuses.slice(0, 3)).not.toContain(429);
    expect(statuses.slice(3)).toEqual([429, 429]);
    // What is no address at all is counted as whoever sent it.
    const garbled: number[] = [];
    for (let number = 5; number < 10; number += 1)
      garbled.push((await fail(number, `garbage ${number}`)).status);
    expect(garbled.at(-1)).toBe(429);
    await other.stop();
  });
});
