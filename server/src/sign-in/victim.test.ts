import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { longCode, RECOVERY_DOORS } from '../../testing/recovery.ts';
import { forgiveAttempts, forgiveDeviceAttempts } from '../store/count-attempt.ts';
import { accountKey, deviceKey, factorKey } from './throttle.ts';

const MAX_FAILURES = 3;
const DEVICE = 'the victim’s own device';

// A stranger makes an account wait, from an address of their own, and goes on. Its owner is somewhere else.
describe.each(ENGINES)('TH-6: an account that a stranger makes wait, on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, {
      LATCHKEY_TRUSTED_PROXIES: '["127.0.0.1"]',
      LATCHKEY_SIGN_IN_MAX_FAILURES: String(MAX_FAILURES),
      LATCHKEY_HASHING_QUEUE_MILLISECONDS: '20000',
      LATCHKEY_SIGN_IN_PER_ADDRESS: '{"count":50,"seconds":600}',
    });
  });
  afterAll(() => app.stop());

  const signIn = (person: Person, password: string, fingerprint: string, address = '192.0.2.1') =>
    app.post(
      '/identity/sign-in',
      { username: person.email, password },
      { 'x-fingerprint-id': encodeURIComponent(fingerprint), 'x-forwarded-for': address },
    );
  const isIn = ({ status, body }: Awaited<ReturnType<typeof signIn>>) =>
    status === 200 && body.data.observation.code === 1;
  const victim = (fields: Record<string, unknown> = {}) =>
    app.person({ recogniseDevices: true, devices: [encodeURIComponent(DEVICE)], ...fields });
  const attack = async (person: Person, fingerprint = 'a stranger’s device') => {
    for (let each = 0; each < MAX_FAILURES + 2; each += 1) {
      const answer = await signIn(person, 'a wrong password', fingerprint, '198.51.100.1');
      expect(answer.status).toBe(each < MAX_FAILURES ? 401 : 429);
      if (answer.status === 429) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
  };

  test('lets its owner in on a device that it knows, and on no other', async () => {
    const person = await victim();
    await attack(person);
    expect((await signIn(person, person.password, 'another device')).status).toBe(429);
    expect(
      (await app.post('/auth/login', { username: person.email, password: person.password })).status,
    ).toBe(429);
    expect(isIn(await signIn(person, person.password, DEVICE))).toBe(true);
    // As any completed sign-in does, it ended the wait: another device is asked for its code again.
    const another = await signIn(person, person.password, 'another device');
    expect(another.status).toBe(200);
    expect(isIn(another)).toBe(false);
  });

  test('keeps its sessions, their refresh, and the way by mail', async () => {
    const person = await victim({ recogniseDevices: false, devices: [] });
    const { body } = await app.post('/auth/login', { username: person.email, password: person.password });
    await attack(person);
    const headers = { authorization: `Bearer ${body.access_token}` };
    expect((await app.request('GET', '/v1/session', { headers })).status).toBe(200);
    const refreshed = await app.post('/auth/refresh-token', { refresh_token: body.refresh_token });
    expect(refreshed.status).toBe(200);
    const [door] = RECOVERY_DOORS;
    await door?.ask(app, person.email);
    const password = 'quite another password, by mail';
    const reset = await door?.reset(app, await longCode(app.mail, person.email), password);
    expect(reset?.status).toBe(200);
    expect((await app.post('/auth/login', { username: person.email, password })).status).toBe(200);
  });

  test('is not guessed from a device that it knows: that has as many failures, and they are the account’s too', async () => {
    const person = await victim();
    await attack(person, DEVICE);
    expect((await signIn(person, person.password, DEVICE)).status).toBe(429);
    expect(
      (await app.post('/auth/login', { username: person.email, password: person.password })).status,
    ).toBe(429);
    // What `account unlock` does.
    await app.core.store.commit([
      forgiveAttempts(accountKey(person.id), factorKey(person.id)),
      forgiveDeviceAttempts(deviceKey(person.id, ''), person.id),
    ]);
    expect(isIn(await signIn(person, person.password, DEVICE))).toBe(true);
  });

  test('is tried from all sides at once no more often than once for strangers and once for the device', async () => {
    const person = await victim();
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        signIn(person, 'a wrong password', index % 2 === 0 ? DEVICE : `device ${index}`, `10.0.0.${index}`),
      ),
    );
    const told = answers.filter(({ status }) => status === 401).length;
    expect(told).toBeGreaterThanOrEqual(MAX_FAILURES);
    expect(told).toBeLessThanOrEqual(2 * MAX_FAILURES);
    expect((await signIn(person, person.password, DEVICE)).status).toBe(429);
  });

  test('that an organisation’s lock holds is held on every device', async () => {
    const organisation = await app.organisation({ settings: { maxFailedSignInAttempts: 2 } });
    const person = await victim({ organisation });
    for (let each = 0; each < 2; each += 1) await signIn(person, 'a wrong password', 'a stranger’s device');
    expect((await signIn(person, person.password, DEVICE)).status).toBe(401);
    // By now the account must wait as well, which its device would not: the lock holds all the same.
    await signIn(person, 'a wrong password', 'a stranger’s device');
    expect((await signIn(person, person.password, 'a stranger’s device')).status).toBe(429);
    expect((await signIn(person, person.password, DEVICE)).status).toBe(401);
    app.core.clock.advance(3601);
    expect(isIn(await signIn(person, person.password, DEVICE))).toBe(true);
  });

  test('is right many times at once on its device', async () => {
    const person = await victim();
    await attack(person);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => signIn(person, person.password, DEVICE)),
    );
    expect(answers.map(isIn)).toEqual(new Array(20).fill(true));
  });
});
