import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { askForCode, RECOVERY_DOORS } from '../../testing/recovery.ts';
import { accessTokenIn, openStep, STEP_CONTRACTS, signIn } from '../../testing/steps.ts';
import { SEED, totpCode } from '../../testing/totp.ts';
import { hashPassword } from '../crypto/password-hash.ts';

const NEW = 'a password that is new';
const WRONG = 'a wrong password';

describe.each(ENGINES)('changing a password on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_SIGN_IN_MAX_FAILURES: '3', LATCHKEY_HASHING_MEMORY_KIB: '256' });
  });
  afterAll(() => app.stop());

  const bearer = (token: string | undefined) => ({ authorization: `Bearer ${token}` });
  const change = (token: string | undefined, currentPassword: unknown, password: unknown) =>
    app.post('/v1/password/change', { currentPassword, password }, bearer(token));
  const isActive = async (token: string | undefined): Promise<boolean> =>
    (await app.request('GET', '/v1/session', { headers: bearer(token) })).body.active;
  const tokenOf = async (person: Person, contract = 'profile') =>
    accessTokenIn(contract, await signIn(app, contract, person));
  const tokenWithCode = async (person: Person, contract = 'profile') => {
    const step = await openStep(app, contract, person);
    return accessTokenIn(contract, await step.prove(totpCode(app.core.clock.now(), SEED)));
  };

  test.each(STEP_CONTRACTS)('of a session of %s: the others end, this one goes on', async (contract) => {
    const person = await app.person();
    const [kept, other] = [await tokenOf(person, contract), await tokenOf(person, 'login')];
    const answer = await change(kept, person.password, NEW);
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 204, text: '' });
    expect([await isActive(kept), await isActive(other)]).toEqual([true, false]);
    expect(await tokenOf(person)).toBe(undefined);
    expect(await isActive(await tokenOf({ ...person, password: NEW }))).toBe(true);
    expect((await app.mail.next(person.email)).subject).toBe('Your password was changed');
  });

  test('forgets devices, and ends tickets and codes', async () => {
    const person = await app.person({ recogniseDevices: true, devices: ['known'] });
    const known = { 'x-fingerprint-id': 'known' };
    const token = (await app.post('/identity/sign-in', person, known)).body.data.token;
    const offered = await app.post('/auth/sign-in-verify', {
      identity: person.email,
      password: person.password,
    });
    const { loginToken } = offered.body.result[0][0];
    const [picker] = RECOVERY_DOORS;
    if (!picker) throw new Error('there is no such door');
    const code = await askForCode(app, picker, person);
    expect((await change(token, person.password, NEW)).status).toBe(204);
    expect((await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken })).status).toBe(401);
    expect(await picker.reset(app, code, `${NEW} yet`)).toMatchObject(picker.codeRefused);
    const again = await app.post('/identity/sign-in', { ...person, password: NEW }, known);
    expect(again.body.data.observation.code).toBe(3);
  });

  test('asks for the present password, and counts wrong ones with those of every door (PW-6, TH-3)', async () => {
    const person = await app.person();
    const token = await tokenOf(person);
    expect((await change(token, WRONG, NEW)).body.error.code).toBe('bad-credentials');
    expect((await signIn(app, 'login', { ...person, password: WRONG })).status).toBe(401);
    expect((await change(token, WRONG, NEW)).status).toBe(401);
    for (const password of [WRONG, person.password]) {
      const answer = await change(token, password, NEW);
      expect(answer.status).toBe(429);
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    }
    expect((await signIn(app, 'login', person)).status).toBe(429);
    // Whoever is signed in goes on: a stolen token locks nobody out of a session.
    expect(await isActive(token)).toBe(true);
    app.core.clock.advance(31);
    expect((await change(token, person.password, NEW)).status).toBe(204);
  });

  test('of a locked account evaluates nothing', async () => {
    const organisation = await app.organisation({ settings: { maxFailedSignInAttempts: 2 } });
    const person = await app.person({ organisation });
    const token = await tokenOf(person);
    for (const _ of [1, 2]) expect((await change(token, WRONG, NEW)).status).toBe(401);
    expect((await app.mail.next(person.email)).subject).toBe('Your account is locked for now');
    expect((await change(token, person.password, NEW)).body.error.code).toBe('bad-credentials');
  });

  test('refuses what no password can be, and that is no failure', async () => {
    const person = await app.person();
    const token = await tokenOf(person);
    for (const [password, code] of [
      ['zq7-kw0', 'password-length'],
      ['x'.repeat(1025), 'password-length'],
      ['sunshine', 'password-too-easy'],
      [`${person.username}1`, 'password-too-easy'],
      [person.password, 'password-reused'],
    ] as const) {
      const answer = await change(token, person.password, password);
      expect(answer.status, password).toBe(422);
      expect(answer.body.error.code).toBe(code);
    }
    expect((await change(token, person.password, NEW)).status).toBe(204);
  });

  test('refuses the last five, a hash that was renewed counting once', async () => {
    // The first hash is an old one: it is replaced when its password is used.
    const old = hashPassword('the first password', { memoryKib: 64, passes: 1, parallelism: 1 });
    const person = await app.person({ password: null });
    await app.load({
      kind: 'account',
      id: person.id,
      email: person.email,
      emailValidated: true,
      passwordHash: old,
    });
    let token = await tokenOf({ ...person, password: 'the first password' });
    await expect
      .poll(async () => (await app.core.store.accounts.byId(person.id))?.passwordHash)
      .not.toBe(old);
    let current = 'the first password';
    const to = async (password: string) => {
      const answer = await change(token, current, password);
      if (answer.status === 204) current = password;
      return answer.body?.error?.code ?? answer.status;
    };
    for (const word of ['second', 'third', 'fourth', 'fifth'])
      expect(await to(`the ${word} password`)).toBe(204);
    expect(await app.core.store.formerPasswords.of(person.id)).toHaveLength(4);
    for (const word of ['first', 'second', 'third', 'fourth', 'fifth'])
      expect(await to(`the ${word} password`), word).toBe('password-reused');
    expect(await to('the sixth password')).toBe(204);
    expect(await to('the first password')).toBe(204);
    expect(await to('the second password')).toBe(204);
    const rows = await app.core.store.formerPasswords.of(person.id);
    expect(rows).toHaveLength(4);
    token = undefined;
  });

  test('a directory file that sets another password is remembered, too', async () => {
    const person = await app.person();
    await app.load({
      kind: 'account',
      id: person.id,
      email: person.email,
      emailValidated: true,
      password: NEW,
    });
    const token = await tokenOf({ ...person, password: NEW });
    expect((await change(token, NEW, person.password)).body.error.code).toBe('password-reused');
  });

  test('of an account with a second factor asks for it, shown lately', async () => {
    const person = await app.person({ secondFactor: { totp: SEED } });
    const token = await tokenWithCode(person);
    app.core.clock.advance(21 * 60);
    const stale = await change(token, person.password, NEW);
    expect(stale.status).toBe(403);
    expect(stale.body.error.code).toBe('proof-required');
    const fresh = await app.post('/v1/session/prove', { password: person.password }, bearer(token));
    const { challenge_token } = fresh.body;
    const proven = await app.post('/v1/challenges/verify', {
      challenge_token,
      code: totpCode(app.core.clock.now(), SEED),
    });
    expect((await change(accessTokenIn('profile', proven), person.password, NEW)).status).toBe(204);
  });

  test('of an account without one asks for the present password only, however old the session', async () => {
    const person = await app.person();
    const token = await tokenOf(person);
    app.core.clock.advance(21 * 60);
    expect((await change(token, person.password, NEW)).status).toBe(204);
  });

  test('happens once, of any number that come at once', async () => {
    const person = await app.person();
    const token = await tokenOf(person);
    const answers = await Promise.all(
      Array.from({ length: 3 }, (_, index) => change(token, person.password, `${NEW} number ${index}`)),
    );
    const done = answers.findIndex(({ status }) => status === 204);
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expect(await isActive(await tokenOf({ ...person, password: `${NEW} number ${done}` }))).toBe(true);
  });

  test.each([
    ['without a token', undefined],
    ['with something else', 'a.b.c'],
  ])('does nothing %s', async (_what, token) => {
    const person = await app.person();
    const headers = token === undefined ? {} : bearer(token);
    const body = { currentPassword: person.password, password: NEW };
    expect((await app.post('/v1/password/change', body, headers)).status).toBe(401);
  });

  // Whoever changes a password to a guess and signs in has it tried on namesakes in other homes, where it is not counted.
  test('is refused after ten in a day, to this account only', async () => {
    const person = await app.person();
    const token = await tokenOf(person);
    const passwords = Array.from({ length: 12 }, (_, each) => `${NEW}, the one of number ${each}`);
    let present = person.password;
    for (const password of passwords.slice(0, 10)) {
      expect((await change(token, present, password)).status).toBe(204);
      present = password;
    }
    app.core.clock.advance(3600);
    const [, , , , , , , , , , next = '', last = ''] = passwords;
    const refused = await change(token, present, next);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, String(23 * 3600)]);
    expect((await signIn(app, 'login', { ...person, password: next })).status).toBe(401);
    const other = await app.person();
    expect((await change(await tokenOf(other), other.password, NEW)).status).toBe(204);
    app.core.clock.advance(23 * 3600);
    const again = await tokenOf({ ...person, password: present });
    const atOnce = await Promise.all([next, last].map((password) => change(again, present, password)));
    expect(atOnce.filter(({ status }) => status === 204)).toHaveLength(1);
  });

  test('verifies every character as it was given (PW-4)', async () => {
    const person = await app.person();
    const long = `${'72 bytes are not all '.repeat(4)}é and a tail that counts `;
    expect((await change(await tokenOf(person), person.password, long)).status).toBe(204);
    const tries = (password: string) => signIn(app, 'login', { ...person, password });
    for (const other of [
      long.slice(0, -1),
      long.trim(),
      `${long} `,
      ` ${long}`,
      long.toUpperCase(),
      long.slice(0, 72),
    ]) {
      expect((await tries(other)).status).toBe(401);
      app.core.clock.advance(3700);
    }
    expect((await tries(long.normalize('NFD'))).status).toBe(200);
    expect((await tries(long)).status).toBe(200);
    const longest = '🦦 '.repeat(512);
    expect((await change(await tokenOf({ ...person, password: long }), long, longest)).status).toBe(204);
    expect((await tries(longest)).status).toBe(200);
    expect((await tries(`${longest.slice(0, -1)}x`)).status).toBe(401);
  });
});
