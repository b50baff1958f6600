import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Answer, nextNumber, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { longCode, RECOVERY_DOORS } from '../../testing/recovery.ts';
import { signIn } from '../../testing/steps.ts';

const NEW = 'a password that is new';

describe.each(ENGINES)('asking for a new password on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
  });
  afterAll(() => app.stop());

  const recipients = () => app.mail.delivered.flatMap((mail) => mail.recipients);

  /** What a stranger sees of an answer: everything but what is different in every one. */
  const visible = ({ status, text, headers }: Answer) => ({
    status,
    text,
    headers: Object.fromEntries(
      [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name)).sort(),
    ),
  });

  describe.each(RECOVERY_DOORS)('at $contract', (door) => {
    test('says the same to everybody, and mails those only who can have one (EN-3)', async () => {
      const known = await app.person();
      const inactive = await app.person({ status: 'inactive' });
      const deleted = await app.person({ status: 'deleted' });
      const unreachable = await app.person({ email: null });
      const suspended = await app.person({ organisation: await app.organisation({ isSuspended: true }) });
      const unvalidated = await app.person({ emailValidated: false });
      const withoutPassword = await app.person({ password: null });
      const seen = [];
      for (const identifier of [
        known.email,
        inactive.email,
        deleted.email,
        unreachable.username,
        suspended.email,
        unvalidated.email,
        withoutPassword.email,
        `nobody${nextNumber()}@example.com`,
        'not an address',
        '\u200b',
        'x'.repeat(254),
      ])
        seen.push(visible(await door.ask(app, identifier)));
      expect(new Set(seen.map((each) => JSON.stringify(each))).size).toBe(1);
      for (const { email } of [known, suspended, unvalidated, withoutPassword])
        await longCode(app.mail, email);
      for (const { email } of [inactive, deleted]) expect(recipients()).not.toContain(email);
    });

    test('mails each of the accounts that have the address, three at most, with a code of its own', async () => {
      const email = `shared${nextNumber()}@example.com`;
      const people = [];
      for (const _ of [1, 2, 3, 4, 5])
        people.push(await app.person({ email, organisation: await app.organisation() }));
      await door.ask(app, email);
      const codes = [];
      for (const _ of [1, 2, 3]) codes.push(await longCode(app.mail, email));
      const probe = await app.person();
      await door.ask(app, probe.email);
      await longCode(app.mail, probe.email);
      expect(recipients().filter((recipient) => recipient === email)).toHaveLength(3);
      const [first = ''] = codes;
      expect(await door.reset(app, first, NEW)).toMatchObject(door.done);
      const results = await Promise.all(people.map(({ id }) => app.core.store.formerPasswords.of(id)));
      expect(results.filter((former) => former.length > 0)).toHaveLength(1);
      for (const [index, code] of codes.slice(1).entries())
        expect(await door.reset(app, code, `${NEW} ${index}`)).toMatchObject(door.done);
    });

    test('mails to the address that is stored, whatever is asked for (RV-4, CVE-2023-7028)', async () => {
      const victim = await app.person();
      const evil = `evil${nextNumber()}@example.com`;
      for (const identifier of [
        [victim.email, evil],
        { email: victim.email },
        `${victim.email},${evil}`,
        `${victim.email};${evil}`,
        `${victim.email} ${evil}`,
        `${victim.email}\r\nBcc: ${evil}`,
        `${victim.email}\nTo: ${evil}`,
        `${victim.email}%0d%0aBcc:${evil}`,
        `"${victim.email}" <${evil}>`,
        `Victim <${victim.email}>`,
        `${victim.email}(${evil})`,
        `${victim.email}\0${evil}`,
      ])
        expect((await door.ask(app, identifier)).status).toBeLessThan(500);
      const answers = await door.ask(app, ` ${victim.email.toUpperCase()} `);
      expect(answers).toMatchObject(door.asked);
      const mail = await app.mail.next(victim.email);
      expect(mail.recipients).toEqual([victim.email]);
      expect(mail.to).toEqual([expect.objectContaining({ address: victim.email })]);
      expect([mail.cc, mail.bcc]).toEqual([undefined, undefined]);
      expect(recipients().filter((to) => to === victim.email)).toHaveLength(1);
      expect(recipients().filter((to) => to.includes('evil'))).toEqual([]);
    });

    test('answers while the mail server holds the mail (EN-4)', async () => {
      const person = await app.person();
      const release = app.mail.hold();
      onTestFinished(release);
      expect(await door.ask(app, person.email)).toMatchObject(door.asked);
      expect(await door.ask(app, `nobody${nextNumber()}@example.com`)).toMatchObject(door.asked);
      expect(recipients()).not.toContain(person.email);
      release();
      await longCode(app.mail, person.email);
    });
  });

  test('a mount mails those only whom it serves', async () => {
    const [own, other] = [await app.organisation(), await app.organisation()];
    const served = await startApp(engine, {
      LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'role-picker', organisation: own }]),
    });
    onTestFinished(() => served.stop());
    await served.load({ kind: 'organisation', id: own }, { kind: 'organisation', id: other });
    const email = `twice${nextNumber()}@example.com`;
    const inside = await served.person({ email, organisation: own });
    await served.person({ email, organisation: other });
    const stranger = await served.person({ organisation: other });
    const [picker] = RECOVERY_DOORS;
    await picker?.ask(served, stranger.email);
    await picker?.ask(served, email);
    await picker?.reset(served, await longCode(served.mail, email), NEW);
    expect((await served.core.store.formerPasswords.of(inside.id)).length).toBe(1);
    expect(
      served.mail.delivered.flatMap(({ recipients: to }) => to).filter((to) => to === stranger.email),
    ).toEqual([]);
  });

  test('role-picker takes forms, and none of several addresses in one', async () => {
    const person = await app.person();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const post = (path: string, body: string) => app.request('POST', path, { headers, body });
    const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();
    const twice = `email=${encodeURIComponent(person.email)}&email=evil@example.com`;
    expect((await post('/password/send-token', twice)).status).toBe(400);
    expect((await post('/password/send-token', 'email[]=a@example.com')).status).toBe(422);
    expect((await post('/password/send-token', form({ email: person.email }))).body).toEqual({ sent: true });
    const token = await longCode(app.mail, person.email);
    const reset = await post('/password/reset', form({ means: 'token', token, password: `${NEW} + & ü` }));
    expect(reset.body).toEqual({ data: { status_code: 200, message: 'OK' } });
    expect((await signIn(app, 'profile', { ...person, password: `${NEW} + & ü` })).status).toBe(200);
  });
});

test('no answer comes before the time that every answer takes', async () => {
  const app = await startApp('sqlite', { LATCHKEY_SIGN_IN_REFUSAL_MILLISECONDS: '2000' });
  onTestFinished(() => app.stop());
  const person = await app.person();
  const answered: number[] = [];
  const asking = RECOVERY_DOORS.flatMap((door) => [
    door.ask(app, person.email),
    door.ask(app, `nobody${nextNumber()}@example.com`),
    door.reset(app, 'x'.repeat(43), NEW),
  ]).concat(app.post('/api/public/account/resend-validation', { resend_code: 'x' }));
  for (const each of asking) void each.then(({ status }) => answered.push(status));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect(answered).toEqual([]);
  await Promise.all(asking);
  expect(answered).toHaveLength(10);
});

test('an address that tries codes has to wait, for the right one too', async () => {
  const app = await startApp('sqlite', { LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":6,"seconds":60}' });
  onTestFinished(() => app.stop());
  const person = await app.person();
  for (const door of RECOVERY_DOORS)
    for (const _ of [1, 2])
      expect(await door.reset(app, 'x'.repeat(43), NEW)).toMatchObject(door.codeRefused);
  for (const door of RECOVERY_DOORS) {
    const answer = await door.reset(app, 'x'.repeat(43), NEW);
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await door.ask(app, person.email)).status).toBe(429);
  }
});

test.each(ENGINES)(
  'TH-8: an address that asks too often is told to wait, whoever it names, on %s',
  async (engine) => {
    const app = await startApp(engine, {
      LATCHKEY_SIGN_IN_ASKS_PER_ADDRESS: '{"count":8,"seconds":600}',
      LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1"]',
    });
    onTestFinished(() => app.stop());
    const person = await app.person();
    const nobody = () => `nobody${nextNumber()}@example.com`;
    const from = (address: string): Pick<TestApp, 'post'> => ({
      post: (path, body, headers = {}) => app.post(path, body, { ...headers, 'x-forwarded-for': address }),
    });
    const written = async () =>
      (await app.core.store.audit.events({ afterSequence: 0, since: 0, accountId: null, limit: 100 })).filter(
        ({ event }) => event === 'password.reset-asked' || event === 'validation.asked',
      ).length;
    const [flooder, other] = [from('198.51.100.1'), from('192.0.2.1')];

    const resend = { resend_code: 'x'.repeat(43) };
    for (const _ of [1, 2]) {
      expect((await flooder.post('/api/public/account/resend-validation', resend)).status).toBe(204);
      for (const door of RECOVERY_DOORS) expect(await door.ask(flooder, nobody())).toMatchObject(door.asked);
    }
    expect(await written()).toBe(8);
    const late = async (answer: Promise<Answer>) => {
      const { status, headers, text } = await answer;
      expect(status).toBe(429);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(500);
      return text.replaceAll(headers.get('x-request-id') ?? '', '');
    };
    for (const door of RECOVERY_DOORS) {
      const told = await late(door.ask(flooder, nobody()));
      expect(told.length).toBeGreaterThan(0);
      expect(await late(door.ask(flooder, person.email))).toBe(told);
    }
    await late(flooder.post('/api/public/account/resend-validation', resend));
    expect(await written()).toBe(8);
    // What it asks for is not what it fails.
    expect((await flooder.post('/auth/login', person)).status).toBe(200);
    for (const door of RECOVERY_DOORS) expect(await door.ask(other, person.email)).toMatchObject(door.asked);
  },
);
