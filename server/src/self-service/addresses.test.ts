import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, nextNumber, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { allMailSent, asOwner, mailedCode, type SignedInOwner, signInAsOwner } from '../../testing/owner.ts';
import { PUBLIC_URL, personWithPasskey, signInWith } from '../../testing/passkeys.ts';
import { SEED } from '../../testing/totp.ts';

const HOME = '00000000-0000-4000-8000-00000000aaab';

describe.each(ENGINES)('where an account can be reached, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_PUBLIC_URL: PUBLIC_URL,
      LATCHKEY_MAIL_LIMIT_UNPROVEN_PER_ADDRESS: '5',
      LATCHKEY_SMS_LIMIT_PER_PREFIX: '100000',
      LATCHKEY_MOUNTS: JSON.stringify([
        { contract: 'fingerprint' },
        { contract: 'login', phoneRegion: 'ES' },
        { contract: 'role-picker' },
      ]),
    });
    await app.load({ kind: 'organisation', id: HOME, name: 'Heron Works' });
  });
  afterAll(() => app.stop());

  const address = () => `new${nextNumber()}@example.com`;
  /** The same to compare, another mailbox perhaps. */
  const loud = (email: string) => email.replace(/^[^@]*/, (local) => local.toUpperCase());
  const phone = () => `+3460${String(1_000_000 + nextNumber())}`;
  const wrong = (code: string) => (code === '000000' ? '000001' : '000000');
  const accountOf = async ({ id }: Pick<Person, 'id'>) => {
    const account = await app.core.store.accounts.byId(id);
    if (!account) throw new Error(`no account ${id}`);
    return account;
  };
  const signsIn = async (identifier: string, password: string) =>
    (await app.post('/v1/sign-in', { identifier, password })).status === 200;
  const confirm = (owner: SignedInOwner, token: string, code: string, kind = 'email') =>
    owner.call('POST', `/v1/${kind}/confirm`, { challenge_token: token, code });
  const begin = async (owner: SignedInOwner, path: string, body: object = {}): Promise<string> => {
    const answer = await owner.call('POST', path, body);
    expect([answer.status, Object.keys(answer.body)], answer.text).toEqual([202, ['challenge_token']]);
    return answer.body.challenge_token;
  };
  const outcome = ({ status, body }: { status: number; body: { error?: { code: string } } | undefined }) => [
    status,
    body?.error?.code,
  ];
  const events = async ({ id }: Pick<Person, 'id'>, name: string) =>
    (await app.core.store.audit.events({ afterSequence: 0, since: 0, accountId: id, limit: 1000 })).filter(
      ({ event }) => event === name,
    );

  describe('validating', () => {
    test('a code goes to the present address, and proves it; nothing else changes', async () => {
      const ada = await app.person({ emailValidated: false });
      const [owner, other] = [await signInAsOwner(app, ada), await signInAsOwner(app, ada)];
      const token = await begin(owner, '/v1/email/validate', { email: address() });
      expect((await accountOf(ada)).emailValidated).toBe(false);
      const done = await confirm(owner, token, await mailedCode(app, ada));
      expect([done.status, done.text]).toEqual([204, '']);
      expect((await accountOf(ada)).emailValidated).toBe(true);
      expect([await owner.isIn(), await other.isIn()]).toEqual([true, true]);
      expect(await signsIn(ada.email, ada.password)).toBe(true);
      expect(await events(ada, 'address.validated')).toHaveLength(1);
    });

    test('an account without an address is told so', async () => {
      const ada = await app.person({ email: null });
      const owner = await signInAsOwner(app, { email: ada.username, password: ada.password });
      expect(outcome(await owner.call('POST', '/v1/email/validate', {}))).toEqual([409, 'no-address']);
      expect(outcome(await owner.call('POST', '/v1/phone/validate', {}))).toEqual([409, 'no-address']);
    });

    test('a code is good once, and of many at once one is', async () => {
      const ada = await app.person({ emailValidated: false });
      const owner = await signInAsOwner(app, ada);
      const token = await begin(owner, '/v1/email/validate');
      const code = await mailedCode(app, ada);
      const answers = await Promise.all(Array.from({ length: 20 }, () => confirm(owner, token, code)));
      const statuses = answers.map(({ status }) => status).filter((status) => status !== 503);
      expect(statuses.filter((status) => status === 204)).toHaveLength(1);
      expect(new Set(statuses)).toEqual(new Set([204, 401]));
      expect(outcome(await confirm(owner, token, code))).toEqual([401, 'invalid-ticket']);
    });

    test('five wrong codes end it; they count with the wrong codes of signing in', async () => {
      const ada = await app.person({ emailValidated: false });
      const owner = await signInAsOwner(app, ada);
      const token = await begin(owner, '/v1/email/validate');
      const code = await mailedCode(app, ada);
      for (let tries = 0; tries < 5; tries += 1)
        expect(outcome(await confirm(owner, token, wrong(code)))).toEqual([401, 'invalid-code']);
      expect(outcome(await confirm(owner, token, code))).toEqual([401, 'invalid-ticket']);
      expect((await accountOf(ada)).emailValidated).toBe(false);
      expect(await app.core.store.attempts.state(`factor:account:${ada.id}`)).toMatchObject({ failures: 5 });
    });

    test('only the newest code is good, until its time is over, for the session that asked', async () => {
      const ada = await app.person({ emailValidated: false });
      const owner = await signInAsOwner(app, ada);
      const first = await begin(owner, '/v1/email/validate');
      const old = await mailedCode(app, ada);
      const second = await begin(owner, '/v1/email/validate');
      const code = await mailedCode(app, ada);
      expect(outcome(await confirm(owner, first, old))).toEqual([401, 'invalid-ticket']);
      const elsewhere = await signInAsOwner(app, ada);
      const eve = await signInAsOwner(app, await app.person());
      for (const other of [elsewhere, eve])
        expect(outcome(await confirm(other, second, code))).toEqual([401, 'invalid-ticket']);
      expect(outcome(await confirm(owner, second, code, 'phone'))).toEqual([401, 'invalid-ticket']);
      app.core.clock.advance(601);
      expect((await confirm(owner, second, code)).status).toBe(401);
      expect((await accountOf(ada)).emailValidated).toBe(false);
    });

    test('RV-5: a code proves no address but the very one that it went to', async () => {
      const ada = await app.person({ emailValidated: false });
      const owner = await signInAsOwner(app, ada);
      const token = await begin(owner, '/v1/email/validate');
      const code = await mailedCode(app, ada);
      await app.core.store.commit([
        { sql: 'UPDATE accounts SET email = $2 WHERE id = $1', params: [ada.id, loud(ada.email)] },
      ]);
      expect(outcome(await confirm(owner, token, code))).toEqual([401, 'invalid-ticket']);
      expect((await accountOf(ada)).emailValidated).toBe(false);
    });
  });

  describe('changing', () => {
    test('the new address is proven, the old one told; other sessions and codes end, devices stay', async () => {
      const ada = await app.person({ emailValidated: false, devices: ['laptop'] });
      const [owner, other] = [await signInAsOwner(app, ada), await signInAsOwner(app, ada)];
      const validation = await begin(owner, '/v1/phone', { phone: phone() });
      await app.post('/password/send-token', { email: ada.email });
      const reset = /^[A-Za-z0-9_-]{22,}$/m.exec((await app.mail.next(ada.email)).text ?? '')?.[0];
      const wanted = address();
      const token = await begin(owner, '/v1/email', { email: wanted });
      expect(await accountOf(ada)).toMatchObject({ email: ada.email });
      expect((await confirm(owner, token, await mailedCode(app, { email: wanted }))).status).toBe(204);

      expect(await accountOf(ada)).toMatchObject({ email: wanted, emailValidated: true });
      const notice = await app.mail.next(ada.email);
      expect(notice.subject).toBe('Your e-mail address was changed');
      expect(notice.text).not.toContain(wanted);
      expect([await owner.isIn(), await other.isIn()]).toEqual([true, false]);
      expect((await app.post('/v1/refresh', { refreshToken: owner.refreshToken })).status).toBe(200);
      expect((await app.post('/v1/refresh', { refreshToken: other.refreshToken })).status).toBe(401);
      expect(await signsIn(wanted, ada.password)).toBe(true);
      expect(await signsIn(ada.email, ada.password)).toBe(false);
      expect(await signsIn(ada.username, ada.password)).toBe(true);
      expect(await app.core.store.devices.ofAccount(ada.id)).toHaveLength(1);
      expect(outcome(await confirm(owner, validation, '000000', 'phone'))).toEqual([401, 'invalid-ticket']);
      const late = await app.post('/password/reset', {
        means: 'token',
        token: reset,
        password: 'a heron at dusk',
      });
      expect(late.status).toBe(404);
      expect(await events(ada, 'address.changed')).toHaveLength(1);
    });

    test('the address that was given up can be had by another account', async () => {
      const ada = await app.person();
      const owner = await signInAsOwner(app, ada);
      const wanted = address();
      const token = await begin(owner, '/v1/email', { email: wanted });
      await confirm(owner, token, await mailedCode(app, { email: wanted }));
      const ben = await signInAsOwner(app, await app.person());
      const again = await begin(ben, '/v1/email', { email: ada.email });
      expect((await confirm(ben, again, await mailedCode(app, ada))).status).toBe(204);
    });

    test('an address that is the account’s user name too stays its user name', async () => {
      const email = address();
      const ada = await app.person({ username: email, email });
      const owner = await signInAsOwner(app, ada);
      const wanted = address();
      const token = await begin(owner, '/v1/email', { email: wanted });
      await confirm(owner, token, await mailedCode(app, { email: wanted }));
      for (const name of [email, wanted]) expect(await signsIn(name, ada.password), name).toBe(true);
      const back = await signInAsOwner(app, { email: wanted, password: ada.password });
      const return_ = await begin(back, '/v1/email', { email: loud(email) });
      expect((await confirm(back, return_, await mailedCode(app, { email: loud(email) }))).status).toBe(204);
      expect(await accountOf(ada)).toMatchObject({ username: email, email: loud(email) });
      expect(await signsIn(wanted, ada.password)).toBe(false);
    });

    test('MF-8: it wants a proof that is fresh', async () => {
      const ada = await app.person();
      const owner = await signInAsOwner(app, ada);
      app.core.clock.advance(21 * 60);
      const wanted = address();
      // The access token has run out as well: what goes on is the session.
      const { accessToken } = (await app.post('/v1/refresh', { refreshToken: owner.refreshToken })).body;
      const ask = (path: string, body: object) =>
        app.post(path, body, { authorization: `Bearer ${accessToken}` });
      expect(outcome(await ask('/v1/email', { email: wanted }))).toEqual([403, 'proof-required']);
      expect(outcome(await ask('/v1/phone', { phone: phone() }))).toEqual([403, 'proof-required']);
      const proven = await app.post(
        '/v1/session/prove',
        { password: ada.password },
        { authorization: `Bearer ${accessToken}` },
      );
      const again = asOwner(app, proven.body);
      const token = await begin(again, '/v1/email', { email: wanted });
      expect((await confirm(again, token, await mailedCode(app, { email: wanted }))).status).toBe(204);
    });

    test('EN-3: an address that somebody has is answered as any other; no code works, and its owner learns of it', async () => {
      const [ada, known] = [await app.person(), await app.person()];
      const owner = await signInAsOwner(app, ada);
      const answers: Answer[] = [];
      for (const email of [known.email, loud(known.email), address()])
        answers.push(await owner.call('POST', '/v1/email', { email }));
      const shape = ({ status, headers, text }: Answer) => [status, text.length, [...headers.keys()].sort()];
      expect(answers.map(shape)).toEqual(new Array(3).fill(answers[2] && shape(answers[2])));
      const mail = await app.mail.next(known.email);
      expect(mail.subject).toBe('You have an account already');
      expect(mail.text).not.toMatch(/\d{6}/);
      const token = await begin(owner, '/v1/email', { email: known.email });
      expect(outcome(await confirm(owner, token, '000000'))).toEqual([401, 'invalid-code']);
      expect(await accountOf(ada)).toMatchObject({ email: ada.email });
    });

    test('a name that reads like the address is another’s; in another home it is free', async () => {
      const wanted = address();
      await app.person({ username: wanted, email: null });
      const owner = await signInAsOwner(app, await app.person());
      await begin(owner, '/v1/email', { email: wanted });
      await allMailSent(app);
      expect(
        app.mail.delivered
          .filter(({ recipients }) => recipients.includes(wanted))
          .map(({ subject }) => subject),
      ).toEqual(['You have an account already']);
      const free = address();
      await app.person({ email: free, organisation: HOME });
      const token = await begin(owner, '/v1/email', { email: free });
      expect((await confirm(owner, token, await mailedCode(app, { email: free }))).status).toBe(204);
    });

    test('IN-1: of several who prove one address at once, in whatever spelling, one has it', async () => {
      const wanted = address();
      const people = await Promise.all(Array.from({ length: 4 }, () => app.person()));
      const begun = [];
      for (const [index, person] of people.entries()) {
        const owner = await signInAsOwner(app, person);
        const email = index % 2 === 0 ? wanted : loud(wanted);
        const token = await begin(owner, '/v1/email', { email });
        begun.push({ owner, token, code: await mailedCode(app, { email }) });
      }
      const answers = await Promise.all(begun.map(({ owner, token, code }) => confirm(owner, token, code)));
      expect(answers.map(outcome).sort()).toEqual([
        [204, undefined],
        ...new Array(3).fill([401, 'invalid-code']),
      ]);
      const owners = await app.core.store.accountRecords.owners([wanted]);
      expect(owners).toHaveLength(1);
      const accounts = await Promise.all(people.map(accountOf));
      const having = accounts.filter(({ email }) => email?.toLowerCase() === wanted);
      expect(having.map(({ id }) => id)).toEqual(owners.map(({ accountId }) => accountId));
      // Who came too late keeps everything.
      for (const person of people.filter(({ id }) => id !== owners[0]?.accountId))
        expect(await signsIn(person.email, person.password)).toBe(true);
    });

    test('a change that was begun is void after another, and a validation never changes anything', async () => {
      const ada = await app.person();
      const owner = await signInAsOwner(app, ada);
      const [one, other] = [address(), address()];
      const first = await begin(owner, '/v1/email', { email: one });
      await begin(owner, '/v1/email', { email: other });
      expect(outcome(await confirm(owner, first, await mailedCode(app, { email: one })))).toEqual([
        401,
        'invalid-ticket',
      ]);
      await begin(owner, '/v1/email/validate');
      await mailedCode(app, ada);
      expect(await accountOf(ada)).toMatchObject({ email: ada.email });
    });

    test('EN-4: no answer waits for the mail server, whoever has the address', async () => {
      const [ada, known] = [await app.person(), await app.person()];
      const owner = await signInAsOwner(app, ada);
      await allMailSent(app);
      app.mail.refuseWith(451);
      await begin(owner, '/v1/email', { email: known.email });
      const wanted = address();
      const token = await begin(owner, '/v1/email', { email: wanted });
      expect((await app.core.store.outbox.depth()).waiting).toBe(2);
      app.mail.refuseWith(null);
      app.core.clock.advance(31);
      expect((await confirm(owner, token, await mailedCode(app, { email: wanted }))).status).toBe(204);
      expect((await app.mail.next(known.email)).subject).toBe('You have an account already');
    });

    test.each([
      [['a@example.com', 'b@example.com']],
      ['a@example.com,b@example.com'],
      ['a@example.com b@example.com'],
      ['a@example.com\r\nBcc: b@example.com'],
      ['"a b"@example.com'],
      ['Ada <a@example.com>'],
      ['a@b@example.com'],
      ['a\u200b@example.com'],
      ['nobody'],
      [null],
      [{ address: 'a@example.com' }],
    ])('RV-4: %j is no address, and nothing is mailed', async (email) => {
      const owner = await signInAsOwner(app, await app.person());
      await allMailSent(app);
      const before = app.mail.delivered.length;
      const answer = await owner.call('POST', '/v1/email', { email });
      expect(outcome(answer)).toEqual(
        typeof email === 'string' ? [422, 'identifier-malformed'] : [400, 'bad-request'],
      );
      await allMailSent(app);
      expect(app.mail.delivered.length).toBe(before);
    });

    test('RV-4: of an address that is there twice nothing is taken', async () => {
      const owner = await signInAsOwner(app, await app.person());
      const answer = await app.request('POST', '/v1/email', {
        headers: { authorization: `Bearer ${owner.accessToken}`, 'content-type': 'application/json' },
        body: '{"email":"a@example.com","email":"b@example.com"}',
      });
      expect(outcome(answer)).toEqual([400, 'bad-request']);
    });

    test('TH-8: over the limit of an address the answer is as always, nothing is mailed, no code works', async () => {
      const owner = await signInAsOwner(app, await app.person());
      const wanted = address();
      let token = '';
      for (let asked = 0; asked < 7; asked += 1) token = await begin(owner, '/v1/email', { email: wanted });
      await allMailSent(app);
      const mails = app.mail.delivered.filter(({ recipients }) => recipients.includes(wanted));
      expect(mails).toHaveLength(5);
      for (const { text } of mails.slice(0, 4)) {
        const code = /\b\d{6}\b/.exec(text ?? '')?.[0] ?? '';
        expect(outcome(await confirm(owner, token, code))).toEqual([401, 'invalid-code']);
      }
    });
  });

  describe('a phone', () => {
    test('is proven by a code that comes as a text message', async () => {
      const number = phone();
      const ada = await app.person({ phone: number, phoneValidated: false });
      const owner = await signInAsOwner(app, ada);
      const token = await begin(owner, '/v1/phone/validate');
      expect((await confirm(owner, token, await app.sms.code(number), 'phone')).status).toBe(204);
      expect(await accountOf(ada)).toMatchObject({ phone: number, phoneValidated: true });
    });

    test('is changed in any usual notation; the account’s address is told', async () => {
      const [old, wanted] = [phone(), phone()];
      const ada = await app.person({ phone: old, phoneValidated: true });
      const other = await signInAsOwner(app, ada);
      const begun = await app.post('/auth/login', { username: ada.email, password: ada.password });
      const bearer = { authorization: `Bearer ${begun.body.access_token}` };
      const national = `${wanted.slice(3, 6)} ${wanted.slice(6, 9)} ${wanted.slice(9)}`;
      const asked = await app.post('/v1/phone', { phone: national }, bearer);
      expect(asked.status).toBe(202);
      const { challenge_token } = asked.body;
      const code = await app.sms.code(wanted);
      const done = await app.post('/v1/phone/confirm', { challenge_token, code }, bearer);
      expect(done.status).toBe(204);
      expect(await accountOf(ada)).toMatchObject({ phone: wanted, phoneValidated: true });
      expect((await app.mail.next(ada.email)).subject).toBe('Your phone number was changed');
      expect(await other.isIn()).toBe(false);
      expect(await signsIn(wanted, ada.password)).toBe(true);
      expect(await signsIn(old, ada.password)).toBe(false);
    });

    test('that somebody has is answered as any other, gets no message, and no code works', async () => {
      const known = phone();
      await app.person({ phone: known });
      const owner = await signInAsOwner(app, await app.person());
      const before = app.sms.asked.length;
      const token = await begin(owner, '/v1/phone', { phone: known });
      await allMailSent(app);
      expect(app.sms.asked.length).toBe(before);
      expect(outcome(await confirm(owner, token, '000000', 'phone'))).toEqual([401, 'invalid-code']);
    });

    test.each(['123', 'ada', '+34600111222,+34600111223', '600111222', '+34 600 111 222 ext 7'])(
      '%j is none',
      async (number) => {
        const owner = await signInAsOwner(app, await app.person());
        const answer = await owner.call('POST', '/v1/phone', { phone: number });
        expect(outcome(answer)).toEqual([422, 'identifier-malformed']);
      },
    );
  });

  describe('RV-6: an account that may be somebody else’s making', () => {
    /** Somebody made it with a password, an authenticator app and a passkey, and is in; now the passkey shows who asks. */
    const made = async (emailValidated: boolean) => {
      const { person, passkey } = await personWithPasskey(app, { emailValidated, devices: ['laptop'] });
      const sealed = app.core.vault.seal('totp', SEED);
      await app.core.store.commit([
        { sql: 'UPDATE accounts SET totp_sealed = $2 WHERE id = $1', params: [person.id, sealed] },
      ]);
      const owner = asOwner(app, (await signInWith(app, passkey)).body);
      const other = asOwner(app, (await signInWith(app, passkey)).body);
      const prove = async (path: string, wanted: string) => {
        const token = await begin(owner, path, { email: wanted });
        return confirm(owner, token, await mailedCode(app, { email: wanted }));
      };
      return { person, passkey, owner, other, prove };
    };
    const resetCode = async (email: string) => {
      await app.post('/password/send-token', { email });
      for (;;) {
        const code = /^[A-Za-z0-9_-]{22,}$/m.exec((await app.mail.next(email)).text ?? '')?.[0];
        if (code !== undefined) return code;
      }
    };

    test.each([
      ['validated', '/v1/email/validate'],
      ['changed', '/v1/email'],
    ])('keeps nothing when its address is %s without the password', async (_, path) => {
      const { person, passkey, owner, other, prove } = await made(false);
      const email = path === '/v1/email' ? address() : person.email;
      expect((await prove(path, email)).status).toBe(204);
      expect(await accountOf(person)).toMatchObject({
        email,
        emailValidated: true,
        passwordHash: null,
        factors: { totpSealed: null },
      });
      expect([await owner.isIn(), await other.isIn()]).toEqual([false, false]);
      expect(await signsIn(email, person.password)).toBe(false);
      expect((await signInWith(app, passkey)).status).toBe(401);
      expect(await app.core.store.devices.ofAccount(person.id)).toEqual([]);
      // Its owner comes in by the mailbox that was proven.
      const password = 'a heron in the reeds';
      const reset = { means: 'token', token: await resetCode(email), password };
      expect((await app.post('/password/reset', reset)).status).toBe(200);
      expect(await signsIn(email, password)).toBe(true);
    });

    test('and one whose address was proven before keeps everything', async () => {
      const { person, passkey, owner, other, prove } = await made(true);
      expect((await prove('/v1/email/validate', person.email)).status).toBe(204);
      const { passwordHash, factors } = await accountOf(person);
      expect([passwordHash, factors.totpSealed]).not.toContain(null);
      expect([await owner.isIn(), await other.isIn()]).toEqual([true, true]);
      expect((await signInWith(app, passkey)).status).toBe(200);
    });
  });
});
