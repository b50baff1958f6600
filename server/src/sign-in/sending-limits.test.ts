import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { startPostgres } from '../../testing/postgres.ts';
import { maySend } from './sending-limits.ts';

const PIN = { secondFactor: { email: true } };

describe.each(ENGINES)('a hundred codes, asked for at the door, on %s', (engine) => {
  let app: TestApp;
  let ada: Person;
  beforeAll(async () => {
    app = await startApp(engine);
    ada = await app.person(PIN);
  });
  afterAll(() => app.stop());
  const begin = ({ username, password }: Person) => app.post('/auth/login', { username, password });
  const mailsTo = (address: string) =>
    app.mail.delivered.filter(({ recipients }) => recipients.includes(address)).length;

  test('are twenty mails, and the answer does not tell', async () => {
    const answers = [];
    for (let each = 0; each < 100; each += 1) answers.push(await begin(ada));
    const shapes = answers.map(({ status, body }) => [status, Object.keys(body), body.error_code]);
    expect(new Set(shapes.map((shape) => JSON.stringify(shape))).size).toBe(1);
    const ben = await app.person(PIN);
    await begin(ben);
    // Mails go in the order in which they were queued, so all of hers are out.
    await app.mail.next(ben.email);
    for (let waited = 0; (await app.core.store.outbox.depth()).waiting > 0 && waited < 1000; waited += 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(mailsTo(ada.email)).toBe(20);
    expect(await app.core.store.sendingBudgets.withheld(app.core.clock.now())).toBe(80);
    expect((await app.request('GET', '/metrics')).text).toMatch(/^latchkey_messages_withheld 80$/m);
  });

  test('of resends for one ticket, those that come too early are not counted', async () => {
    const eve = await app.person(PIN);
    const answer = await begin(eve);
    const first = await app.mail.code(eve.email);
    const { challenge_token } = answer.body.extra_attributes;
    for (let each = 0; each < 100; each += 1)
      expect((await app.post('/v1/challenges/resend', { challenge_token })).status).toBe(202);
    app.core.clock.advance(31);
    expect((await app.post('/v1/challenges/resend', { challenge_token })).status).toBe(202);
    const second = await app.mail.code(eve.email);
    expect(mailsTo(eve.email)).toBe(2);
    const prove = (code: string) => app.post('/v1/challenges/verify', { challenge_token, code });
    if (first !== second) expect((await prove(first)).status).toBe(401);
    expect((await prove(second)).status).toBe(200);
  });

  test('a code that was mailed stays good when the one in its place was withheld', async () => {
    const dan = await app.person(PIN);
    const answer = await begin(dan);
    const code = await app.mail.code(dan.email);
    for (let each = 0; each < 25; each += 1) await begin(dan);
    app.core.clock.advance(31);
    const { challenge_token } = answer.body.extra_attributes;
    expect((await app.post('/v1/challenges/resend', { challenge_token })).status).toBe(202);
    expect((await app.post('/v1/challenges/verify', { challenge_token, code })).status).toBe(200);
  });
});

describe.each(ENGINES)('a hundred resets, asked for by a stranger, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_MAIL_LIMIT_UNPROVEN_PER_ADDRESS: '5' });
  });
  afterAll(() => app.stop());

  const ask = async (identifier: string) => {
    const { status, text } = await app.post('/v1/password/forgot', { identifier });
    return `${status} ${text}`;
  };
  const untilSent = async () => {
    while ((await app.core.store.outbox.depth()).waiting > 0)
      await new Promise((resolve) => setTimeout(resolve, 10));
  };

  test('are five mails; the last code of them still works, and so do PINs', async () => {
    const person = await app.person(PIN);
    const answers = new Set<string>();
    for (let each = 0; each < 100; each += 1) answers.add(await ask(person.email));
    answers.add(await ask('nobody@example.com'));
    expect(answers.size).toBe(1);
    await untilSent();
    expect(app.mail.delivered.filter(({ recipients }) => recipients.includes(person.email))).toHaveLength(5);

    await app.post('/auth/login', { username: person.username, password: person.password });
    expect(await app.mail.code(person.email)).toMatch(/^\d{6}$/);

    const codes = app.mail.delivered
      .filter(
        ({ recipients, subject }) => recipients.includes(person.email) && subject === 'Set a new password',
      )
      .map(({ text = '' }) => /^[\w-]{43}$/m.exec(text)?.[0] ?? '');
    const statuses = [];
    for (const token of codes)
      statuses.push((await app.post('/v1/password/reset', { token, password: 'a password of hers' })).status);
    expect(statuses.filter((status) => status === 204)).toHaveLength(1);
  });

  test('at once are no more', async () => {
    const person = await app.person();
    await Promise.all(Array.from({ length: 100 }, () => ask(person.email)));
    await untilSent();
    expect(app.mail.delivered.filter(({ recipients }) => recipients.includes(person.email))).toHaveLength(5);
  });
});

test('with the store stopped nothing is sent and nobody is let through', async () => {
  const postgres = await startPostgres();
  const app = await startApp('postgres', { LATCHKEY_STORE_URL: postgres.url });
  const ada = await app.person(PIN);
  await postgres.stop();
  for (let each = 0; each < 10; each += 1)
    expect((await app.post('/auth/login', { username: ada.username, password: ada.password })).status).toBe(
      503,
    );
  const sending = { channel: 'mail', kind: 'reset-code', recipient: ada.email, account: null } as const;
  const [mount] = app.core.config.mounts;
  if (!mount) throw new Error('no mount');
  const caller = { mount: mount.name, address: '192.0.2.1', userAgent: null, requestId: '', arrivedAt: 0 };
  await expect(
    maySend({ ...app.core, sendingLimits: app.core.config }, { mount, caller }, sending),
  ).rejects.toThrow();
  expect(app.mail.delivered).toEqual([]);
  await app.stop();
});
