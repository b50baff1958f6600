import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { type MailSink, startMailSink } from '../../testing/mail-sink.ts';
import { freePort } from '../../testing/postgres.ts';
import { claimDueMails, claimedMails, enqueueMail } from '../store/outbox.ts';
import { isMailAddress, parseMailAddress } from './mail-address.ts';
import { wordMessage } from './message.ts';
import { Outbox } from './outbox.ts';
import { sealMail } from './queue-mail.ts';
import { createMailTransport } from './transport.ts';

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
    const outbox = new Outbox({ ...core, transport });
    await outbox.start();
    return outbox;
  };
  async function queue(address: string, lifeSeconds = 600): Promise<string> {
    const now = core.clock.now();
    const times = { now, expiresAt: now + lifeSeconds * 1000 };
    const mail = sealMail(
      { name: 'Ada, "the" <Countess>', address },
      { kind: 'sign-in-code', digits: '123456', expiresAt: times.expiresAt },
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
    const [row] = claimedMails(rowsOf(await core.store.commit([claimDueMails(core.clock.now(), 10)])));
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

  test('does not lose a mail to a server that is away', async () => {
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

  test('does not send what has expired, and keeps count of it', async () => {
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

  test('one bad address holds up nobody', async () => {
    const outbox = await open();
    await queue('nobody@');
    await queue('behind@example.com');
    outbox.nudge();
    await sink.next('behind@example.com');
    await outbox.stop();
  });

  test('of two senders at once, each mail has one', async () => {
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

describe('words', () => {
  test('have the code alone on a line and no other six digits', () => {
    for (const kind of ['sign-in-code', 'device-code', 'address-code', 'sign-up-code'] as const) {
      const { text, html, subject } = wordMessage({
        kind,
        digits: '042042',
        expiresAt: Date.UTC(2026, 10, 22, 14, 5),
      });
      expect(text.match(/\d{6,}/g)).toEqual(['042042']);
      expect(text).toContain('14:05 UTC');
      expect(html).toContain('042042');
      expect(html).not.toMatch(/<a |href/);
      expect(subject).not.toContain('042042');
    }
  });

  test('have a long code alone on a line', () => {
    for (const kind of ['validation-code', 'reset-code'] as const) {
      const code = 'Zm9vYmFyLW9mLXNvbWUtbGVuZ3RoLWhlcmU';
      const { text, html } = wordMessage({ kind, code, expiresAt: Date.UTC(2026, 10, 22, 14, 5) });
      expect(text.split('\n').filter((line) => line.includes(code))).toEqual([code]);
      expect(text).not.toMatch(/\d{6}/);
      expect(html).toContain(code);
    }
  });

  test('have nothing in a notice that can be taken for a code', () => {
    const at = Date.UTC(2026, 10, 22, 14, 5);
    const device = { address: '192.0.2.7', place: 'Porto, Portugal', userAgent: 'Chrome on <Windows>' };
    const notices = [
      wordMessage({ kind: 'new-device', at, ...device }),
      wordMessage({ kind: 'password-changed', at }),
      wordMessage({ kind: 'factor-added', factor: 'passkey', at }),
      wordMessage({ kind: 'factor-removed', factor: 'totp', at }),
      wordMessage({ kind: 'recovery-code-used', left: 9, at }),
      wordMessage({ kind: 'email-changed', at }),
      wordMessage({ kind: 'phone-changed', at }),
      wordMessage({ kind: 'sign-up-known', at }),
    ];
    for (const { text, html } of notices) {
      expect(text).not.toMatch(/\d{6}/);
      expect(text).toContain('22 November 2026, 14:05 UTC');
      expect(html).not.toMatch(/<a |href/);
    }
    expect(notices[0]?.html).toContain('Chrome on &lt;Windows&gt;');
    expect(notices[0]?.text).toContain('192.0.2.7 (Porto, Portugal)');
  });

  test('tell the owner of a locked account when and how it ends', () => {
    const { text } = wordMessage({
      kind: 'account-locked',
      failures: 3,
      lockedUntil: Date.UTC(2026, 10, 22, 14, 5),
    });
    for (const part of ['3 times', '22 November 2026, 14:05 UTC', 'password reset', 'administrator'])
      expect(text).toContain(part);
  });
});

describe('mail addresses', () => {
  test.each([
    ['ada@example.com'],
    ['ada+x@example.com'],
    ["o'neill@example.com".replace("'", '')],
    ['ädä@exämple.com'],
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
