import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { eventsDuring } from '../../testing/audit.ts';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { frozenClock } from '../../testing/ports.ts';
import { startPostgres } from '../../testing/postgres.ts';
import type { AccountWithMemberships } from '../accounts/account.ts';
import type { Message } from '../delivery/message.ts';
import type { Mount } from '../mount.ts';
import { maySend, type Sending, type SendingLimits, type SendingPorts } from './sending-limits.ts';

const [HOUR_SECONDS, DAY_SECONDS] = [3600, 86_400];
const [ONE, OTHER] = [uuid(901), uuid(902)];
/** What anybody can cause, and what needs a password. */
const [STRANGERS, OWNERS] = ['sign-up-code', 'sign-in-code'] as const;

/** How messages are sent here: by whom and to whom, where it is not always the same. */
interface Way {
  readonly kind?: Message['kind'];
  readonly recipient?: string;
  readonly address?: string;
  readonly account?: AccountWithMemberships | null;
  readonly mount?: Mount;
}

describe.each(ENGINES)('what is counted of messages, on %s', (engine) => {
  let core: TestCore;
  let mount: Mount;
  let campus: Mount;
  let accounts: (AccountWithMemberships | null)[];
  beforeAll(async () => {
    const mounts = [{ contract: 'login' }, { contract: 'login', prefix: '/campus', organisation: ONE }];
    core = await openTestCore(engine, { LATCHKEY_MOUNTS: JSON.stringify(mounts) }, frozenClock());
    [mount, campus] = core.config.mounts as [Mount, Mount];
    await loadDirectory(core, [
      ...[ONE, OTHER].map((id) => ({ kind: 'organisation', id, name: id })),
      { kind: 'account', id: uuid(903), username: 'one', organisation: ONE },
      { kind: 'account', id: uuid(904), username: 'other', organisation: OTHER },
    ]);
    accounts = await Promise.all([uuid(903), uuid(904)].map((id) => core.store.accounts.byId(id)));
  });
  // What was counted before is over.
  beforeEach(() => core.clock.advance(DAY_SECONDS));
  afterAll(() => core.close());

  const using = (
    mail: Partial<SendingLimits['mail']> = {},
    sms: Partial<SendingLimits['sms']> = {},
  ): SendingPorts => {
    const { config } = core;
    return { ...core, sendingLimits: { mail: { ...config.mail, ...mail }, sms: { ...config.sms, ...sms } } };
  };
  const by =
    (ports: SendingPorts, channel: Sending['channel']) =>
    (way: Way = {}): Promise<boolean> => {
      const recipient = way.recipient ?? (channel === 'mail' ? 'ada@example.com' : '+34600111222');
      const { kind = STRANGERS, address = '192.0.2.1', account = null } = way;
      const caller = { mount: mount.name, address, userAgent: null, requestId: 'a request', arrivedAt: 0 };
      return maySend(ports, { mount: way.mount ?? mount, caller }, { channel, kind, recipient, account });
    };
  /** How many of twelve may be sent, one after the other. */
  async function sent(send: (way: Way) => Promise<boolean>, way: (index: number) => Way): Promise<number> {
    let count = 0;
    for (let index = 0; index < 12; index += 1) if (await send(way(index))) count += 1;
    return count;
  }
  /** What is written down, and what the operator is told, while something is done. */
  async function told(work: () => Promise<unknown>) {
    const before = core.log.lines.length;
    const events = await eventsDuring(core, work);
    return { events, lines: core.log.lines.slice(before) };
  }

  test('a stranger’s mails to one address are one count, however they are caused and spelt', async () => {
    const send = by(using({ limitUnprovenPerAddress: 5, limitProvenPerAddress: 7 }), 'mail');
    const spellings = ['ada@example.com', 'ADA@example.com', ' Ada@Example.COM'];
    const kinds = ['reset-code', 'validation-code', 'sign-up-code', 'sign-up-known', 'address-code'] as const;
    const way = (index: number): Way => ({
      recipient: spellings[index % 3] ?? '',
      kind: kinds[index % 5] ?? STRANGERS,
      address: `198.51.100.${index}`,
    });
    const { events, lines } = await told(async () => expect(await sent(send, way)).toBe(5));
    expect(events).toHaveLength(7);
    expect(events[0]).toMatchObject({
      event: 'mail.withheld',
      reason: 'address',
      accountId: null,
      organisationId: null,
      mount: mount.name,
      requestId: 'a request',
      detail: { channel: 'mail', kind: 'reset-code' },
    });
    // One address is nobody else's concern.
    expect(lines).toEqual([]);
    // The PINs of that address have room of their own.
    expect(await sent(send, () => ({ kind: OWNERS }))).toBe(7);
    expect(await send({ kind: 'device-code' })).toBe(false);
    expect(await send({ recipient: 'ben@example.com' })).toBe(true);
    // What is no address is counted as it is.
    expect(await sent(send, () => ({ recipient: '\u0001@example.com' }))).toBe(5);
    expect(await send({ recipient: '\u0002@example.com' })).toBe(true);
  });

  test('of many at once no more are sent than one after the other', async () => {
    const send = by(using({ limitUnprovenPerAddress: 5 }), 'mail');
    const sentAtOnce = await Promise.all(Array.from({ length: 30 }, () => send()));
    expect(sentAtOnce.filter(Boolean)).toHaveLength(5);
  });

  test('a source’s mails are one count, an IPv6 network being one source', async () => {
    const send = by(using({ limitUnprovenPerSource: 4, limitProvenPerSource: 6 }), 'mail');
    const from = (kind: Message['kind']) => (index: number) => ({
      kind,
      recipient: `many${index}@example.com`,
      address: `2001:db8:1:1::${(index + 1).toString(16)}`,
    });
    const { events, lines } = await told(async () => expect(await sent(send, from(STRANGERS))).toBe(4));
    expect([events[0]?.reason, lines]).toEqual(['source', []]);
    expect(await sent(send, from(OWNERS))).toBe(6);
    expect(await send({ address: '2001:db8:1:2::1' })).toBe(true);
  });

  test('a number’s text messages are one count, and so are a source’s', async () => {
    const toOne = by(using({}, { limitPerNumber: 3 }), 'sms');
    const { events, lines } = await told(async () =>
      expect(await sent(toOne, (index) => ({ address: `198.51.100.${index}` }))).toBe(3),
    );
    expect(events[0]).toMatchObject({ reason: 'number', detail: { channel: 'sms' } });
    expect(lines).toEqual([]);
    expect(await sent(toOne, () => ({ kind: OWNERS }))).toBe(3);
    expect(await toOne({ recipient: '+34600111223' })).toBe(true);

    const fromOne = by(using({}, { limitPerSource: 4 }), 'sms');
    const to = (kind: Message['kind']) => (index: number) => ({
      kind,
      recipient: `+346003334${String(index).padStart(2, '0')}`,
      address: '192.0.2.77',
    });
    const source = await told(async () => expect(await sent(fromOne, to(STRANGERS))).toBe(4));
    expect([source.events[0]?.reason, source.lines]).toEqual(['source', []]);
    expect(await sent(fromOne, to(OWNERS))).toBe(4);
    expect(await fromOne({ address: '192.0.2.78' })).toBe(true);
  });

  test.each<[string, Sending['channel'], (index: number) => Way]>([
    ['address', 'mail', () => ({})],
    ['source', 'mail', (index) => ({ recipient: `of a source ${index}@example.com` })],
    ['number', 'sms', () => ({})],
    ['source', 'sms', (index) => ({ recipient: `+346003334${String(index).padStart(2, '0')}` })],
  ])('an hour after the first there is room again for one %s, by %s', async (_, channel, way) => {
    const two = { limitUnprovenPerAddress: 2, limitUnprovenPerSource: 2 };
    const send = by(using(two, { limitPerNumber: 2, limitPerSource: 2 }), channel);
    expect(await sent(send, way)).toBe(2);
    core.clock.advance(HOUR_SECONDS - 0.001);
    expect(await send(way(11))).toBe(false);
    core.clock.advance(0.001);
    expect(await send(way(11))).toBe(true);
  });

  const sharedBy: [string, Sending['channel'], () => SendingPorts, (index: number) => Way, () => Way][] = [
    [
      'organisation',
      'mail',
      () => using({ limitPerOrganisation: 5 }),
      () => ({ account: accounts[0] ?? null }),
      () => ({ account: accounts[1] ?? null }),
    ],
    ['day', 'mail', () => using({ limitPerDay: 5 }), () => ({}), () => ({ kind: OWNERS })],
    [
      'prefix',
      'sms',
      () => using({}, { limitPerPrefix: 5 }),
      (index) => ({ recipient: `+346002223${String(index).padStart(2, '0')}` }),
      () => ({ recipient: '+491512222333' }),
    ],
    [
      'day',
      'sms',
      () => using({}, { limitPerDay: 5 }),
      (index) => ({ recipient: `+${[34, 49, 33][index % 3]}6122233${String(index).padStart(2, '0')}` }),
      () => ({ kind: OWNERS }),
    ],
  ];
  test.each(sharedBy)(
    'strangers have half of what a(n) %s shares by %s, owners what is left of it',
    async (...row) => {
      const [limitName, channel, ports, way, elsewhere] = row;
      const send = by(ports(), channel);
      const spread = (kind: Message['kind']) => (index: number) => ({
        recipient: `somebody${index}@example.com`,
        ...(channel === 'sms' ? { recipient: `+346002223${String(index).padStart(2, '0')}` } : {}),
        address: `198.51.100.${index}`,
        ...way(index),
        kind,
      });
      const { events, lines } = await told(async () => expect(await sent(send, spread(STRANGERS))).toBe(3));
      expect(events[0]).toMatchObject({ event: 'mail.withheld', reason: limitName });
      expect(lines[0]).toEqual({
        level: 'warn',
        message: 'messages are withheld: a limit for everybody is reached',
        fields: { limit: limitName, channel, kind: STRANGERS, requestId: 'a request' },
      });
      expect([events.length, lines.length]).toEqual([9, 9]);
      // Whoever is elsewhere, or has shown a password, is not held up by that.
      expect(await send(elsewhere())).toBe(true);
      expect(await sent(send, spread(OWNERS))).toBe(limitName === 'day' ? 1 : 2);
      core.clock.advance(DAY_SECONDS - 0.001);
      expect(await send({ ...spread(OWNERS)(11) })).toBe(false);
      core.clock.advance(0.001);
      expect(await send({ ...spread(OWNERS)(11) })).toBe(true);
    },
  );

  test('mails are an organisation’s by the account, else by the door', async () => {
    const send = by(using({ limitPerOrganisation: 1 }), 'mail');
    const [one, other] = accounts as [AccountWithMemberships, AccountWithMemberships];
    expect(await send({ account: one })).toBe(true);
    const byAccount = await told(() => send({ account: one, mount: campus }));
    expect(byAccount.events).toMatchObject([{ accountId: one.id, organisationId: ONE }]);
    const byDoor = await told(() => send({ mount: campus }));
    expect(byDoor.events).toMatchObject([{ reason: 'organisation', accountId: null, organisationId: ONE }]);
    expect(await send({ account: other, mount: campus })).toBe(true);
    // Whoever is in none is held up by none.
    for (let each = 0; each < 3; each += 1) expect(await send()).toBe(true);
  });

  test('what was withheld is counted for as long as the limit that it was over', async () => {
    const send = by(using({ limitUnprovenPerAddress: 5, limitPerDay: 12 }), 'mail');
    const count = () => core.store.sendingBudgets.withheld(core.clock.now());
    for (let each = 0; each < 8; each += 1) await send({ recipient: 'eve@example.com' });
    expect(await count()).toBe(3);
    for (let each = 0; each < 5; each += 1) await send({ recipient: `eve${each}@example.com` });
    expect(await count()).toBe(7);
    core.clock.advance(HOUR_SECONDS);
    expect(await count()).toBe(4);
  });

  test('keeps no address or number readable', async () => {
    const { events } = await told(async () => {
      await sent(by(using({ limitUnprovenPerAddress: 1 }), 'mail'), () => ({}));
      await sent(by(using({}, { limitPerNumber: 1 }), 'sms'), () => ({}));
    });
    expect(events).toHaveLength(22);
    expect(JSON.stringify(events)).not.toMatch(/example\.com|600111222/);
  });
});

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
