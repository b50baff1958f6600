import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';

const PASSWORD = 'kestrel over the quarry';

// Nobody can sign up with a name that reads as somebody else's.
describe.each(ENGINES)('signing up with what is somebody else’s on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_SIGN_UP_ENABLED: 'true',
      LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'profile', allowSignUp: true }, { contract: 'login' }]),
    });
  });
  afterAll(() => app.stop());

  const login = (username: string) => app.post('/auth/login', { username, password: PASSWORD });
  const begin = (body: object) => app.post('/v1/sign-up', { password: PASSWORD, ...body });
  const confirm = (challenge_token: string, code: string) =>
    app.post('/v1/sign-up/confirm', { challenge_token, code });
  const profile = (body: object) =>
    app.post('/api/v1/auths/sign-up', {
      password: PASSWORD,
      first_name: 'Ada',
      last_name: 'Byron',
      ...body,
    });

  test.each(['/x.example.net', '#x.example.net', '?x=1.example.net', '%2f.example.net', ':25'])(
    'IN-1: an address that goes on with %s is none',
    async (rest) => {
      const victim = `ceo${nextNumber()}@corp.example`;
      const email = `${victim}${rest}`;
      const answer = await begin({ email });
      expect([answer.status, answer.body.error?.code]).toEqual([422, 'identifier-malformed']);
      expect((await profile({ email })).status).toBe(400);
      expect((await login(victim)).status).toBe(401);
    },
  );

  test('IN-1: nor is one with a domain in percent signs', async () => {
    const name = `ceo${nextNumber()}`;
    expect((await profile({ email: `${name}@corp.ex%61mple` })).status).toBe(400);
    expect((await login(`${name}@corp.example`)).status).toBe(401);
  });

  test('RV-6: what a code proves is the domain that it was sent to, not one that folds alike', async () => {
    const name = `ceo${nextNumber()}`;
    const begun = await begin({ email: `${name}@straße.example` });
    const code = await app.mail.code(`${name}@straße.example`);
    expect((await confirm(begun.body.challenge_token, code)).status).toBe(201);
    expect((await login(`${name}@strasse.example`)).status).toBe(401);
    expect((await login(`${name}@Straße.example`)).status).toBe(200);
    const owner = await begin({ email: `${name}@strasse.example` });
    const own = await app.mail.code(`${name}@strasse.example`);
    expect((await confirm(owner.body.challenge_token, own)).status).toBe(201);
  });
  test.each([
    ['an address', (victim: string) => `${victim}@corp.example`],
    ['an address in another spelling', (victim: string) => `${victim.toUpperCase()}＠corp.example`],
    ['what only looks like one', (victim: string) => `${victim}@`],
    ['a number', () => `+34 600 ${String(nextNumber()).padStart(6, '0')}`],
    ['a number with 00', () => `0034600${String(nextNumber()).padStart(6, '0')}`],
  ])('RV-6: nobody is called by %s of somebody else', async (_, named) => {
    const username = named(`boss${nextNumber()}`);
    const mine = () => `me${nextNumber()}@mine.example`;
    const begun = await begin({ email: mine(), username });
    expect([begun.status, begun.body.error?.code]).toEqual([422, 'identifier-malformed']);
    const made = await profile({ email: mine(), username });
    expect([made.status, made.body]).toEqual([
      400,
      {
        statusCode: 400,
        message: 'Validation failed',
        errors: ['username must not be an email address or a phone number'],
      },
    ]);
    expect((await login(username)).status).toBe(401);
  });

  test('RV-6: who is given the address later can sign up with it', async () => {
    const boss = `boss${nextNumber()}@corp.example`;
    await profile({ email: `me${nextNumber()}@mine.example`, username: boss });
    const begun = await begin({ email: boss });
    expect((await confirm(begun.body.challenge_token, await app.mail.code(boss))).status).toBe(201);
    expect((await login(boss)).status).toBe(200);
  });

  test('a user name is the own address only where that is proven first: it would outlive a change of the address', async () => {
    const email = `me${nextNumber()}@mine.example`;
    expect((await profile({ email, username: email })).status).toBe(400);
    const begun = await begin({ email, username: email.toUpperCase() });
    expect((await confirm(begun.body.challenge_token, await app.mail.code(email))).status).toBe(201);
    expect((await login(email)).status).toBe(200);
  });

  test.each([['johndoe'], ['john.doe-2'], ['600111222'], ['4711'], ['Straße']])(
    '%j is a user name',
    async (name) => {
      const username = `${name}${nextNumber()}`;
      const begun = await begin({ email: `me${nextNumber()}@mine.example`, username });
      expect(begun.status).toBe(202);
    },
  );
});
