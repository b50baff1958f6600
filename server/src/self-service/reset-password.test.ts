import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { type SignedInOwner, signInAsOwner } from '../../testing/owner.ts';
import { askForCode, longCode, RECOVERY_DOORS } from '../../testing/recovery.ts';
import { accessTokenIn, openStep, STEP_CONTRACTS, signIn } from '../../testing/steps.ts';
import { readTables } from '../../testing/store-dump.ts';
import { SEED, totpCode } from '../../testing/totp.ts';

const NEW = 'a password that is new';

// A forgotten password at every contract that has it, with whatever may not come of it.
describe.each(ENGINES)('a password reset on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_SIGN_IN_MAX_FAILURES: '3',
      LATCHKEY_MAIL_LIMIT_UNPROVEN_PER_ADDRESS: '100',
    });
    await app.load({ kind: 'role', name: 'Student' });
  });
  afterAll(() => app.stop());

  const bearer = (token: string | undefined) => ({ authorization: `Bearer ${token}` });
  const session = async (token: string | undefined) =>
    (await app.request('GET', '/v1/session', { headers: bearer(token) })).body;
  const canSignIn = async (person: Person, password: string): Promise<boolean> =>
    (await signIn(app, 'profile', { ...person, password })).status === 200;
  const events = async (accountId: string) => {
    const found = await app.core.store.audit.events({ afterSequence: 0, since: 0, accountId, limit: 100 });
    return found.map(({ event }) => event);
  };

  describe.each(RECOVERY_DOORS)('at $contract', (door) => {
    test('sets the new password and nothing but that: the old one is dead, nobody is signed in', async () => {
      const person = await app.person();
      expect(await door.ask(app, person.email)).toMatchObject(door.asked);
      const code = await longCode(app.mail, person.email);
      const answer = await door.reset(app, code, NEW);
      expect(answer).toMatchObject(door.done);
      expect(answer.text).not.toMatch(/eyJ|token/i);
      expect(answer.headers.get('set-cookie')).toBe(null);
      expect(await canSignIn(person, person.password)).toBe(false);
      expect(await canSignIn(person, NEW)).toBe(true);
      expect((await app.mail.next(person.email)).subject).toBe('Your password was changed');
      expect(await events(person.id)).toEqual(
        expect.arrayContaining(['password.reset-asked', 'password.reset']),
      );
    });

    test('happens once, of any number that come at once', async () => {
      const person = await app.person();
      const code = await askForCode(app, door, person);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => door.reset(app, code, `the new password number ${index}`)),
      );
      expect(answers.filter(({ status }) => status === door.done.status)).toHaveLength(1);
      for (const answer of answers.filter(({ status }) => status !== door.done.status))
        expect(answer).toMatchObject(door.codeRefused);
      const winner = answers.findIndex(({ status }) => status === door.done.status);
      expect(await canSignIn(person, `the new password number ${winner}`)).toBe(true);
      expect(await door.reset(app, code, NEW)).toMatchObject(door.codeRefused);
    });

    test('takes the newest code only, however close they were', async () => {
      const person = await app.person();
      await Promise.all([1, 2, 3].map(() => door.ask(app, person.email)));
      const codes = [await longCode(app.mail, person.email)];
      for (const _ of [2, 3]) codes.push(await longCode(app.mail, person.email));
      const answers = [];
      for (const [index, code] of codes.entries())
        answers.push(await door.reset(app, code, `${NEW} ${index}`));
      expect(answers.filter(({ status }) => status === door.done.status)).toHaveLength(1);
    });

    test('takes no code after an hour', async () => {
      const person = await app.person();
      const code = await askForCode(app, door, person);
      app.core.clock.advance(3600);
      expect(await door.reset(app, code, NEW)).toMatchObject(door.codeRefused);
      app.core.clock.advance(-3600);
      expect(await door.reset(app, code, NEW)).toMatchObject(door.done);
    });

    test.each([
      ['unknown', () => 'x'.repeat(43)],
      ['longer by a character', (code: string) => `${code}A`],
      ['with a space', (code: string) => `${code} `],
      ['padded', (code: string) => `${code}=`],
      ['shorter by a character', (code: string) => code.slice(0, -1)],
      ['six digits', () => '123456'],
    ])('takes no code that is %s', async (_what, change) => {
      const person = await app.person();
      const code = await askForCode(app, door, person);
      expect(await door.reset(app, change(code), NEW)).toMatchObject(door.codeRefused);
      expect(await canSignIn(person, person.password)).toBe(true);
    });

    test('takes no code of a person whose address, password or state has changed since', async () => {
      const line = ({ id, username, email }: Person) => ({
        kind: 'account',
        id,
        username,
        email,
        emailValidated: true,
      });
      const moved = await app.person();
      const disabled = await app.person();
      const changed = await app.person();
      const codes = [];
      for (const person of [moved, disabled, changed]) codes.push(await askForCode(app, door, person));
      await app.load({ ...line(moved), email: `moved-${moved.email}` });
      await app.load({ ...line(disabled), status: 'inactive' });
      await app.load({ ...line(disabled), status: 'active' });
      await app.load({ ...line(changed), password: 'set by the directory' });
      for (const code of codes) expect(await door.reset(app, code, NEW)).toMatchObject(door.codeRefused);
    });

    test('refuses a password that keeps not to the rule, says why, and leaves the code as it is', async () => {
      const person = await app.person();
      const code = await askForCode(app, door, person);
      for (const [password, problem] of [
        ['zq7-kw0', 'password-length'],
        ['x'.repeat(1025), 'password-length'],
        ['iloveyou2024', 'password-listed'],
        [`${person.username}!`, 'password-listed'],
        [person.password, 'password-reused'],
      ] as const)
        expect(await door.reset(app, code, password), password).toMatchObject(door.refused(problem));
      expect(await canSignIn(person, person.password)).toBe(true);
      expect(await door.reset(app, code, NEW)).toMatchObject(door.done);
    });

    test('refuses the last five passwords, and takes the sixth', async () => {
      const person = await app.person();
      const passwords = [
        person.password,
        ...['one', 'two', 'three', 'four'].map((word) => `${word} is a password`),
      ];
      const resetTo = async (password: string) =>
        door.reset(app, await askForCode(app, door, person), password);
      for (const password of passwords.slice(1)) expect(await resetTo(password)).toMatchObject(door.done);
      for (const password of passwords) {
        expect(await resetTo(password), password).toMatchObject(door.refused('password-reused'));
      }
      expect(await resetTo('five is a password')).toMatchObject(door.done);
      expect(await resetTo(person.password)).toMatchObject(door.done);
    });

    test('ends sessions, tickets and codes, forgets devices and opens locks', async () => {
      const organisation = await app.organisation({ settings: { maxFailedSignInAttempts: 2 } });
      const person = await app.person({ organisation, recogniseDevices: true, devices: ['known'] });
      const opened = await app.post('/identity/sign-in', person, { 'x-fingerprint-id': 'known' });
      const token = opened.body.data.token;
      expect((await session(token)).active).toBe(true);
      const offered = await app.post('/auth/sign-in-verify', {
        identity: person.email,
        password: person.password,
      });
      const { loginToken } = offered.body.result[0][0];
      for (const _ of [1, 2]) await signIn(app, 'profile', { ...person, password: 'a wrong password' });
      expect(await canSignIn(person, person.password)).toBe(false);
      expect((await app.mail.next(person.email)).subject).toMatch(/locked/);
      expect(await door.reset(app, await askForCode(app, door, person), NEW)).toMatchObject(door.done);
      expect((await session(token)).active).toBe(false);
      expect(
        (await app.post('/identity/refresh-token', { refreshToken: opened.body.data.refreshToken })).status,
      ).toBe(401);
      expect((await app.post('/auth/sign-in', { is2FAEnabled: false, loginToken })).status).toBe(401);
      await app.mail.next(person.email);
      const again = await app.post(
        '/identity/sign-in',
        { ...person, password: NEW },
        { 'x-fingerprint-id': 'known' },
      );
      expect(again.body.data.observation.code).toBe(3);
    });

    test('is for the owner of one mailbox: the code of one person is nothing to another', async () => {
      const [one, other] = [await app.person(), await app.person()];
      const code = await askForCode(app, door, one);
      expect(await door.reset(app, code, NEW)).toMatchObject(door.done);
      expect(await canSignIn(other, other.password)).toBe(true);
      expect(await canSignIn(other, NEW)).toBe(false);
    });

    test('still asks for the second factor, at every contract (RV-1)', async () => {
      const person = await app.person({ secondFactor: { totp: SEED } });
      expect(await door.reset(app, await askForCode(app, door, person), NEW)).toMatchObject(door.done);
      for (const contract of STEP_CONTRACTS) {
        const step = await openStep(app, contract, { ...person, password: NEW });
        expect(await session(step.ticket), contract).toEqual({ active: false });
        expect((await step.prove('')).status, contract).toBeGreaterThanOrEqual(400);
      }
      const step = await openStep(app, 'profile', { ...person, password: NEW });
      expect((await step.prove(totpCode(app.core.clock.now(), SEED))).status).toBe(200);
    });

    test('leaves wrong codes counted', async () => {
      const person = await app.person({ secondFactor: { totp: SEED } });
      const step = await openStep(app, 'profile', person);
      for (const _ of [1, 2, 3]) await step.prove('000000');
      expect((await step.prove('000000')).status).toBe(429);
      expect(await door.reset(app, await askForCode(app, door, person), NEW)).toMatchObject(door.done);
      const again = await openStep(app, 'profile', { ...person, password: NEW });
      expect((await again.prove(totpCode(app.core.clock.now(), SEED))).status).toBe(429);
    });

    test('a PIN by the same mail is no second factor after it (MF-9)', async () => {
      const person = await app.person({ secondFactor: { email: true } });
      expect(await door.reset(app, await askForCode(app, door, person), NEW)).toMatchObject(door.done);
      await app.mail.next(person.email);
      const step = await openStep(app, 'profile', { ...person, password: NEW });
      const answer = await step.prove(await app.mail.code(person.email));
      expect((await session(accessTokenIn('profile', answer))).amr).toEqual([
        'pwd',
        'email',
        'single-channel',
      ]);
    });

    test('gives an account without a password its first one', async () => {
      const person = await app.person({ password: null });
      expect(await door.reset(app, await askForCode(app, door, person), NEW)).toMatchObject(door.done);
      expect(await canSignIn(person, NEW)).toBe(true);
    });
  });

  describe('the address', () => {
    const [, atLogin] = RECOVERY_DOORS;
    if (!atLogin) throw new Error('there is no such door');

    test('is proven by the code that went there', async () => {
      const person = await app.person({ emailValidated: false });
      await atLogin.reset(app, await askForCode(app, atLogin, person), NEW);
      expect((await app.core.store.accounts.byId(person.id))?.emailValidated).toBe(true);
      expect((await signIn(app, 'login', { ...person, password: NEW })).status).toBe(200);
    });

    test('of an account that a stranger may have made: nothing that was attached is left (RV-6)', async () => {
      const person = await app.person({ emailValidated: false, phone: '+34600111999', phoneValidated: true });
      const stranger = await enrol(person);
      expect(await stranger.isIn()).toBe(true);
      expect(await recoveryCodesOf(person)).toBe(10);
      await atLogin.reset(app, await askForCode(app, atLogin, person), NEW);
      expect(await stranger.isIn()).toBe(false);
      expect(await app.core.store.accounts.byId(person.id)).toMatchObject({
        emailValidated: true,
        phoneValidated: false,
        factors: { email: false, totpSealed: null },
      });
      expect(await recoveryCodesOf(person)).toBe(0);
      expect((await signIn(app, 'profile', { ...person, password: NEW })).status).toBe(200);
    });

    test('of an account whose owner has proven it: its second factor stays', async () => {
      const person = await app.person();
      await enrol(person);
      await atLogin.reset(app, await askForCode(app, atLogin, person), NEW);
      expect((await app.core.store.accounts.byId(person.id))?.factors.totpSealed).not.toBe(null);
      expect(await recoveryCodesOf(person)).toBe(10);
    });

    test('of an account that the directory gave a second factor: it stays', async () => {
      const person = await app.person({ emailValidated: false, secondFactor: { totp: SEED } });
      await atLogin.reset(app, await askForCode(app, atLogin, person), NEW);
      expect((await app.core.store.accounts.byId(person.id))?.factors.totpSealed).not.toBe(null);
    });

    /** Signs in with the password and adds an authenticator app, which brings recovery codes. */
    async function enrol(person: Person): Promise<SignedInOwner> {
      const owner = await signInAsOwner(app, person);
      const { challenge_token, secret } = (await owner.call('POST', '/v1/factors/totp', {})).body;
      const code = totpCode(app.core.clock.now(), secret);
      const confirmed = await owner.call('POST', '/v1/factors/totp/confirm', { challenge_token, code });
      expect(confirmed.body.recoveryCodes).toHaveLength(10);
      return owner;
    }

    async function recoveryCodesOf({ id }: Person): Promise<number> {
      const tables = await readTables(app.core.config.store.url);
      return (tables.recovery_codes ?? []).filter((row) => row.account_id === id).length;
    }
  });

  test('a code of one mount is taken there and by the native API, one of the native API everywhere', async () => {
    const [picker, atLogin, native] = RECOVERY_DOORS;
    if (!picker || !atLogin || !native) throw new Error('there are no such doors');
    const person = await app.person();
    const picked = await askForCode(app, picker, person);
    expect(await atLogin.reset(app, picked, NEW)).toMatchObject(atLogin.codeRefused);
    expect(await native.reset(app, picked, NEW)).toMatchObject(native.done);
    expect(await picker.reset(app, await askForCode(app, native, person), `${NEW} yet`)).toMatchObject(
      picker.done,
    );
  });

  test('a code is nothing but that: no ticket, no token', async () => {
    const person = await app.person();
    const [picker] = RECOVERY_DOORS;
    if (!picker) throw new Error('there is no such door');
    const code = await askForCode(app, picker, person);
    for (const [path, body] of [
      ['/auth/sign-in', { loginToken: code, is2FAEnabled: false }],
      ['/auth/sign-in-with-2fa', { loginToken: code, pin: '123456' }],
      ['/auth/refresh', { refreshToken: code }],
      ['/v1/challenges/verify', { challenge_token: code, code: '123456' }],
    ] as const)
      expect((await app.post(path, body)).status, path).toBe(401);
    expect(await session(code)).toEqual({ active: false });
    expect(await picker.reset(app, code, NEW)).toMatchObject(picker.done);
  });

  test('reading the mail spends nothing: there is no link in it, and what looks like one changes nothing (DL-1)', async () => {
    const person = await app.person();
    const [picker] = RECOVERY_DOORS;
    if (!picker) throw new Error('there is no such door');
    await picker.ask(app, person.email);
    const { text = '', html = '' } = await app.mail.next(person.email);
    expect(`${text}${html}`).not.toMatch(/https?:|href|src=|www\./i);
    const code = text.split('\n').find((line) => /^[\w-]{43}$/.test(line)) ?? '';
    for (const path of ['/password/reset', '/v1/password/reset', '/api/public/account/validate', '/'])
      for (const method of ['GET', 'HEAD'])
        for (const query of ['', `?token=${code}`, `?means=token&token=${code}&code=${code}&password=${NEW}`])
          await app.request(method, `${path}${query}`);
    expect(await canSignIn(person, person.password)).toBe(true);
    expect(await picker.reset(app, code, NEW)).toMatchObject(picker.done);
  });
});
