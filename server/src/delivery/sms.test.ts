import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { freePort } from '../../testing/postgres.ts';
import { type SmsProvider, startSmsProvider } from '../../testing/sms-provider.ts';
import { claimDueMails, claimedMails, enqueueMail } from '../store/outbox.ts';
import { Outbox } from './outbox.ts';
import { sealSms, unsealSms } from './queue-sms.ts';
import { createSmsTransport } from './sms-transport.ts';

describe.each(ENGINES)('text messages on %s', (engine) => {
  let core: TestCore;
  let provider: SmsProvider;
  const running = new Set<Outbox>();
  beforeAll(async () => {
    [core, provider] = [await openTestCore(engine), await startSmsProvider()];
  });
  afterEach(async () => {
    for (const outbox of running) await outbox.stop();
    running.clear();
    provider.behave('takes');
  });
  afterAll(async () => {
    await core.close();
    await provider.stop();
  });

  const open = async (url = provider.url, answerMilliseconds = 10_000) => {
    const { store, clock, log, vault } = core;
    const sms = createSmsTransport({ url, from: 'Latchkey', token: 'the token' }, answerMilliseconds);
    const outbox = new Outbox({
      store,
      clock,
      log,
      channel: 'sms',
      send: (message) => sms.send(unsealSms(message, vault), message.id),
    });
    running.add(outbox);
    await outbox.start();
    return outbox;
  };
  const queue = async (to: string) => {
    const now = core.clock.now();
    const text = { to, text: '123456 is your Latchkey code.' };
    const message = sealSms(text, 'address-code', { now, expiresAt: now + 600_000 }, core.vault, core.random);
    await core.store.commit([enqueueMail(message)]);
    return message.id;
  };
  const untilAsked = async (to: string) => {
    while (!provider.asked.some((text) => text.to === to))
      await new Promise((resolve) => setTimeout(resolve, 5));
  };

  test('go to the provider as JSON, with the sender, the token and the message’s own key', async () => {
    const outbox = await open();
    const id = await queue('+34600000001');
    outbox.nudge();
    const { headers, ...text } = await provider.next('+34600000001');
    expect(text).toEqual({ to: '+34600000001', from: 'Latchkey', text: '123456 is your Latchkey code.' });
    expect(headers).toMatchObject({
      authorization: 'Bearer the token',
      'idempotency-key': id,
      'content-type': 'application/json',
    });
  });

  test('keep nothing readable while they wait, and are not taken by who sends mail', async () => {
    await queue('+34600000002');
    const rows = async (channel: 'mail' | 'sms') => {
      const committed = await core.store.commit([claimDueMails(channel, core.clock.now(), 10)]);
      return claimedMails(committed.ok ? (committed.rows[0] ?? []) : []);
    };
    expect(await rows('mail')).toEqual([]);
    const waiting = await rows('sms');
    expect(waiting).toHaveLength(1);
    expect(JSON.stringify(waiting)).not.toMatch(/600000002|123456/);
    await open();
    await provider.next('+34600000002');
  });

  test.each([500, 429, 400, 303])(
    'that were answered %i are tried again, with the same key',
    async (status) => {
      provider.behave({ status });
      const to = `+346000010${status}`;
      const outbox = await open();
      const id = await queue(to);
      outbox.nudge();
      await untilAsked(to);
      provider.behave('takes');
      expect((await provider.next(to)).headers['idempotency-key']).toBe(id);
    },
  );

  test('do not follow the provider elsewhere: neither code nor token', async () => {
    const elsewhere = await startSmsProvider();
    provider.behave({ status: 307, location: elsewhere.url });
    const outbox = await open();
    await queue('+34600000003');
    outbox.nudge();
    await untilAsked('+34600000003');
    provider.behave('takes');
    await provider.next('+34600000003');
    expect(elsewhere.asked).toEqual([]);
    await elsewhere.stop();
  });

  test('are tried again when the provider says nothing, and hold up no other', async () => {
    provider.behave('hangs');
    const outbox = await open(provider.url, 200);
    await queue('+34600000004');
    outbox.nudge();
    await untilAsked('+34600000004');
    provider.behave('takes');
    await queue('+34600000005');
    outbox.nudge();
    await provider.next('+34600000005');
    await provider.next('+34600000004');
  });

  test('survive a provider that is away', async () => {
    const port = await freePort();
    const outbox = await open(`http://127.0.0.1:${port}/messages`);
    await queue('+34600000006');
    outbox.nudge();
    while (!core.log.lines.some(({ message }) => message === 'a text message was not sent'))
      await new Promise((resolve) => setTimeout(resolve, 5));
    const back = await startSmsProvider(port);
    await back.next('+34600000006');
    await outbox.stop();
    await back.stop();
    expect(JSON.stringify(core.log.lines)).not.toMatch(/123456|the token/);
  });
});
