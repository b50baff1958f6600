import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { placeDatabase } from '../../testing/place-database.ts';
import { readTables } from '../../testing/store-dump.ts';
import { SEED, totpCode } from '../../testing/totp.ts';
import { SEEN_DEVICE_LIMIT } from '../store/seen-devices.ts';

const AGENTS = {
  chrome:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  firefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
  safari:
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15',
};
const SUBJECT = 'A sign-in from a new device';
const DAY_SECONDS = 86_400;

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
