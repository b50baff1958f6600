import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startApp, type TestApp } from '../../testing/app.ts';
import { DOORS, signInAt } from '../../testing/doors.ts';
import { ENGINES } from '../../testing/engines.ts';
import { type RawAnswer, rawSend } from '../../testing/raw-request.ts';
import { ALIKE, headersOf, jsonWith, ROUTES, type Route, routesServed } from '../../testing/routes.ts';
import type { Fault } from './contract.ts';
import { contracts } from './index.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };

/** In the place of a text: JSON, but of another type, or a text that may not be. */
const NO_TEXTS: readonly string[] = [
  '[]',
  '["x"]',
  '[["x"],"y"]',
  '{}',
  '{"$ne":""}',
  '{"toString":"x"}',
  '0',
  '-1',
  '1e400',
  '-1e400',
  '123456789012345678901234567890',
  'true',
  'false',
  '"\\u0000"',
  '"a\\u0000b"',
  '"0\\u0000"',
];

/** In the place of a member: what makes the whole body unreadable. */
const UNREADABLE_VALUES: readonly string[] = [
  '"\\ud800"',
  '"x\\udfff"',
  '"\\ude00\\ud83d"',
  '"a\u0000b"',
  '"a\nb"',
  'NaN',
  'undefined',
  "'x'",
  '',
  `${'['.repeat(40)}${']'.repeat(40)}`,
  `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`,
];

/** Bytes inside a text that are no UTF-8. */
const NO_UTF8: readonly (readonly number[])[] = [
  [0xff],
  [0xc0, 0x80],
  [0xe9],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0x80],
];

// Made from the list of endpoints: what cannot be read is refused at every one of them alike, in its contract's shape.
describe.each(ENGINES)('what is malformed, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    // Where signing up is off, that is the answer to whatever is asked.
    const mounts = contracts.map(({ name, signsUp }) => ({
      contract: name,
      allowSignUp: signsUp.includes('people'),
    }));
    app = await startApp(engine, {
      LATCHKEY_SIGN_IN_MAX_FAILURES: '100',
      LATCHKEY_MOUNTS: JSON.stringify(mounts),
    });
  });
  afterAll(() => app.stop());

  test('every route that is served is an endpoint of a contract, or one of the system’s', () => {
    const served = routesServed(app);
    const listed = ROUTES.map(({ name }) => name);
    expect(served.filter((name) => !listed.includes(name)).sort()).toEqual([
      'GET /.well-known/jwks.json',
      'GET /docs',
      'GET /livez',
      'GET /metrics',
      'GET /openapi.json',
      'GET /readyz',
      'GET /v1/revocations',
    ]);
    expect(listed.filter((name) => !served.includes(name))).toEqual([]);
    expect(DOORS.map(({ path }) => `POST ${path}`).filter((name) => !listed.includes(name))).toEqual([]);
  });

  describe.each(ROUTES)('$name', (route) => {
    const { method, path } = route;
    const { accepts } = route.endpoint;
    const target = `${method} ${path}`;
    const send = (body: string, headers: Record<string, string>) =>
      app.request(method, path, { body, headers: { ...headersOf(route), ...headers } });
    const sendBytes = (body: Buffer) =>
      rawSend(app.url, target, headerLines({ ...headersOf(route), ...JSON_TYPE }), body);

    for (const { body, members, texts } of accepts.includes('json') ? route.shapes : []) {
      test.each(members.map((member) => member.join('.')))('IN-4: %s as another value', async (name) => {
        for (const value of [...NO_TEXTS, 'null', '""'])
          expectRefused(route, await send(jsonWith(body, name.split('.'), value), JSON_TYPE), value);
      });

      test('IN-4: any text as no text is malformed, not merely wrong', async () => {
        for (const text of texts)
          for (const value of NO_TEXTS) {
            const answer = await send(jsonWith(body, text, value), JSON_TYPE);
            expect([400, 422], `${text} = ${value}: ${answer.text}`).toContain(answer.status);
          }
      });

      test.each(members.map((member) => member.join('.')))('IN-3: %s as what is unreadable', async (name) => {
        for (const value of UNREADABLE_VALUES)
          expectFault(
            route,
            await send(jsonWith(body, name.split('.'), value), JSON_TYPE),
            'unreadable',
            value,
          );
      });

      test('IN-3: bytes that are no UTF-8, in any text', async () => {
        for (const member of texts) {
          const [before = '', after = ''] = jsonWith(body, member, '"left|right"').split('|');
          for (const bytes of NO_UTF8) {
            const broken = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
            expectFault(route, await sendBytes(broken), 'unreadable', `${member} with ${bytes}`);
          }
        }
      });

      test('IN-4: any member twice, however it is spelled', async () => {
        for (const member of members) {
          const name = member.at(-1) ?? '';
          const escaped = `\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}`;
          for (const other of [name, escaped]) {
            const text = jsonWith(body, member, `"first","${other}":"second"`);
            expectFault(route, await send(text, JSON_TYPE), 'unreadable', text);
          }
        }
      });

      test('IN-3: the whole in another encoding, or not one value', async () => {
        const text = JSON.stringify(body);
        for (const bytes of [
          Buffer.from(`\uFEFF${text}`),
          Buffer.from(text, 'utf16le'),
          Buffer.from(`\uFEFF${text}`, 'utf16le'),
          Buffer.from(`${text}${text}`),
          Buffer.from(`${text}\0`),
          Buffer.from(`${text},`),
          Buffer.from(text.slice(0, -1)),
        ])
          expectFault(route, await sendBytes(bytes), 'unreadable', bytes.toString('latin1').slice(0, 60));
        for (const other of ['null', '[]', `[${text}]`, '"text"', '1', 'true', '{}', '1e400'])
          expectRefused(route, await send(other, JSON_TYPE), other);
      });
    }

    for (const { body, texts } of accepts.includes('form') ? route.shapes : []) {
      const form = new URLSearchParams(
        Object.entries(body).map(([name, value]): [string, string] => [name, String(value)]),
      ).toString();

      test.each(texts.map((text) => text.join('.')))('IN-4: a form with %s wrong', async (name) => {
        const others = form
          .split('&')
          .filter((pair) => !pair.startsWith(`${name}=`))
          .concat('')
          .join('&');
        const wellFormed = await send(`${others}${name}=a`, FORM_TYPE);
        if (ALIKE.includes(route.name)) expect(wellFormed.status).toBeLessThan(300);
        else expectRefused(route, wellFormed, '=a');
        for (const pair of ['[]=a&', '[0]=a&', '.a=a&', '=%00&', '=a%00b&', '='])
          expectRefused(route, await send(`${others}${name}${pair}`, FORM_TYPE), pair);
        for (const pair of [`=a&${name}=b`, `=a&${name}`, `=a&${escapedOnce(name)}=b`])
          expectFault(route, await send(`${others}${name}${pair}`, FORM_TYPE), 'unreadable', pair);
        for (const value of ['%', '%f', '%zz', '%ff', '%c0%80', '%ed%a0%80'])
          expectFault(route, await send(`${others}${name}=${value}`, FORM_TYPE), 'unreadable', value);
      });
    }

    test('IN-4: a query, once or twice, is nothing that it reads', async () => {
      const query = route.shapes.flatMap(({ members }) =>
        members.map((member) => `${member.join('.')}=a&${member.join('.')}=b`),
      );
      const request = (suffix: string) =>
        app.request(method, path + suffix, {
          headers: { ...headersOf(route), ...(route.hasBody ? JSON_TYPE : {}) },
          ...(route.hasBody ? { body: '{}' } : {}),
        });
      const plain = await request('');
      expectRefused(route, plain, 'nothing');
      expectRefused(route, await request(`?${query.join('&')}&a[]=1&__proto__=2&%zz=%ff`), query.join('&'));
      expect((await request(`?${query.join('&')}`)).status).toBe(plain.status);
    });

    test('TK-6: an Authorization header that is malformed', async () => {
      for (const lines of [
        ['Authorization:'],
        ['Authorization: Bearer'],
        ['Authorization: Bearer '],
        ['Authorization: Bearer a b'],
        ['Authorization: Bearer "a"'],
        ['Authorization: Bearer caf\u00e9'],
        ['Authorization: Bearer a\tb'],
        ['Authorization: Bearer ,'],
        ['Authorization: Basic bm9ib2R5Og=='],
        [`Authorization: Bearer ${'x'.repeat(8000)}`],
        [`Authorization: Bearer ${'.'.repeat(4000)}`],
      ]) {
        const answer = await rawSend(
          app.url,
          target,
          [...(route.hasBody ? headerLines(JSON_TYPE) : []), ...lines],
          route.hasBody ? '{}' : '',
        );
        expectRefused(route, answer, lines.join());
      }
    });
  });

  test('IN-4: of two Authorization headers, neither is taken', async () => {
    const { username, password } = await app.person();
    const { access_token } = (await app.post('/auth/login', { username, password })).body;
    const right = `Authorization: Bearer ${access_token}`;
    expect((await rawSend(app.url, 'GET /v1/session', [right])).status).toBe(200);
    for (const lines of [
      [right, right],
      [right, 'Authorization: Bearer x'],
      ['Authorization: Bearer x', right],
      [right, 'authorization: Basic eDp5'],
    ])
      expect((await rawSend(app.url, 'GET /v1/session', lines)).status, lines.join()).toBe(401);
  });

  test('IN-3: a phone number with a byte order mark is none', async () => {
    const person = await app.person({ phone: '+34600111222' });
    const signIn = (username: string) => app.post('/auth/login', { username, password: person.password });
    expect((await signIn('+34600111222')).status).toBe(200);
    for (const phone of ['\ufeff+34600111222', '+34600111222\ufeff', '+34600\ufeff111222'])
      expect((await signIn(phone)).status, phone).toBe(401);
  });

  describe.each(DOORS)('$contract', (door) => {
    test('IN-4: signs nobody in by a query', async () => {
      const person = await app.person();
      const flat = Object.entries(door.body(person)).flatMap(([name, value]) =>
        typeof value === 'string'
          ? [[name, value]]
          : Object.entries(value).map(([inner, text]) => [`${name}[${inner}]`, String(text)]),
      );
      const query = new URLSearchParams(flat as [string, string][]);
      for (const headers of [{ ...door.headers }, { ...door.headers, ...JSON_TYPE }])
        expect(isRefused(await app.request('POST', `${door.path}?${query}`, { headers }))).toBe(true);
    });

    test('IN-3: strips nothing from what is otherwise right', async () => {
      const person = await app.person();
      const raw = (text: string) => JSON.stringify(text).replaceAll('\\\\u', '\\u');
      for (const extra of ['\\u0000', '\\ud800', '\\udc00', '\\ufeff', '\\u200b', '\\u202e', '\\u001f']) {
        for (const [index, member] of door.fields.entries()) {
          const right = index === 0 ? person.email : person.password;
          for (const text of [`${extra}${right}`, `${right}${extra}`]) {
            const answer = await app.request('POST', door.path, {
              body: jsonWith(door.body(person), member, raw(text)),
              headers: { ...JSON_TYPE, ...door.headers },
            });
            expect(isRefused(answer), `${member} = ${text}: ${answer.text}`).toBe(true);
          }
        }
      }
      expect(door.isSignedIn(await signInAt(app, door, person))).toBe(true);
    });
  });
});

function isRefused({ status }: Answer | RawAnswer): boolean {
  return [400, 401, 403, 422].includes(status);
}

/** A refusal that the endpoint describes as its own. */
function isDescribed(route: Route, { status }: Answer | RawAnswer): boolean {
  return status >= 400 && status in route.endpoint.describe.replies;
}

/** Refused in the shape of the contract: its faults have no member that this answer lacks. Where nothing is asked, nothing is. */
function expectRefused(route: Route, answer: Answer | RawAnswer, what: string): void {
  const about = `${route.name} with ${what}: ${answer.status} ${answer.text.slice(-200)}`;
  if (route.isOpen) return void expect(answer.status, about).toBe(200);
  expect(isRefused(answer) || isDescribed(route, answer), about).toBe(true);
  const body = answer.body as object;
  const fault = route.contract.fault('internal', { requestId: '', echo: {} }).body ?? {};
  if (!('active' in body))
    expect(Object.keys(body), about).toEqual(expect.arrayContaining(Object.keys(fault)));
}

/** Exactly the contract's own answer to that fault. */
function expectFault(route: Route, answer: Answer | RawAnswer, fault: Fault, what: string): void {
  const requestId =
    'head' in answer
      ? (/x-request-id: (\w+)/i.exec(answer.head)?.[1] ?? '')
      : (answer.headers.get('x-request-id') ?? '');
  const { status, body } = route.contract.fault(fault, { requestId, echo: {} });
  expect({ status: answer.status, body: answer.body }, `${route.name} with ${what}`).toEqual({
    status,
    body,
  });
}

function headerLines(headers: Record<string, string>): string[] {
  return Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
}

/** A name with its first letter as a percent escape. */
function escapedOnce(name: string): string {
  return `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`;
}
