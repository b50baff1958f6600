import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber } from '../../testing/app.ts';
import { eventsDuring } from '../../testing/audit.ts';
import { openTestCore, type TestCore } from '../../testing/core.ts';
import { frozenClock } from '../../testing/ports.ts';
import { accountOn, corridorOn, freshAttempt } from '../../testing/single-step.ts';
import { unsealSms } from '../delivery/queue-sms.ts';
import { smsToPhone } from './sms.ts';

/** A number that no other test sends anything to. */
const newPhone = () => `+4930${10_000_000 + nextNumber()}`;

describe('a code by text message', () => {
  let core: TestCore;
  beforeAll(async () => {
    core = await openTestCore('sqlite', {}, frozenClock());
  });
  afterAll(() => core.close());

  const soon = () => core.clock.now() + 60_000;
  const send = async (phone: string, corridor = corridorOn(core)) => {
    const account = await accountOn(core, { attributes: { locale: 'es' } });
    const message = { kind: 'address-code', digits: '123456', expiresAt: soon() } as const;
    return smsToPhone(corridor, freshAttempt(core, 'login'), { phone, account }, message, soon());
  };

  test('goes to the number, in the words of the account, for as long as it is of use', async () => {
    const phone = newPhone();
    const queued = await send(phone);
    expect(queued).toMatchObject({
      channel: 'sms',
      kind: 'address-code',
      createdAt: core.clock.now(),
      expiresAt: soon(),
    });
    const { to, text } = queued ? unsealSms(queued, core.vault) : { to: '', text: '' };
    expect([to, text]).toEqual([phone, expect.stringContaining('123456')]);
    expect(text).toMatch(/código/);
  });

  test.each(['4930123456', '+49 30 123456', 'somebody@example.com', ''])(
    'goes to no number like %j',
    async (phone) => {
      await expect(send(phone)).rejects.toThrow('E.164');
    },
  );

  test('beyond the limits is withheld, and that is written down', async () => {
    const { mail, sms } = core.config;
    const narrow = corridorOn(core, { sendingLimits: { mail, sms: { ...sms, limitPerNumber: 1 } } });
    const phone = newPhone();
    expect(await send(phone, narrow)).not.toBeNull();
    const events = await eventsDuring(core, async () => expect(await send(phone, narrow)).toBeNull());
    expect(events.at(-1)).toMatchObject({
      event: 'mail.withheld',
      reason: 'number',
      detail: { channel: 'sms', kind: 'address-code' },
    });
  });
});
