import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { loadDirectory, openTestCore, type TestCore, uuid } from '../../testing/core.ts';
import { ENGINES } from '../../testing/engines.ts';
import { startPostgres } from '../../testing/postgres.ts';
import type { Configuration } from '../config.ts';
import type { Message } from '../delivery/message.ts';
import type { Mount } from '../mount.ts';
import type { Attempt } from './corridor.ts';
import { maySend, type SendingPorts } from './sending-limits.ts';

const PIN = { secondFactor: { email: true } };

describe.each(ENGINES)('limits of sending on %s', (engine) => {
  let core: TestCore;
  let ports: SendingPorts;
  let mount: Mount;
  beforeAll(async () => {
    core = await openTestCore(engine, {
      LATCHKEY_MAIL_LIMIT_UNPROVEN_PER_ADDRESS: '5',
      LATCHKEY_MAIL_LIMIT_UNPROVEN_PER_SOURCE: '50',
    });
    ports = { ...core, sendingLimits: limitsOf(core.config) };
    [mount] = core.config.mounts as [Mount];
  });
  afterAll(() => core.close());

  const limitsOf = (
    config: Configuration,
    mail: Partial<Configuration['mail']> = {},
    sms: Partial<Configuration['sms']> = {},
  ) => ({ mail: { ...config.mail, ...mail }, sms: { ...config.sms, ...sms } });
  const from = (address: string): Attempt => ({
    mount,
    caller: { mount: mount.name, address, userAgent: null, requestId: '0123456789abcdef', arrivedAt: 0 },
  });
  const mail = (recipient: string, kind: Message['kind'], address = '192.0.2.1', using = ports) =>
    maySend(using, from(address), { channel: 'mail', kind, recipient, account: null });
  const sms = (recipient: string, kind: Message['kind'], address = '192.0.2.1', using = ports) =>
    maySend(using, from(address), { channel: 'sms', kind, recipient, account: null });
  const sent = async (attempts: readonly (() => Promise<boolean>)[]) => {
    let count = 0;
    for (const attempt of attempts) if (await attempt()) count += 1;
    return count;
  };
  const times = <Result>(count: number, work: (index: number) => Promise<Result>) =>
    Array.from({ length: count }, (_, index) => () => work(index));
  const withheld = async () =>
    (await core.store.audit.events({ afterSequence: 0, since: 0, accountId: null, limit: 10_000 })).filter(
      ({ event }) => event === 'mail.withheld',
    );

  test('a stranger makes five mails an hour to one address, however they are caused and spelt', async () => {
    const address = (index: number) => `198.51.100.${index}`;
    const spellings = ['ada@example.com', 'ADA@example.com', ' Ada@Example.COM'];
    const kinds = ['reset-code', 'validation-code', 'sign-up-code', 'sign-up-known', 'address-code'] as const;
    const attempts = times(100, (index) =>
      mail(spellings[index % 3] ?? '', kinds[index % 5] ?? 'reset-code', address(index)),
    );
    expect(await sent(attempts)).toBe(5);
    expect((await withheld()).slice(-95).map(({ reason }) => reason)).toEqual(Array(95).fill('address'));
  });

  test('and cannot use up the PINs of that address, which has twenty of its own', async () => {
    expect(await mail('ada@example.com', 'reset-code')).toBe(false);
    expect(await sent(times(100, () => mail('ada@example.com', 'sign-in-code')))).toBe(20);
    expect(await mail('ada@example.com', 'device-code')).toBe(false);
    expect(await mail('ben@example.com', 'sign-in-code')).toBe(true);
  });

  test('of a hundred at once no more are sent than one after the other', async () => {
    const sentAtOnce = await Promise.all(
      Array.from({ length: 100 }, () => mail('at-once@example.com', 'reset-code')),
    );
    expect(sentAtOnce.filter(Boolean)).toHaveLength(5);
  });

  test('an hour later there is room again', async () => {
    core.clock.advance(3601);
    expect(await sent(times(10, () => mail('ada@example.com', 'reset-code', '198.51.100.1')))).toBe(5);
  });

  test('one source makes fifty mails an hour, its whole IPv6 network counting as one', async () => {
    const source = (index: number) => `2001:db8:1:1::${(index + 1).toString(16)}`;
    const toMany = times(80, (index) => mail(`many${index}@example.com`, 'reset-code', source(index)));
    expect(await sent(toMany)).toBe(50);
    expect((await withheld()).at(-1)).toMatchObject({
      reason: 'source',
      mount: mount.name,
      requestId: '0123456789abcdef',
      detail: { channel: 'mail', kind: 'reset-code' },
    });
    // What needs a password has room of its own: behind one address there may be a school.
    expect(await mail('pupil@example.com', 'sign-in-code', source(1))).toBe(true);
  });

  test('of what everybody shares, strangers have half, and the operator is told', async () => {
    const using = { ...ports, sendingLimits: limitsOf(core.config, { limitPerDay: 10 }) };
    core.clock.advance(86_401);
    const strangers = times(20, (index) => mail(`day${index}@example.com`, 'reset-code', '192.0.2.9', using));
    expect(await sent(strangers)).toBe(5);
    const owners = times(20, (index) => mail(`day${index}@example.com`, 'sign-in-code', '192.0.2.9', using));
    expect(await sent(owners)).toBe(5);
    expect((await withheld()).at(-1)?.reason).toBe('day');
    expect(core.log.lines.at(-1)?.message).toBe('messages are withheld: a limit for everybody is reached');
  });

  test('what was withheld is counted for as long as the limit that it was over', async () => {
    const using = { ...ports, sendingLimits: limitsOf(core.config, { limitPerDay: 12 }) };
    core.clock.advance(86_401);
    const count = () => core.store.sendingBudgets.withheld(core.clock.now());
    const lines = core.log.lines.length;
    await sent(times(8, () => mail('eve@example.com', 'reset-code', '192.0.2.8', using)));
    expect(await count()).toBe(3);
    // One address is nobody else’s concern.
    expect(core.log.lines).toHaveLength(lines);
    await sent(times(5, (index) => mail(`eve${index}@example.com`, 'reset-code', '192.0.2.8', using)));
    expect(await count()).toBe(7);
    expect(core.log.lines.slice(lines).map(({ level, fields }) => [level, fields])).toEqual(
      Array(4).fill([
        'warn',
        { limit: 'day', channel: 'mail', kind: 'reset-code', requestId: '0123456789abcdef' },
      ]),
    );
    core.clock.advance(3601);
    expect(await count()).toBe(4);
  });

  test('an organisation has its own share of mails, and says for whom they were withheld', async () => {
    const [one, other] = [uuid(901), uuid(902)];
    await loadDirectory(core, [
      ...[one, other].map((id) => ({ kind: 'organisation', id, name: id })),
      { kind: 'account', id: uuid(903), username: 'one', organisation: one },
      { kind: 'account', id: uuid(904), username: 'other', organisation: other },
    ]);
    const using = { ...ports, sendingLimits: limitsOf(core.config, { limitPerOrganisation: 5 }) };
    const to = async (id: string, recipient: string, kind: Message['kind']) => {
      const account = await core.store.accounts.byId(id);
      return maySend(using, from('192.0.2.7'), { channel: 'mail', kind, recipient, account });
    };
    core.clock.advance(86_401);
    const many = (kind: Message['kind'], id: string) =>
      times(10, (index) => to(id, `${kind}${index}@example.com`, kind));
    expect(await sent(many('reset-code', uuid(903)))).toBe(3);
    expect((await withheld()).at(-1)).toMatchObject({
      reason: 'organisation',
      accountId: uuid(903),
      organisationId: one,
    });
    expect(core.log.lines.at(-1)?.fields).toMatchObject({ limit: 'organisation' });
    expect(await sent(many('sign-in-code', uuid(903)))).toBe(2);
    expect(await sent(many('sign-in-code', uuid(904)))).toBe(5);
    // Whoever is in none is held up by none.
    expect(await mail('nobody-s@example.com', 'sign-in-code', '192.0.2.7', using)).toBe(true);
    core.clock.advance(86_401);
    expect(await to(uuid(903), 'tomorrow@example.com', 'reset-code')).toBe(true);
  });

  test('text messages have limits by number, by source, by country code and by day', async () => {
    const using = {
      ...ports,
      sendingLimits: limitsOf(
        core.config,
        {},
        { limitPerNumber: 5, limitPerSource: 50, limitPerPrefix: 20, limitPerDay: 60 },
      ),
    };
    core.clock.advance(86_401);
    const numbers = (prefix: string) =>
      times(100, (index) =>
        sms(`${prefix}${String(index).padStart(2, '0')}`, 'sign-up-code', `192.0.2.${index}`, using),
      );
    expect(await sent(times(100, () => sms('+34600111222', 'sign-up-code', '192.0.2.1', using)))).toBe(5);
    expect((await withheld()).at(-1)?.reason).toBe('number');
    expect(await sent(numbers('+346002222'))).toBe(5);
    expect((await withheld()).at(-1)).toMatchObject({ reason: 'prefix', detail: { channel: 'sms' } });
    expect(await sent(numbers('+491512222'))).toBe(10);
    expect(await sent(numbers('+3361222333'))).toBe(10);
    expect(await sent(numbers('+4179222333'))).toBe(0);
    expect((await withheld()).at(-1)?.reason).toBe('day');
    // Half of each is left for whoever has shown a password.
    expect(await sms('+34600111222', 'sign-in-code', '192.0.2.1', using)).toBe(true);
  });

  test('one source makes as many text messages as it may, to whatever numbers', async () => {
    const using = { ...ports, sendingLimits: limitsOf(core.config, {}, { limitPerSource: 3 }) };
    core.clock.advance(86_401);
    const from = (address: string, kind: Message['kind']) =>
      times(5, (index) => sms(`+3460033344${index}`, kind, address, using));
    expect(await sent(from('192.0.2.1', 'sign-up-code'))).toBe(3);
    expect((await withheld()).at(-1)).toMatchObject({ reason: 'source', detail: { channel: 'sms' } });
    expect(await sent(from('192.0.2.1', 'sign-in-code'))).toBe(3);
    expect(await sent(from('192.0.2.2', 'sign-up-code'))).toBe(3);
    core.clock.advance(3601);
    expect(await sent(from('192.0.2.1', 'sign-up-code'))).toBe(3);
  });

  test('keeps no address or number readable', async () => {
    const rows = JSON.stringify(
      await core.store.audit.events({ afterSequence: 0, since: 0, accountId: null, limit: 10_000 }),
    );
    expect(rows).not.toMatch(/example\.com|600111222/);
  });
});

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
