import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type TestApp } from '../../testing/app.ts';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { type RudeMailServer, startRudeMailServer } from '../../testing/rude-mail-server.ts';
import { enqueueMail } from '../store/outbox.ts';
import { Outbox } from './outbox.ts';
import { sealMail, unsealMail } from './queue-mail.ts';
import { createMailTransport } from './transport.ts';

const FROM = { name: 'Latchkey', address: 'no-reply@example.com' };
const SILENCE_MILLISECONDS = 500;

describe.each(ENGINES)('RL-5: a mail server that misbehaves, on %s', (engine) => {
  let core: TestCore;
  let server: RudeMailServer;
  let outbox: Outbox;
  beforeAll(async () => {
    [core, server] = [await openTestCore(engine), await startRudeMailServer()];
    const { store, vault, clock, log } = core;
    const transport = createMailTransport(server.url, FROM, SILENCE_MILLISECONDS);
    outbox = new Outbox({
      store,
      clock,
      log,
      channel: 'mail',
      send: (mail) => transport.send(unsealMail(mail, vault), mail.id),
    });
    await outbox.start();
  });
  afterAll(async () => {
    await outbox.stop();
    await server.stop();
    await core.close();
  });

  let people = 0;
  const somebody = () => {
    people += 1;
    return `somebody${people}@example.com`;
  };
  async function send(...addresses: string[]): Promise<string[]> {
    const now = core.clock.now();
    const mails = addresses.map((address) =>
      sealMail(
        { to: { name: '', address }, subject: 'S', text: '123456\n', html: '<p>123456</p>' },
        'sign-in-code',
        { now, expiresAt: now + 600_000 },
        core.vault,
        core.random,
      ),
    );
    await core.store.commit(mails.map(enqueueMail));
    outbox.nudge();
    return mails.map(({ id }) => `<${id}@example.com>`);
  }
  const untilOffered = async (address: string, times: number) => {
    while (server.offered(address) < times) await new Promise((resolve) => setTimeout(resolve, 10));
  };

  test.each(['refuses recipient', 'refuses for good', 'refuses for now', 'hangs'] as const)(
    'that %s: the mail is tried again and comes once, and the others do not wait for it',
    async (rudeness) => {
      const [unlucky, ...others] = [somebody(), ...Array.from({ length: 20 }, somebody)] as [
        string,
        ...string[],
      ];
      server.treat(unlucky, rudeness);
      const [id] = await send(unlucky, ...others);
      for (const other of others) await server.until(other);
      await untilOffered(unlucky, 2);
      expect(server.taken.filter(({ recipients }) => recipients.includes(unlucky))).toEqual([]);
      server.treat(unlucky, null);
      const mails = await server.until(unlucky);
      expect(mails.map(({ messageId }) => messageId)).toEqual([id]);
    },
  );

  test('that drops the connection before it has said yes: the same Message-ID comes again', async () => {
    const [unlucky, other] = [somebody(), somebody()];
    server.treat(unlucky, 'drops');
    const [id] = await send(unlucky, other);
    await server.until(other);
    await server.until(unlucky, 2);
    server.treat(unlucky, null);
    const mails = await server.until(unlucky, 3);
    expect(new Set(mails.map(({ messageId }) => messageId))).toEqual(new Set([id]));
    while ((await core.store.outbox.depth()).waiting > 0)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await server.until(unlucky, 3)).toHaveLength(3);
  });

  test('that hangs on several at once: there is room for the others', async () => {
    const unlucky = Array.from({ length: 5 }, somebody);
    const others = Array.from({ length: 40 }, somebody);
    for (const address of unlucky) server.treat(address, 'hangs');
    await send(...unlucky, ...others);
    for (const other of others) await server.until(other);
    for (const address of unlucky) server.treat(address, null);
    for (const address of unlucky) await server.until(address);
  });

  test('says nothing of what a mail holds to the log', () => {
    expect(JSON.stringify(core.log.lines)).not.toContain('123456');
    expect(core.log.lines.some(({ message }) => message === 'a mail was not sent')).toBe(true);
  });
});

describe.each(ENGINES)('EN-4: a mail server that is slow, on %s', (engine) => {
  let app: TestApp;
  let server: RudeMailServer;
  beforeAll(async () => {
    server = await startRudeMailServer();
    app = await startApp(engine, { LATCHKEY_MAIL_URL: server.url });
  });
  afterAll(async () => {
    await app.stop();
    await server.stop();
  });

  test('holds up no answer: a code is asked for, resent and a reset begun before the first mail is taken', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    server.treat(person.email, 'is slow');
    const due = await app.post('/auth/login', { username: person.username, password: person.password });
    expect(due.status).toBe(401);
    app.core.clock.advance(31);
    const { challenge_token } = due.body.extra_attributes;
    expect((await app.post('/v1/challenges/resend', { challenge_token })).status).toBe(202);
    expect((await app.post('/v1/password/forgot', { identifier: person.email })).status).toBe(202);
    expect((await app.post('/v1/password/forgot', { identifier: 'nobody@example.com' })).status).toBe(202);
    expect(server.taken).toEqual([]);
    server.treat(person.email, null);
    const mails = await server.until(person.email, 3);
    expect(mails.map(({ subject }) => subject).sort()).toEqual([
      'Set a new password',
      'Your sign-in code',
      'Your sign-in code',
    ]);
  });
});
