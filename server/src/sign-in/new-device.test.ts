import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber, type Person, startApp, type TestApp } from '../../testing/app.ts';
import { loadDirectory, type TestCore, uuid } from '../../testing/core.ts';
import { openTestCorridor, type TestCorridor } from '../../testing/corridor.ts';
import { ENGINES } from '../../testing/engines.ts';
import { placeDatabase } from '../../testing/place-database.ts';
import { readTables } from '../../testing/store-dump.ts';
import { SEED, totpCode } from '../../testing/totp.ts';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { deviceOf } from '../accounts/fingerprint.ts';
import { noteSeenDevice, SEEN_DEVICE_LIMIT } from '../store/seen-devices.ts';
import { sightDevice } from './new-device.ts';

const AGENTS = {
  chrome:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  firefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
  safari:
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15',
};
const [HOUR_SECONDS, DAY_SECONDS] = [3600, 86_400];

/** Where a sign-in comes from, and what was shown for it. */
interface From {
  readonly agent?: keyof typeof AGENTS | 'nothing';
  readonly fingerprint?: string;
  readonly methods?: readonly string[];
  readonly address?: string;
}

describe.each(ENGINES)('a device that is sighted, on %s', (engine) => {
  let opened: TestCorridor;
  let core: TestCore;
  beforeAll(async () => {
    opened = await openTestCorridor(engine);
    ({ core } = opened);
  });
  afterAll(() => opened.close());

  async function person(fields: object = {}): Promise<AccountWithMemberships> {
    const number = nextNumber();
    const [id, email] = [uuid(number), `person${number}@example.com`];
    await loadDirectory(core, [{ kind: 'account', id, username: `person ${number}`, email, ...fields }]);
    return (await core.store.accounts.byId(id)) as AccountWithMemberships;
  }
  /** Sights it and keeps what is to be kept; gives how much that is, and whether somebody is told. */
  async function sight(account: AccountWithMemberships, from: From, places = opened.corridor.places) {
    const { agent = 'chrome', fingerprint, methods = ['pwd'], address = '192.0.2.1' } = from;
    const { mount, caller } = opened.attempt;
    const attempt = {
      mount,
      caller: { ...caller, userAgent: agent === 'nothing' ? null : AGENTS[agent], address },
    };
    const device = fingerprint === undefined ? null : deviceOf(account.id, fingerprint, core.vault);
    const { changes, mails } = await sightDevice({ ...opened.corridor, places }, attempt, {
      account,
      methods,
      device,
    });
    await core.store.commit(changes);
    return { isNoted: changes.length > 0, mails };
  }
  const told = async (account: AccountWithMemberships, from: From) => (await sight(account, from)).mails;
  const traits = async ({ id }: AccountWithMemberships) =>
    (await core.store.seenDevices.glance(id, { fingerprint: null, userAgent: '' }, 0)).traits;

  test.each<[boolean, From[], From]>([
    [false, [], { agent: 'chrome' }],
    [false, [], { agent: 'chrome', fingerprint: 'one' }],
    [false, [{ agent: 'chrome' }], { agent: 'chrome' }],
    [true, [{ agent: 'chrome' }], { agent: 'firefox' }],
    [false, [{ agent: 'nothing' }], { agent: 'nothing' }],
    [true, [{ agent: 'nothing' }], { agent: 'chrome' }],
    [true, [{ agent: 'chrome' }], { agent: 'nothing' }],
    // The fingerprint, once the account was seen with one.
    [false, [{ agent: 'chrome', fingerprint: 'one' }], { agent: 'firefox', fingerprint: 'one' }],
    [true, [{ agent: 'chrome', fingerprint: 'one' }], { agent: 'chrome', fingerprint: 'two' }],
    [false, [{ agent: 'chrome', fingerprint: 'one' }], { agent: 'chrome' }],
    [true, [{ agent: 'chrome', fingerprint: 'one' }], { agent: 'firefox' }],
    [false, [{ agent: 'chrome' }], { agent: 'chrome', fingerprint: 'one' }],
    [true, [{ agent: 'chrome' }], { agent: 'firefox', fingerprint: 'one' }],
    // What a mailed code has confirmed is no news, whatever else was shown.
    [false, [{ agent: 'chrome' }], { agent: 'firefox', methods: ['pwd', 'email', 'mfa'] }],
    [true, [{ agent: 'chrome' }], { agent: 'firefox', methods: ['pwd', 'otp', 'mfa'] }],
  ])('is told of: %s, after %j, by %j', async (isTold, before, from) => {
    const account = await person();
    for (const each of before) await sight(account, each);
    expect(await told(account, from)).toBe(isTold);
    expect(await told(account, from)).toBe(false);
    core.clock.advance(100 * HOUR_SECONDS);
    expect(await told(account, from)).toBe(false);
  });

  test('is no news where the account recognises it', async () => {
    const account = await person({ recogniseDevices: true, devices: ['one', 'two'] });
    await sight(account, { fingerprint: 'one' });
    expect(await told(account, { fingerprint: 'two' })).toBe(false);
    expect(await told(account, { fingerprint: 'three' })).toBe(true);
  });

  test.each<[string, From]>([
    ['browser', { agent: 'firefox' }],
    ['fingerprint', { agent: 'firefox', fingerprint: 'one' }],
  ])('is noted once a day by its %s', async (_, from) => {
    const account = await person();
    const isNoted = async () => (await sight(account, from)).isNoted;
    expect(await isNoted()).toBe(true);
    core.clock.advance(24 * HOUR_SECONDS - 0.001);
    expect(await isNoted()).toBe(false);
    core.clock.advance(0.001);
    expect(await isNoted()).toBe(true);
    expect(await isNoted()).toBe(false);
  });

  test('is noted by a browser of which the fingerprint is known, and by a fingerprint of a known browser', async () => {
    const account = await person();
    for (const [from, isNoted] of [
      [{ agent: 'chrome' }, true],
      [{ agent: 'chrome', fingerprint: 'one' }, true],
      [{ agent: 'chrome', fingerprint: 'one' }, false],
      [{ agent: 'firefox', fingerprint: 'one' }, true],
      [{ agent: 'firefox' }, false],
    ] as const)
      expect((await sight(account, from)).isNoted, JSON.stringify(from)).toBe(isNoted);
  });

  test('is told of ten times a day at most', async () => {
    const account = await person();
    await sight(account, { fingerprint: 'the first' });
    const made = async (from: number, to: number) => {
      const all: boolean[] = [];
      for (let each = from; each < to; each += 1)
        all.push(await told(account, { fingerprint: `made up ${each}` }));
      return all.filter(Boolean).length;
    };
    expect(await made(0, 9)).toBe(9);
    core.clock.advance(24 * HOUR_SECONDS - 0.001);
    expect(await made(9, 12)).toBe(1);
    core.clock.advance(0.001);
    expect(await made(12, 24)).toBe(9);
  });

  test('is told of by nobody to an account without an address; it is noted all the same', async () => {
    const account = await person({ email: null });
    await sight(account, {});
    expect(await sight(account, { agent: 'firefox' })).toEqual({ isNoted: true, mails: false });
  });

  test('is remembered among a hundred: what was not seen for longest goes first', async () => {
    const account = await person();
    await sight(account, { agent: 'chrome' });
    const seen = Array.from({ length: SEEN_DEVICE_LIMIT - 1 }, (_, each) =>
      noteSeenDevice(account.id, { fingerprint: null, userAgent: `${each}` }, core.clock.now(), null),
    );
    core.clock.advance(1);
    await core.store.commit(seen);
    expect(await traits(account)).toBe(SEEN_DEVICE_LIMIT);
    core.clock.advance(1);
    await sight(account, { agent: 'firefox' });
    expect(await traits(account)).toBe(SEEN_DEVICE_LIMIT);
    expect((await sight(account, { agent: 'firefox' })).isNoted).toBe(false);
  });

  test.each([
    ['::ffff:198.51.100.7', '198.51.100.7'],
    ['::FFFF:198.51.100.7', '198.51.100.7'],
    ['198.51.100.7', '198.51.100.7'],
    ['64:ff9b::ffff:198.51.100.7', '64:ff9b::ffff:198.51.100.7'],
    ['::ffff:c633:6407', '::ffff:c633:6407'],
  ])('is looked for by the address %s as %s', async (address, known) => {
    const account = await person();
    const asked: string[] = [];
    const places = {
      of(where: string) {
        asked.push(where);
        return null;
      },
    };
    await sight(account, {});
    await sight(account, { agent: 'firefox', address }, places);
    expect(asked).toEqual([known]);
  });
});

const SUBJECT = 'A sign-in from a new device';

describe.each(ENGINES)('a notice of a new device on %s', (engine) => {
  let app: TestApp;
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-geo-'));
    const file = join(folder, 'places.mmdb');
    const record = {
      city: { names: { en: 'Munich', de: 'München' } },
      country: { names: { en: 'Germany', de: 'Deutschland' } },
    };
    writeFileSync(file, placeDatabase([{ network: '198.51.100.0', bits: 24, record }]));
    app = await startApp(engine, {
      LATCHKEY_GEO_DATABASE: file,
      LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1"]',
      LATCHKEY_SIGN_IN_MAX_FAILURES: '100',
    });
  });
  afterAll(async () => {
    await app.stop();
    rmSync(folder, { recursive: true });
  });

  const signIn = ({ username, password }: Person, agent: string, headers: Record<string, string> = {}) =>
    app.post('/auth/login', { username, password }, { 'user-agent': agent, ...headers });
  const withFingerprint = ({ username, password }: Person, fingerprint: string, agent = AGENTS.chrome) =>
    app.post(
      '/identity/sign-in',
      { username, password },
      { 'x-fingerprint-id': fingerprint, 'user-agent': agent },
    );
  /** The notices that somebody has been sent: everything that was queued is out. */
  async function notices({ email }: Person) {
    while ((await app.core.store.outbox.depth()).waiting > 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
    return app.mail.delivered.filter(
      ({ recipients, subject }) => recipients.includes(email) && subject === SUBJECT,
    );
  }
  const count = async (person: Person) => (await notices(person)).length;

  test('says when, where, which device and what to do', async () => {
    const person = await app.person();
    await signIn(person, AGENTS.chrome);
    const answer = await signIn(person, AGENTS.firefox, { 'x-forwarded-for': '198.51.100.7' });
    expect(answer.status).toBe(200);
    const [mail] = await notices(person);
    expect(mail?.text).toContain('Device: Firefox on Linux. Address: 198.51.100.7 (Munich, Germany).');
    expect(mail?.text).toMatch(/on \d+ \w+ 20\d\d, \d\d:\d\d UTC from a device/);
    expect(mail?.text).toContain('set a new password now');
    expect(mail?.text).not.toMatch(/\d{6}/);
    expect(mail?.recipients).toEqual([person.email]);
  });

  test('is in the account’s language, the place too', async () => {
    const person = await app.person({ attributes: { locale: 'de' } });
    await signIn(person, AGENTS.chrome);
    await signIn(person, AGENTS.firefox, { 'x-forwarded-for': '198.51.100.7' });
    const mail = await app.mail.next(person.email);
    expect(mail.subject).toBe('Anmeldung von einem neuen Gerät');
    expect(mail.text).toContain('198.51.100.7 (München, Deutschland)');
  });

  test('is none for the very first sign-in, nor for one that was seen; one for each new device', async () => {
    const person = await app.person();
    const counts = [];
    for (const agent of [
      AGENTS.chrome,
      AGENTS.chrome,
      AGENTS.firefox,
      AGENTS.firefox,
      AGENTS.chrome,
      AGENTS.safari,
    ]) {
      await signIn(person, agent);
      counts.push(await count(person));
    }
    expect(counts).toEqual([0, 0, 1, 1, 1, 2]);
    // Versions come and go; the browser and the system are what is told.
    await signIn(person, AGENTS.firefox.replaceAll('143', '151'));
    app.core.clock.advance(3 * DAY_SECONDS);
    await signIn(person, AGENTS.firefox);
    expect(await count(person)).toBe(2);
  });

  test('goes by the fingerprint where the contract has one', async () => {
    const person = await app.person();
    await withFingerprint(person, 'one');
    await withFingerprint(person, 'one', AGENTS.safari);
    expect(await count(person)).toBe(0);
    await withFingerprint(person, 'two');
    expect(await count(person)).toBe(1);
    // The browser alone is known by now.
    await signIn(person, AGENTS.chrome);
    await signIn(person, AGENTS.safari);
    expect(await count(person)).toBe(1);
    await signIn(person, AGENTS.firefox);
    expect(await count(person)).toBe(2);
  });

  test('is none for the first fingerprint of a browser that was seen without', async () => {
    const person = await app.person();
    await signIn(person, AGENTS.chrome);
    await withFingerprint(person, 'one', AGENTS.chrome);
    expect(await count(person)).toBe(0);
    await withFingerprint(person, 'two', AGENTS.chrome);
    expect(await count(person)).toBe(1);
    const other = await app.person();
    await signIn(other, AGENTS.chrome);
    await withFingerprint(other, 'one', AGENTS.firefox);
    expect(await count(other)).toBe(1);
  });

  test('is none for a device that the account recognises, or that a mailed code has just confirmed', async () => {
    const person = await app.person({ recogniseDevices: true, devices: ['one', 'two'] });
    await withFingerprint(person, 'one');
    await withFingerprint(person, 'two', AGENTS.firefox);
    const due = (await withFingerprint(person, 'three')).body.data;
    const code = await app.mail.code(person.email);
    const headers = { authorization: `Bearer ${due.token}`, 'x-fingerprint-id': 'three' };
    expect((await app.post('/identity/recognize-device', { code }, headers)).status).toBe(200);
    expect(await count(person)).toBe(0);
    const pin = await app.person({ secondFactor: { email: true } });
    for (const agent of [AGENTS.chrome, AGENTS.firefox]) {
      const { challenge_token } = (await signIn(pin, agent)).body.extra_attributes;
      const body = { challenge_token, code: await app.mail.code(pin.email) };
      expect((await app.post('/v1/challenges/verify', body, { 'user-agent': agent })).status).toBe(200);
    }
    expect(await count(pin)).toBe(0);
  });

  test('comes when the sign-in is complete, and not before', async () => {
    const person = await app.person({ secondFactor: { totp: SEED } });
    const step = async (agent: string) => (await signIn(person, agent)).body.extra_attributes.challenge_token;
    const prove = (challenge_token: string, agent: string, code = totpCode(app.core.clock.now(), SEED)) =>
      app.post('/v1/challenges/verify', { challenge_token, code }, { 'user-agent': agent });
    expect((await prove(await step(AGENTS.chrome), AGENTS.chrome)).status).toBe(200);
    const ticket = await step(AGENTS.firefox);
    await signIn({ ...person, password: 'a wrong password' }, AGENTS.safari);
    expect((await prove(ticket, AGENTS.firefox, '000000')).status).toBe(401);
    expect(await count(person)).toBe(0);
    app.core.clock.advance(60);
    expect((await prove(ticket, AGENTS.firefox)).status).toBe(200);
    expect(await count(person)).toBe(1);
  });

  test('is none when the sign-in was refused at the last moment', async () => {
    const person = await app.person({ secondFactor: { totp: SEED } });
    const prove = async (agent: string, spoil: () => Promise<unknown>) => {
      const { challenge_token } = (await signIn(person, agent)).body.extra_attributes;
      await spoil();
      const body = { challenge_token, code: totpCode(app.core.clock.now(), SEED) };
      return (await app.post('/v1/challenges/verify', body, { 'user-agent': agent })).status;
    };
    expect(await prove(AGENTS.chrome, async () => undefined)).toBe(200);
    app.core.clock.advance(60);
    const disable = () =>
      app.load({
        kind: 'account',
        id: person.id,
        status: 'inactive',
        username: person.username,
        email: person.email,
        secondFactor: { totp: SEED },
      });
    expect(await prove(AGENTS.firefox, disable)).not.toBe(200);
    expect(await count(person)).toBe(0);
  });

  test('is one, of many sign-ins at once from the same new device', async () => {
    const person = await app.person();
    await signIn(person, AGENTS.chrome);
    const answers = await Promise.all(Array.from({ length: 15 }, () => signIn(person, AGENTS.firefox)));
    expect(answers.map(({ status }) => status)).toEqual(Array(15).fill(200));
    expect(await count(person)).toBe(1);
  });

  test('is one of ten in a day at most, whoever makes devices up', async () => {
    const person = await app.person();
    for (let each = 0; each < 16; each += 1) await withFingerprint(person, `made up ${each}`);
    expect(await count(person)).toBe(10);
    app.core.clock.advance(DAY_SECONDS + 1);
    await withFingerprint(person, 'the next day');
    expect(await count(person)).toBe(11);
  });

  test('so much is remembered of an account, and no more', async () => {
    const person = await app.person();
    for (let each = 0; each < SEEN_DEVICE_LIMIT + 10; each += 1)
      await withFingerprint(person, `device ${each}`);
    const traits = { fingerprint: null, userAgent: '' };
    const glance = await app.core.store.seenDevices.glance(person.id, traits, 0);
    expect(glance.traits).toBeLessThanOrEqual(SEEN_DEVICE_LIMIT + 1);
    expect(glance.fingerprints).toBeGreaterThan(SEEN_DEVICE_LIMIT - 5);
    const before = await count(person);
    await withFingerprint(person, `device ${SEEN_DEVICE_LIMIT + 9}`);
    expect(await count(person)).toBe(before);
  });

  test('what is seen again is noted once a day, by its browser and by its fingerprint', async () => {
    const person = await app.person();
    /** What of it is noted while something is done. */
    const noted = async (work: () => Promise<unknown>) => {
      const since = app.core.clock.now();
      await work();
      const rows = (await readTables(app.core.config.store.url)).seen_devices ?? [];
      return rows
        .filter((row) => row.account_id === person.id && Number(row.seen_at) >= since)
        .map((row) => String(row.trait).split('.')[0])
        .sort();
    };
    const hours = (count: number) => app.core.clock.advance(count * 3600);
    const byBrowser = () => signIn(person, AGENTS.chrome);
    const byBoth = () => withFingerprint(person, 'one');
    expect(await noted(byBrowser)).toEqual(['user-agent']);
    hours(23);
    expect(await noted(byBrowser)).toEqual([]);
    hours(1);
    expect(await noted(byBrowser)).toEqual(['user-agent']);
    // Its browser was noted just now, and its fingerprint never.
    expect(await noted(byBoth)).toEqual(['fingerprint', 'user-agent']);
    hours(23);
    expect(await noted(byBoth)).toEqual([]);
    hours(1);
    expect(await noted(byBrowser)).toEqual(['user-agent']);
    expect(await noted(byBoth)).toEqual(['fingerprint', 'user-agent']);
    expect(await count(person)).toBe(0);
  });

  test('one account’s device says nothing of another’s', async () => {
    const [one, other] = [await app.person(), await app.person()];
    await withFingerprint(one, 'shared');
    await withFingerprint(other, 'own');
    await withFingerprint(other, 'shared');
    expect([await count(one), await count(other)]).toEqual([0, 1]);
  });

  test('is none for a role that a session goes on in, or a proof that it shows anew', async () => {
    const person = await app.person();
    const token = (await withFingerprint(person, 'one')).body.data.token;
    const headers = { authorization: `Bearer ${token}`, 'user-agent': AGENTS.safari };
    expect((await app.post('/v1/session/prove', { password: person.password }, headers)).status).toBe(200);
    expect(await count(person)).toBe(0);
  });

  test('an account without an address signs in all the same', async () => {
    const person = await app.person({ email: null });
    await signIn(person, AGENTS.chrome);
    expect((await signIn(person, AGENTS.firefox)).status).toBe(200);
  });
});
