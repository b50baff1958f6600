import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { DOORS } from '../../testing/doors.ts';
import { rawSend } from '../../testing/raw-request.ts';
import { headersOf, ROUTES } from '../../testing/routes.ts';

/** What is no JSON by its type, however near it comes. */
const NO_JSON: readonly (readonly string[])[] = [
  [],
  [''],
  ['*/*'],
  ['json'],
  ['text/plain'],
  ['text/json'],
  ['text/plain; application/json'],
  ['multipart/form-data; boundary=x'],
  ['application/octet-stream'],
  ['application/jsonx'],
  ['application/json+x'],
  ['application/vnd.api+json'],
  ['application/json,'],
  ['application/json, application/json'],
  ['application/json, text/plain'],
  ['application /json'],
  ['application/ json'],
  ['application/json\ta'],
  ['application/json\t;charset=utf-8'],
  ['application/json;'],
  ['application/json; '],
  ['application/json;charset'],
  ['application/json;charset='],
  ['application/json; charset=utf-7'],
  ['application/json; charset=utf-16'],
  ['application/json; charset=latin1'],
  ['application/json; charset=utf-8; charset=utf-7'],
  ['application/json; charset=utf-8; x=y'],
  ['application/json; x=y'],
  ['application/json\u00a0'],
  ['application/json', 'application/json'],
  ['application/json', 'text/plain'],
  ['text/plain', 'application/json'],
];

/** What is JSON by its type. HTTP takes spaces and tabs off the ends of a header's value: they are no part of it. */
const JSON_TYPES = [
  'application/json',
  'Application/JSON',
  'application/json; charset=utf-8',
  'application/json;charset=UTF-8',
  'application/json; charset="utf-8"',
  ' application/json',
  '\tapplication/json \t',
];

describe('HT-3: a body', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp('sqlite', { LATCHKEY_SIGN_IN_MAX_FAILURES: '100' });
  });
  afterAll(() => app.stop());

  const typeLines = (types: readonly string[]) => types.map((type) => `Content-Type:${type}`);
  const headerLines = (headers: Readonly<Record<string, string>> = {}) =>
    Object.entries(headers).map(([name, value]) => `${name}: ${value}`);

  test.each(ROUTES.filter(({ hasBody }) => hasBody))(
    'is read as the type that is declared: $name',
    async (route) => {
      const target = `${route.method} ${route.path}`;
      const body = JSON.stringify(route.shapes[0]?.body ?? {});
      const send = (types: readonly string[], sent = body) =>
        rawSend(app.url, target, [...headerLines(headersOf(route)), ...typeLines(types)], sent);
      const statusOf = (fault: 'unsupported-media-type') =>
        route.contract.fault(fault, { requestId: '', echo: {} }).status;
      for (const types of NO_JSON) {
        const answer = await send(types);
        expect(answer.status, types.join(' and ')).toBe(statusOf('unsupported-media-type'));
      }
      const { accepts } = route.endpoint;
      for (const type of JSON_TYPES)
        expect((await send([type])).status === 415, type).toBe(!accepts.includes('json'));
      const form = 'application/x-www-form-urlencoded';
      expect((await send([form], 'a=b')).status === 415).toBe(!accepts.includes('form'));
      expect((await send([`${form}; charset=utf-7`], 'a=b')).status).toBe(415);
      expect((await send([form, form], 'a=b')).status).toBe(415);
    },
  );

  test.each(DOORS)('that is right signs nobody in under another type: $contract', async (door) => {
    const person = await app.person();
    const body = JSON.stringify(door.body(person));
    const send = (types: readonly string[]) =>
      rawSend(app.url, `POST ${door.path}`, [...headerLines(door.headers), ...typeLines(types)], body);
    for (const types of NO_JSON) expect((await send(types)).status, types.join(' and ')).toBe(415);
    for (const type of JSON_TYPES)
      expect(door.isSignedIn({ ...(await send([type])), headers: new Headers() }), type).toBe(true);
  });
});
