import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { longCode } from '../../testing/recovery.ts';
import { SEED, totpCode } from '../../testing/totp.ts';
import { cutOff } from './cut-off.ts';

const MOUNTS = [{ contract: 'login' }, { contract: 'credential-type' }, { contract: 'fingerprint' }];
const DEVICE = { 'x-fingerprint-id': 'a device that is known' };

describe.each(ENGINES)('RL-15: a cut-off on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine, { LATCHKEY_MOUNTS: JSON.stringify(MOUNTS) });
  });
  afterAll(() => app.stop());

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const isActive = async (token: string) =>
    (await app.request('GET', '/v1/session', { headers: bearer(token) })).status === 200;
  const signIn = ({ username, password }: Person) => app.post('/auth/login', { username, password });
  const cut = (keepDevices = false) => cutOff(app.core, { keepDevices, tell: () => undefined });
  /** A running server looks for keys twice a second. */
  async function reloadKeys(): Promise<void> {
    const keys = async () =>
      (await app.request('GET', '/.well-known/jwks.json')).body.keys as { kid: string }[];
    const live = (await app.core.store.signingKeys.all()).filter(({ retiresAt }) => retiresAt === null);
    await expect
      .poll(async () => (await keys()).map(({ kid }) => kid).sort(), { timeout: 10_000 })
      .toEqual(live.map(({ id }) => id).sort());
  }

  test('ends the sessions of people, installations and resources, and their tokens', async () => {
    const person = await app.person();
    const { body } = await signIn(person);
    const installationId = 'i'.repeat(40);
    const [password, code] = ['p'.repeat(40), 'SOMECODE'];
    await app.load(
      { kind: 'installation', installationId, password },
      { kind: 'resource', context: 'drill', code, maxUses: 0 },
    );
    const typed = async (type: string, data: object) =>
      (await app.post('/api/v1/auth/sign-in', { type, data })).body.authorization.token as string;
    const device = await typed('mobile-device', { installationId, password });
    const resource = await typed('resource', { resource: `voucher::drill::code::${code}` });
    const tokens: string[] = [body.access_token, device, resource];
    expect(await Promise.all(tokens.map(isActive))).toEqual([true, true, true]);

    const done = await cut();
    expect(done).toMatchObject({
      accounts: 1,
      installations: 1,
      sessions: 3,
      keys: [{ algorithm: 'ES256' }],
    });
    await reloadKeys();
    expect(await Promise.all(tokens.map(isActive))).toEqual([false, false, false]);
    expect(await app.post('/auth/refresh-token', { refresh_token: body.refresh_token })).toMatchObject({
      status: 401,
    });
    const again = await signIn(person);
    expect(await isActive(again.body.access_token)).toBe(true);
    // Made again it ends what has begun since, and nothing else.
    expect(await cut()).toMatchObject({ accounts: 1, installations: 1, sessions: 1 });
  });

  test('ends tickets, mailed codes and resets that are out', async () => {
    const person = await app.person({ secondFactor: { email: true } });
    const begun = await signIn(person);
    expect(begun.status).toBe(401);
    const code = await app.mail.code(person.email);
    await app.post('/v1/password/forgot', { identifier: person.username });
    const token = await longCode(app.mail, person.email);
    await cut();
    const reset = { token, password: 'a password that nobody has' };
    expect((await app.post('/v1/password/reset', reset)).status).toBe(404);
    const verify = { challenge_token: begun.body.extra_attributes.challenge_token, code };
    expect((await app.post('/v1/challenges/verify', verify)).status).toBe(401);
  });

  test('spends the codes that authenticators show now', async () => {
    const person = await app.person({ secondFactor: { totp: SEED } });
    const signInByCode = async () => {
      const { body } = await signIn(person);
      const code = totpCode(app.core.clock.now());
      return app.post('/v1/challenges/verify', {
        challenge_token: body.extra_attributes.challenge_token,
        code,
      });
    };
    await cut();
    expect((await signInByCode()).status).toBe(401);
    app.core.clock.advance(90);
    expect((await signInByCode()).status).toBe(200);
  });

  test('forgets devices, unless it is told to keep them', async () => {
    const person = await app.person({ recogniseDevices: true, devices: [DEVICE['x-fingerprint-id']] });
    const known = async () => (await app.core.store.devices.ofAccount(person.id)).length;
    expect(await cut(true)).toMatchObject({ devices: 0 });
    expect(await known()).toBe(1);
    expect(await cut()).toMatchObject({ devices: 1 });
    expect(await known()).toBe(0);
  });

  test('goes through more than one piece', async () => {
    const lines = Array.from({ length: 1101 }, (_, index) => ({
      kind: 'account',
      id: `00000000-0000-4000-9000-${String(index).padStart(12, '0')}`,
      username: `many${index}`,
    }));
    const epochs = async () =>
      Promise.all(lines.map(async ({ id }) => (await app.core.store.accounts.byId(id))?.epoch ?? 0));
    await app.load(...lines);
    const before = await epochs();
    const told: number[] = [];
    await cutOff(app.core, { keepDevices: false, tell: (rows) => told.push(rows) });
    expect(await epochs()).toEqual(before.map((epoch) => epoch + 1));
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.length).toBeGreaterThan(2);
  });

  test('is later than the one before, though the clock was set back', async () => {
    const first = await cut();
    app.core.clock.advance(-3600);
    const second = await cut();
    app.core.clock.advance(3600);
    expect(second.at).toBeGreaterThan(first.at);
    expect(await app.core.store.cutOff.at()).toBe(second.at);
  });

  test('ends keys of algorithms too that no mount signs with any more', async () => {
    const other = await startApp(engine, {
      LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'login', algorithm: 'EdDSA' }]),
    });
    const { config } = app.core;
    const done = await cutOff({ ...other.core, config }, { keepDevices: false, tell: () => undefined });
    expect(done.keys.map(({ algorithm }) => algorithm).sort()).toEqual(['ES256', 'EdDSA']);
    await other.stop();
  });

  test('is written down when it begins and when it is done, with the keys that it has made', async () => {
    const since = (
      await app.core.store.audit.events({ afterSequence: 0, since: 0, accountId: null, limit: 10_000 })
    ).at(-1);
    const { sessions } = await cut();
    const events = await app.core.store.audit.events({
      afterSequence: since?.sequence ?? 0,
      since: 0,
      accountId: null,
      limit: 10,
    });
    expect(events).toMatchObject([
      { event: 'store.cut-off', reason: 'begun', actor: 'operator', detail: { by: expect.any(String) } },
      { event: 'key.rotated', detail: { emergency: true } },
      { event: 'store.cut-off', reason: 'done', detail: { sessions } },
    ]);
  });
});
