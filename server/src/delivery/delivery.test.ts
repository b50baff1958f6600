import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { type MailSink, startMailSink } from '../../testing/mail-sink.ts';
import { freePort } from '../../testing/postgres.ts';
import { consumeTicket } from '../store/consume.ts';
import { claimDueMails, claimedMails, enqueueMail } from '../store/outbox.ts';
import { isMailAddress, parseMailAddress } from './mail-address.ts';
import { Outbox } from './outbox.ts';
import { sealMail, unsealMail } from './queue-mail.ts';
import { createMailTransport } from './transport.ts';
import { createWording } from './wording.ts';

const wording = createWording({ service: 'Latchkey', locale: 'en' });
const FROM = { name: 'Latchkey', address: 'no-reply@example.com' };

describe.each(ENGINES)('the outbox on %s', (engine) => {
  let core: TestCore;
  let sink: MailSink;
  beforeAll(async () => {
    [core, sink] = [await openTestCore(engine), await startMailSink()];
  });
  afterAll(async () => {
    await core.close();
    await sink.stop();
  });

  const open = async (url = sink.url) => {
    const transport = createMailTransport(url, FROM);
    const { store, clock, log, vault } = core;
    const outbox = new Outbox({
      store,
      clock,
      log,
      channel: 'mail',
      send: (mail) => transport.send(unsealMail(mail, vault), mail.id),
    });
    await outbox.start();
    return outbox;
  };
  async function queue(address: string, lifeSeconds = 600): Promise<string> {
    const now = core.clock.now();
    const times = { now, expiresAt: now + lifeSeconds * 1000 };
    const message = { kind: 'sign-in-code', digits: '123456', expiresAt: times.expiresAt } as const;
    const mail = sealMail(
      { to: { name: 'Ada, "the" <Countess>', address }, ...wording.mail(message, null, now) },
      message.kind,
      times,
      core.vault,
      core.random,
    );
    await core.store.commit([enqueueMail(mail)]);
    return mail.id;
  }
  const untilEmpty = async () => {
    for (let waited = 0; waited < 10_000; waited += 10) {
      if ((await core.store.outbox.depth()).waiting === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('mail still waits');
  };

  test('sends what was queued, as text and HTML, to the one address', async () => {
    const outbox = await open();
    const id = await queue('ada@example.com');
    outbox.nudge();
    const mail = await sink.next('ada@example.com');
    expect(mail.recipients).toEqual(['ada@example.com']);
    expect(mail.from).toEqual({ name: 'Latchkey', address: 'no-reply@example.com' });
    expect(mail.to).toEqual([{ name: 'Ada, "the" <Countess>', address: 'ada@example.com' }]);
    expect(mail.messageId).toBe(`<${id}@example.com>`);
    expect(mail.text).toMatch(/^123456$/m);
    expect(mail.html).toContain('123456');
    await untilEmpty();
    await outbox.stop();
  });

  test('keeps nothing readable while it waits, and nothing at all afterwards', async () => {
    await queue('waiting@example.com');
    const [row] = claimedMails(
      rowsOf(await core.store.commit([claimDueMails('mail', core.clock.now(), 10)])),
    );
    expect(row?.mailSealed).toMatch(/^v1\./);
    expect(JSON.stringify(row)).not.toContain('123456');
    const outbox = await open();
    await sink.next('waiting@example.com');
    await untilEmpty();
    await outbox.stop();
  });

  test('tries again what the server refuses, and whoever starts tries everything', async () => {
    sink.refuseWith(451);
    const outbox = await open();
    await queue('patient@example.com');
    outbox.nudge();
    await untilLogged(core, 'a mail was not sent');
    sink.refuseWith(null);
    await sink.next('patient@example.com');
    await untilEmpty();
    await outbox.stop();
  });

  test('tries again after 1, 5, 15 and 30 s, then every 30 s until the mail is of no use', async () => {
    sink.refuseWith(451);
    const outbox = await open();
    const id = await queue('stubborn@example.com', 120);
    const waits = () =>
      core.log.lines.flatMap(({ message, fields }) =>
        message === 'a mail was not sent' && 'mail' in fields && fields.mail === id && 'waitSeconds' in fields
          ? [fields.waitSeconds]
          : [],
      );
    for (const [index, seconds] of [1, 5, 15, 30, 30, 30].entries()) {
      outbox.nudge();
      while (waits().length <= index) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(waits().at(-1)).toBe(seconds);
      core.clock.advance(seconds);
    }
    core.clock.advance(120);
    outbox.nudge();
    await untilEmpty();
    await outbox.stop();
    expect(waits()).toHaveLength(6);
    sink.refuseWith(null);
  });

  test('DL-2: does not lose a mail to a server that is away', async () => {
    const port = await freePort();
    const outbox = await open(`smtp://127.0.0.1:${port}`);
    await queue('away@example.com');
    outbox.nudge();
    await untilLogged(core, 'a mail was not sent');
    await outbox.stop();
    expect((await core.store.outbox.depth()).waiting).toBe(1);
    const back = await startMailSink(port);
    const again = await open(`smtp://127.0.0.1:${port}`);
    await back.next('away@example.com');
    await untilEmpty();
    await again.stop();
    await back.stop();
  });

  test('DL-2: does not send what has expired, and keeps count of it', async () => {
    await queue('late@example.com', 5);
    core.clock.advance(6);
    const outbox = await open();
    outbox.nudge();
    await untilLogged(core, 'a mail came too late and was not sent');
    await untilEmpty();
    await outbox.stop();
    expect((await core.store.outbox.depth()).dead).toBeGreaterThan(0);
    expect(sink.delivered.some(({ recipients }) => recipients.includes('late@example.com'))).toBe(false);
  });

  test('DL-2: sends a mail again that nobody acknowledged, by the same Message-ID', async () => {
    sink.missNext('hang-up');
    const outbox = await open();
    const id = await queue('unsure@example.com');
    outbox.nudge();
    const [first, second] = [await sink.next('unsure@example.com'), await sink.next('unsure@example.com')];
    expect([first.messageId, second.messageId]).toEqual([`<${id}@example.com>`, `<${id}@example.com>`]);
    await untilEmpty();
    await outbox.stop();
  });

  test('DL-2: a server that goes silent over one mail holds up no other', async () => {
    sink.missNext('silence');
    const outbox = await open();
    await queue('silent@example.com');
    outbox.nudge();
    await sink.next('silent@example.com');
    for (let each = 0; each < 20; each += 1) await queue(`beside${each}@example.com`);
    outbox.nudge();
    for (let each = 0; each < 20; each += 1) await sink.next(`beside${each}@example.com`);
    sink.hangUp();
    await sink.next('silent@example.com');
    await untilEmpty();
    await outbox.stop();
  });

  test('DL-2: a commit that is refused queues no mail', async () => {
    const now = core.clock.now();
    const times = { now, expiresAt: now + 60_000 };
    const to = { name: '', address: 'undone@example.com' };
    const words = { subject: 'Your sign-in code', text: '123456\n', html: '<p>123456</p>' };
    const mail = sealMail({ to, ...words }, 'sign-in-code', times, core.vault, core.random);
    const before = await core.store.outbox.depth();
    const committed = await core.store.commit([enqueueMail(mail), consumeTicket('there is none', now)]);
    expect(committed).toEqual({ ok: false, guard: 'ticket' });
    expect(await core.store.outbox.depth()).toEqual(before);
  });

  test('DL-2: one bad address holds up nobody', async () => {
    const outbox = await open();
    await queue('nobody@');
    await queue('behind@example.com');
    outbox.nudge();
    await sink.next('behind@example.com');
    await outbox.stop();
  });

  test('DL-2: of two senders at once, each mail has one', async () => {
    for (let each = 0; each < 40; each += 1) await queue(`twice${each}@example.com`);
    const outboxes = await Promise.all([open(), open(), open()]);
    for (let each = 40; each < 80; each += 1) await queue(`twice${each}@example.com`);
    for (const outbox of outboxes) outbox.nudge();
    for (let each = 0; each < 80; each += 1) await sink.next(`twice${each}@example.com`);
    await Promise.all(outboxes.map((outbox) => outbox.stop()));
    for (let each = 40; each < 80; each += 1) {
      expect(
        sink.delivered.filter(({ recipients }) => recipients.includes(`twice${each}@example.com`)),
      ).toHaveLength(1);
    }
  });
});

function rowsOf(committed: Awaited<ReturnType<TestCore['store']['commit']>>) {
  return committed.ok ? (committed.rows[0] ?? []) : [];
}

async function untilLogged(core: TestCore, message: string): Promise<void> {
  const from = core.log.lines.length;
  for (let waited = 0; waited < 10_000; waited += 10) {
    if (core.log.lines.slice(Math.max(0, from - 1)).some((line) => line.message === message)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`nobody said: ${message}`);
}

describe('mail addresses', () => {
  test.each([
    ['ada@example.com'],
    ['ada+x@example.com'],
    ["o'neill@example.com".replace("'", '')],
    ['ädä@exämple.com'],
    ['ada@xn--exmple-cua.com'],
    ['ada@उदाहरण.भारत'],
    ['ada@mail-2.example.com'],
  ])('%s is one', (text) => {
    expect(isMailAddress(text)).toBe(true);
  });

  test.each([
    ['a@b,c@d'],
    ['a@b;c@d'],
    ['a@b\r\nBcc: c@d'],
    ['"a b"@c'],
    ['a@b c'],
    ['<a@b>'],
    ['a@b(c)'],
    ['@b'],
    ['a@'],
    ['a'],
    ['a@b@c'],
    ['group: a@b;'],
    [`${'x'.repeat(65)}@b`],
    ['a@b.example/c.example'],
    ['a@b.example#c'],
    ['a@b.example?c=d'],
    ['a@ex%61mple.com'],
    ['a@b．example'],
    ['a@127.0.0.1'],
    ['a@0x7f.1'],
    ['a@ä.1'],
  ])('%j is none', (text) => {
    expect(isMailAddress(text)).toBe(false);
  });

  test('a name may stand before one', () => {
    expect(parseMailAddress('Latchkey <no-reply@example.com>')).toEqual({
      name: 'Latchkey',
      address: 'no-reply@example.com',
    });
    expect(parseMailAddress('"Latchkey, Inc" <a@b.c>')).toEqual({ name: 'Latchkey, Inc', address: 'a@b.c' });
    expect(parseMailAddress('a@b.c')).toEqual({ name: '', address: 'a@b.c' });
    expect(parseMailAddress('x <a@b>, y <c@d>')).toBeNull();
  });
});
