import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { longCode } from '../../testing/recovery.ts';
import { signIn } from '../../testing/steps.ts';

const NEW = 'a password that is new';

describe.each(ENGINES)('validating an account on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '3' });
  });
  afterAll(() => app.stop());

  const path = '/api/public/account';
  const resend = (resend_code: unknown) => app.post(`${path}/resend-validation`, { resend_code });
  const validate = (code: unknown, password: unknown) => app.post(`${path}/validate`, { code, password });
  const unvalidated = (fields = {}) => app.person({ emailValidated: false, ...fields });
  const resendCodeOf = async (person: Person): Promise<string> => {
    const { body } = await signIn(app, 'login', person);
    expect(body.error_code).toBe('account-not-validated');
    return body.extra_attributes.resend_code;
  };
  const codeOf = async (person: Person): Promise<string> => {
    expect((await resend(await resendCodeOf(person))).status).toBe(204);
    return longCode(app.mail, person.email);
  };
  const isValidated = async ({ id }: Person) => (await app.core.store.accounts.byId(id))?.emailValidated;
  const refused = { status: 401, body: { error_code: 'bad-credentials' } };

  test('goes from the refused sign-in over the mail to the sign-in', async () => {
    const person = await unvalidated();
    const answer = await validate(await codeOf(person), person.password);
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 200,
      body: { email: person.email },
    });
    expect(await isValidated(person)).toBe(true);
    expect((await signIn(app, 'login', person)).status).toBe(200);
  });

  test('needs the code and the password, and both of the same account', async () => {
    const [person, other] = [await unvalidated(), await unvalidated()];
    const code = await codeOf(person);
    for (const [given, password] of [
      [code, 'a wrong password'],
      [code, other.password],
      ['x'.repeat(43), person.password],
      [`${code}x`, person.password],
      [await codeOf(other), person.password],
    ] as const)
      expect(await validate(given, password)).toMatchObject(refused);
    expect([await isValidated(person), await isValidated(other)]).toEqual([false, false]);
    expect((await validate(code, person.password)).status).toBe(200);
    expect(await isValidated(other)).toBe(false);
  });

  test('counts wrong passwords with those of every door', async () => {
    const person = await unvalidated();
    const code = await codeOf(person);
    await signIn(app, 'login', { ...person, password: 'a wrong password' });
    for (const _ of [1, 2]) expect(await validate(code, 'a wrong password')).toMatchObject(refused);
    expect((await validate(code, person.password)).status).toBe(429);
    expect((await signIn(app, 'login', person)).status).toBe(429);
    app.core.clock.advance(31);
    expect((await validate(code, person.password)).status).toBe(200);
  });

  test('spends the code once, and takes the newest only', async () => {
    const person = await unvalidated();
    const older = await codeOf(person);
    const code = await codeOf(person);
    expect(await validate(older, person.password)).toMatchObject(refused);
    const answers = await Promise.all(Array.from({ length: 5 }, () => validate(code, person.password)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await validate(code, person.password)).toMatchObject(refused);
  });

  test('takes no code after an hour', async () => {
    const person = await unvalidated();
    const code = await codeOf(person);
    app.core.clock.advance(3600);
    expect(await validate(code, person.password)).toMatchObject(refused);
    app.core.clock.advance(-3600);
    expect((await validate(code, person.password)).status).toBe(200);
  });

  test('marks the very address that the code went to, and no other (RV-5)', async () => {
    const person = await unvalidated();
    const code = await codeOf(person);
    const line = { kind: 'account', id: person.id, username: person.username, emailValidated: false };
    await app.load({ ...line, email: `another-${person.email}` });
    expect(await validate(code, person.password)).toMatchObject(refused);
    expect(await isValidated(person)).toBe(false);
    // The same address in another spelling is the same.
    await app.load({ ...line, email: person.email.toUpperCase() });
    expect((await validate(code, person.password)).body).toEqual({ email: person.email.toUpperCase() });
  });

  test('dies with the password', async () => {
    const person = await unvalidated();
    const code = await codeOf(person);
    await app.load({
      kind: 'account',
      id: person.id,
      email: person.email,
      emailValidated: false,
      password: NEW,
    });
    for (const password of [person.password, NEW])
      expect(await validate(code, password)).toMatchObject(refused);
  });

  describe('a code that asks for the mail', () => {
    test('is good again and again for an hour, for a mail in half a minute', async () => {
      const person = await unvalidated();
      const code = await resendCodeOf(person);
      const before = app.mail.delivered.length;
      await Promise.all([1, 2, 3].map(() => resend(code)));
      await longCode(app.mail, person.email);
      app.core.clock.advance(31);
      await resend(code);
      const newest = await longCode(app.mail, person.email);
      expect(app.mail.delivered.length).toBe(before + 2);
      app.core.clock.advance(3600);
      expect((await resend(code)).status).toBe(204);
      app.core.clock.advance(-3631);
      expect((await validate(newest, person.password)).status).toBe(200);
    });

    test('counts as a mail only what is sent: asking often withholds no reset', async () => {
      const person = await unvalidated();
      const code = await resendCodeOf(person);
      for (let time = 0; time < 16; time += 1) await resend(code);
      await Promise.all(Array.from({ length: 16 }, () => resend(code)));
      await longCode(app.mail, person.email);
      await app.post('/v1/password/forgot', { identifier: person.email });
      expect((await app.mail.next(person.email)).subject).toMatch(/password/i);
    });

    test('says the same whether it is good or not, and mails nobody where it is not (EN-3)', async () => {
      const person = await unvalidated();
      const code = await resendCodeOf(person);
      const validatedSince = await unvalidated();
      const useless = await resendCodeOf(validatedSince);
      await validate(await codeOf(validatedSince), validatedSince.password);
      const seen = [];
      for (const given of [
        '6b9f6a4e-0000-4000-8000-000000000000',
        useless,
        code.toUpperCase(),
        'x',
        `${code} `,
        code,
      ]) {
        const { status, text } = await resend(given);
        seen.push({ status, text });
      }
      expect(new Set(seen.map((each) => JSON.stringify(each)))).toEqual(
        new Set([JSON.stringify({ status: 204, text: '' })]),
      );
      await longCode(app.mail, person.email);
      expect(app.mail.delivered.filter(({ recipients }) => recipients.includes(person.email))).toHaveLength(
        1,
      );
      expect(
        app.mail.delivered.filter(({ recipients }) => recipients.includes(validatedSince.email)),
      ).toHaveLength(1);
    });
  });

  test('one kind of code is not taken for the other', async () => {
    const person = await unvalidated();
    const validation = await codeOf(person);
    for (const [where, body] of [
      ['/password/reset', { means: 'token', token: validation, password: NEW }],
      ['/v1/password/reset', { token: validation, password: NEW }],
    ] as const)
      expect((await app.post(where, body)).status).toBe(404);
    const resendCode = await resendCodeOf(person);
    expect(await validate(resendCode, person.password)).toMatchObject(refused);
    expect((await validate(validation, person.password)).status).toBe(200);
  });

  test.each([
    [{}],
    [{ code: 'x' }],
    [{ password: 'x' }],
    [{ code: ['x'], password: 'x' }],
    [{ code: 'x', password: null }],
  ])('%j is a bad request', async (body) => {
    const answer = await app.post(`${path}/validate`, body);
    expect(answer).toMatchObject({ status: 400, body: { error_code: 'bad-request' } });
  });

  test('nothing of it asks for the address: what is typed beside the code does not count', async () => {
    const person = await unvalidated();
    const evil = `evil${nextNumber()}@example.com`;
    const resend_code = await resendCodeOf(person);
    await app.post(`${path}/resend-validation`, { resend_code, email: evil, to: [evil] });
    await longCode(app.mail, person.email);
    expect(app.mail.delivered.flatMap(({ recipients }) => recipients)).not.toContain(evil);
  });
});
