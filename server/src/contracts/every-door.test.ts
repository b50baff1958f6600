import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { uuid } from '../../testing/core.ts';
import { ALL_DOORS, comparable, DOORS, type Door, type Expected, signInAt } from '../../testing/doors.ts';
import { ENGINES } from '../../testing/engines.ts';

const MAX_FAILURES = 4;
const hide = [{ contract: 'role-picker', hideUnknownIdentity: true }];
const plain = ['fingerprint', 'profile', 'credential-type', 'login'].map((contract) => ({ contract }));

// The controls of the corridor, at every door alike: what one contract is kept from, all are.
describe.each(ENGINES)('every door on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_MOUNTS: JSON.stringify([...plain, ...hide]),
      LATCHKEY_SIGN_IN_MAX_FAILURES: String(MAX_FAILURES),
      // The machine may have other work: nobody is turned away for that.
      LATCHKEY_HASHING_QUEUE_MILLISECONDS: '20000',
    });
    await app.load({ kind: 'role', name: 'Student' }, { kind: 'role', name: 'Teacher' });
  });
  afterAll(() => app.stop());

  const expectAnswer = (answer: Answer, expected: Expected) => expect(comparable(answer)).toEqual(expected);
  const nobody = () => ({
    email: `nobody${nextNumber()}@example.com`,
    password: 'whatever it is, it is wrong',
  });
  const failTimes = async (door: Door, who: { email: string }, times: number) => {
    for (let each = 0; each < times; each += 1)
      expectAnswer(
        await signInAt(app, door, { email: who.email, password: 'a wrong password' }),
        door.refused,
      );
  };

  describe.each(ALL_DOORS)('$contract', (door) => {
    test('signs the right password in', async () => {
      const answer = await signInAt(app, door, await app.person());
      expect(door.isSignedIn(answer)).toBe(true);
    });

    test('EN-1: refuses alike whoever has not proven the password', async () => {
      const unvalidated = await app.person({ emailValidated: false });
      const inactive = await app.person({ status: 'inactive' });
      const deleted = await app.person({ status: 'deleted' });
      const suspended = await app.person({ organisation: await app.organisation({ isSuspended: true }) });
      const withoutPassword = await app.person({ password: null });
      const locked = await app.person({
        organisation: await app.organisation({ settings: { maxFailedSignInAttempts: 1 } }),
      });
      const answers: Answer[] = [await signInAt(app, door, nobody())];
      for (const password of ['what locks it', 'a wrong password', locked.password])
        answers.push(await signInAt(app, door, { ...locked, password }));
      for (const person of [await app.person(), withoutPassword, unvalidated, inactive, deleted, suspended]) {
        answers.push(await signInAt(app, door, { ...person, password: 'a wrong password' }));
      }
      for (const answer of answers) {
        expectAnswer(answer, door.refused);
        expect(answer.text.length).toBe(answers[0]?.text.length);
        expect(headersWithoutIds(answer)).toEqual(headersWithoutIds(answers[0] ?? answer));
      }
    });

    test('tells the state of the account to the right password only', async () => {
      expectAnswer(await signInAt(app, door, await app.person({ status: 'inactive' })), door.inactive);
      expectAnswer(await signInAt(app, door, await app.person({ status: 'deleted' })), door.inactive);
      const organisation = await app.organisation({ isSuspended: true });
      expectAnswer(await signInAt(app, door, await app.person({ organisation })), door.suspended);
      const member = await app.person();
      await app.load({ kind: 'membership', account: member.id, organisation, role: 'Student' });
      expectAnswer(await signInAt(app, door, member), door.suspended);
    });

    test('EN-5: makes everybody wait after too many failures: right, wrong and unknown alike', async () => {
      const person = await app.person();
      const unknown = nobody();
      await failTimes(door, person, MAX_FAILURES);
      await failTimes(door, unknown, MAX_FAILURES);
      for (const who of [person, { ...person, password: 'a wrong password' }, unknown]) {
        const answer = await signInAt(app, door, who);
        expectAnswer(answer, door.throttled);
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(25);
        expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(30);
      }
    });

    test('lets the right password in when the wait is over, which ends the count', async () => {
      const person = await app.person();
      await failTimes(door, person, MAX_FAILURES);
      app.core.clock.advance(31);
      expect(door.isSignedIn(await signInAt(app, door, person))).toBe(true);
    });

    test('TH-3: counts failures over all contracts and spellings', async () => {
      const person = await app.person();
      const spellings = [
        person.email,
        person.email.toUpperCase(),
        ` ${person.email} `,
        person.email.replace('p', 'ｐ'),
      ];
      const others = ALL_DOORS.filter((other) => other !== door);
      for (const [index, email] of spellings.entries()) {
        const other = others[index % others.length] ?? door;
        expectAnswer(await signInAt(app, other, { email, password: 'a wrong password' }), other.refused);
      }
      expectAnswer(await signInAt(app, door, person), door.throttled);
    });

    test('answers a locked account as a wrong password, and mails its owner once', async () => {
      const organisation = await app.organisation({ settings: { maxFailedSignInAttempts: 2 } });
      const person = await app.person({ organisation });
      await failTimes(door, person, 2);
      expectAnswer(await signInAt(app, door, person), door.refused);
      const mail = await app.mail.next(person.email);
      expect(mail.subject).toBe('Your account is locked for now');
      expect(mail.text).toMatch(/password reset/);
      expect(mail.text).toMatch(/administrator/);
      expect(app.mail.delivered.filter(({ recipients }) => recipients.includes(person.email))).toHaveLength(
        1,
      );
      app.core.clock.advance(3601);
      expect(door.isSignedIn(await signInAt(app, door, person))).toBe(true);
    });

    test('a lock does not move the place of the first wait', async () => {
      const organisation = await app.organisation({ settings: { maxFailedSignInAttempts: 2 } });
      const person = await app.person({ organisation });
      await failTimes(door, person, MAX_FAILURES);
      expectAnswer(await signInAt(app, door, person), door.throttled);
    });

    test('TH-1: evaluates no more wrong guesses than are allowed, however many come at once', async () => {
      const person = await app.person();
      const guesses = await Promise.all(
        Array.from({ length: 201 }, (_, index) =>
          // Among them is the right one, which is taken or must wait, and lets no more wrong ones in.
          signInAt(app, door, index === 100 ? person : { ...person, password: 'a wrong password' }),
        ),
      );
      const [right] = guesses.splice(100, 1);
      expect(right && (door.isSignedIn(right) || right.status === 429)).toBe(true);
      const evaluated = guesses.filter(
        ({ status }) => status === door.refused.status && status !== 429,
      ).length;
      expect(evaluated).toBeLessThanOrEqual(right?.status === 429 ? MAX_FAILURES : 2 * MAX_FAILURES - 1);
      expect(evaluated).toBeGreaterThanOrEqual(MAX_FAILURES);
      expect(guesses.filter(({ status }) => status === 429).length).toBe(200 - evaluated);
      expectAnswer(await signInAt(app, door, person), door.throttled);
    });

    test('TH-1: right sign-ins of one account at once all succeed', async () => {
      const person = await app.person();
      const answers = await Promise.all(Array.from({ length: 20 }, () => signInAt(app, door, person)));
      expect(answers.filter(door.isSignedIn)).toHaveLength(20);
    });

    describe('takes nothing malformed:', () => {
      const json = { 'content-type': 'application/json', ...door.headers };
      const send = (body: string | undefined, headers: Record<string, string> = json) =>
        app.request('POST', door.path, body === undefined ? { headers } : { body, headers });
      const well = door.body({ email: 'a@example.com', password: 'long enough' });
      const text = JSON.stringify(well);
      const [[first = ''] = []] = door.fields;

      test.each([
        ['no JSON', '{"a":'],
        ['something after it', `${text} x`],
        ['a byte order mark', `\uFEFF${text}`],
        ['a member twice', text.replace('{', `{${JSON.stringify(first)}:"x",`)],
        [
          'a member twice, once escaped',
          text.replace('{', `{"\\u00${first.charCodeAt(0).toString(16)}${first.slice(1)}":"x",`),
        ],
        ['a lone surrogate', text.replace('long enough', '\\ud800 long enough')],
        ['nesting without end', text.replace('{', `{"deep":${'['.repeat(40)}${']'.repeat(40)},`)],
      ])('%s', async (_what, body) => {
        expectAnswer(await send(body), door.unreadable);
      });

      test('bytes that are no UTF-8', async () => {
        const bytes = Buffer.concat([
          Buffer.from(text.slice(0, -2)),
          Buffer.from([0xff, 0xfe]),
          Buffer.from(text.slice(-2)),
        ]);
        const response = await fetch(app.url + door.path, { method: 'POST', headers: json, body: bytes });
        expectAnswer(
          { status: response.status, headers: response.headers, text: '', body: await response.json() },
          door.unreadable,
        );
      });

      test.each([
        ['text/plain'],
        ['application/json; charset=utf-16'],
        ['application/jsonx'],
        ['multipart/form-data; boundary=x'],
        ['application/json, text/plain'],
      ])('the content type %s', async (type) => {
        expectAnswer(await send(text, { ...json, 'content-type': type }), door.unsupportedMediaType);
      });

      test('a body without a content type', async () => {
        const answer = await rawRequest(app.url, [
          `POST ${door.path} HTTP/1.1`,
          'Host: x',
          'Connection: close',
          ...headerLines(door),
          `Content-Length: ${text.length}`,
          '',
          text,
        ]);
        expect(answer).toMatch(/^HTTP\/1\.1 415 /);
        expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toMatchObject(
          door.unsupportedMediaType.body as object,
        );
      });

      test('more than 16 KiB, before it is all there', async () => {
        expectAnswer(await send(JSON.stringify({ ...well, more: 'x'.repeat(17_000) })), door.tooLarge);
        const answer = await rawRequest(app.url, [
          `POST ${door.path} HTTP/1.1`,
          'Host: x',
          'Connection: close',
          ...headerLines(door),
          'Content-Type: application/json',
          'Content-Length: 100000000',
          '',
          '{',
        ]);
        expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      });

      test.each(['GET', 'PUT', 'DELETE', 'PATCH'])('the method %s', async (method) => {
        const answer = await app.request(method, door.path, { headers: door.headers ?? {} });
        expectAnswer(answer, door.methodNotAllowed);
        expect(answer.headers.get('allow')).toBe('POST');
      });

      test.each(door.fields.map((path) => path.join('.')))(
        '%s of another type, with NUL, or too long',
        async (path) => {
          for (const value of [1, true, {}, ['a'], 'with\u0000NUL', 'x'.repeat(1025), null]) {
            const body = structuredClone(well) as Record<string, never>;
            const names = path.split('.');
            const holder = names.slice(0, -1).reduce((object, name) => object[name] ?? object, body);
            Object.assign(holder, { [names.at(-1) ?? '']: value });
            const answer = await app.post(door.path, body, door.headers);
            expect(
              answer.status,
              `${path} = ${JSON.stringify(value)?.slice(0, 40)}: ${answer.text}`,
            ).toBeGreaterThanOrEqual(400);
            expect(answer.status).toBeLessThan(429);
            expect(Object.keys(answer.body)).toEqual(
              expect.arrayContaining(
                Object.keys((door.refused.body as object) ?? {}).filter((key) => key !== 'error'),
              ),
            );
          }
        },
      );

      test('members that every object inherits', async () => {
        const answer = await send(
          '{"__proto__":{"username":"x","email":"x","identity":"x","type":"resource","password":"long enough"},"constructor":{},"toString":"x"}',
        );
        expect(answer.status).toBeGreaterThanOrEqual(400);
        expect(answer.status).toBeLessThan(429);
      });
    });

    test('answers a fault inside in its own shape, with the trace in the log and nothing of it on the wire', async () => {
      const person = await app.person();
      await app.core.store.commit([
        { sql: "UPDATE accounts SET stats = '{broken' WHERE id = $1", params: [person.id] },
      ]);
      const answer = await signInAt(app, door, person);
      expectAnswer(answer, door.internal);
      const requestId = answer.headers.get('x-request-id');
      const logged = app.core.log.lines.filter(
        ({ level, fields }) =>
          level === 'error' && (fields as { requestId?: string }).requestId === requestId,
      );
      expect(logged).toHaveLength(1);
    });

    test('carries the headers of every answer, and the request id', async () => {
      for (const answer of [
        await signInAt(app, door, await app.person()),
        await signInAt(app, door, nobody()),
      ]) {
        expect(answer.headers.get('cache-control')).toBe('no-store');
        expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f]{16}$/);
        expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      }
    });
  });

  test('refuses an account that is not validated where the mount asks for it', async () => {
    const strict = await startApp(engine, {
      LATCHKEY_MOUNTS: JSON.stringify(
        DOORS.map(({ contract }) => ({ contract, requireValidatedEmail: true })),
      ),
    });
    const person = await strict.person({ emailValidated: false });
    for (const door of DOORS)
      expectAnswer(await signInAt(strict, door, person), door.notValidated ?? door.refused);
    await strict.stop();
  });

  test('refuses at once with 503 what would wait too long for the hash queue', async () => {
    const slow = await startApp(engine, {
      LATCHKEY_HASHING_MEMORY_KIB: '65536',
      LATCHKEY_HASHING_PASSES: '3',
      LATCHKEY_HASHING_QUEUE_MILLISECONDS: '100',
    });
    const person = await slow.person();
    for (const door of ALL_DOORS) {
      const answers = await Promise.all(Array.from({ length: 24 }, () => signInAt(slow, door, person)));
      const refused = answers.filter(({ status }) => status === 503);
      expect(refused.length).toBeGreaterThan(0);
      expect(answers.filter(door.isSignedIn).length).toBeGreaterThan(0);
      expect(answers).toHaveLength(refused.length + answers.filter(door.isSignedIn).length);
      for (const answer of refused) {
        expectAnswer(answer, door.overloaded);
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      }
    }
    await slow.stop();
  });

  test('answers 503 while the store is away', async () => {
    const cut = await startApp(engine);
    const person = await cut.person();
    await cut.core.store.close();
    for (const door of ALL_DOORS) expectAnswer(await signInAt(cut, door, person), door.overloaded);
    expect((await cut.request('GET', '/readyz')).status).toBe(503);
    expect((await cut.request('GET', '/livez')).status).toBe(200);
    await Promise.all([cut.app.close(), cut.mail.stop()]);
  });

  test('makes a client address wait after too many failures, right passwords too', async () => {
    const strict = await startApp(engine, { LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":10,"seconds":60}' });
    for (let each = 0; each < 10; each += 1)
      await signInAt(strict, ALL_DOORS[each % ALL_DOORS.length] as Door, nobody());
    const person = await strict.person();
    for (const door of ALL_DOORS) {
      const answer = await signInAt(strict, door, person);
      expectAnswer(answer, door.throttled);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    await strict.stop();
  });

  test('serves only the accounts of its organisation’s subtree', async () => {
    const group = nextNumber();
    const [below, elsewhere] = [nextNumber(), nextNumber()];
    const bound = await startApp(engine, {
      LATCHKEY_MOUNTS: JSON.stringify(DOORS.map(({ contract }) => ({ contract, organisation: uuid(group) }))),
    });
    await bound.load(
      { kind: 'organisation', id: uuid(below), name: 'Below', parent: uuid(group) },
      { kind: 'organisation', id: uuid(group), name: 'Group' },
      { kind: 'organisation', id: uuid(elsewhere), name: 'Elsewhere' },
    );
    const inside = await bound.person({ organisation: uuid(below) });
    const outside = [await bound.person({ organisation: uuid(elsewhere) }), await bound.person()];
    for (const door of DOORS) {
      expect(door.isSignedIn(await signInAt(bound, door, inside))).toBe(true);
      for (const person of outside)
        expect((await signInAt(bound, door, person)).status).toBe(door.refused.status);
    }
    await bound.stop();
  });

  test('takes the account whose password matches where several homes have the identifier', async () => {
    const email = `several${nextNumber()}@example.com`;
    const home = () => app.organisation();
    const old = await app.person({
      email,
      organisation: await home(),
      password: 'the oldest password',
      createdAt: '2020-01-01T00:00:00.000Z',
    });
    const young = await app.person({
      email,
      organisation: await home(),
      password: 'the younger password',
      createdAt: '2022-01-01T00:00:00.000Z',
    });
    const shared = await app.person({
      email,
      password: 'the younger password',
      createdAt: '2024-01-01T00:00:00.000Z',
    });
    const whoIs = async (password: string) =>
      (await app.post('/identity/sign-in', { username: email, password }, { 'x-fingerprint-id': 'x' })).body
        .data.account.id;
    expect(await whoIs('the oldest password')).toBe(old.id);
    expect(await whoIs('the younger password')).toBe(shared.id);
    expect(young.id).not.toBe(shared.id);
  });
});

/** The headers in their order, but for what is different in every answer. */
function headersWithoutIds({ headers }: Answer): string[] {
  return [...headers].map(([name, value]) =>
    /^(date|x-request-id)$/.test(name) ? name : `${name}: ${value}`,
  );
}

function headerLines(door: Door): string[] {
  return Object.entries(door.headers ?? {}).map(([name, value]) => `${name}: ${value}`);
}

/** Sends lines as they are and gives everything that comes back. */
function rawRequest(url: string, lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname, () => socket.write(lines.join('\r\n')));
    let answer = '';
    socket.on('data', (piece) => {
      answer += piece.toString();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
    socket.setTimeout(5000, () => socket.destroy());
  });
}
