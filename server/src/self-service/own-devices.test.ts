import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, startApp, type TestApp } from '../../testing/app.ts';
import { ENGINES } from '../../testing/engines.ts';
import { asOwner, type SignedInOwner } from '../../testing/owner.ts';

const LAPTOP = 'the laptop of somebody';
const PHONE = 'the phone of somebody';
const [DONE, DEVICE_DUE] = [1, 3];

describe.each(ENGINES)('an account’s own devices on %s', (engine) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp(engine);
  });
  afterAll(() => app.stop());

  const careful = () => app.person({ recogniseDevices: true, devices: [LAPTOP, PHONE] });
  const signIn = async ({ username, password }: Person, fingerprint: string) => {
    const headers = { 'x-fingerprint-id': fingerprint };
    const { body } = await app.post('/identity/sign-in', { username, password }, headers);
    return body.data;
  };
  const standing = async (person: Person, fingerprint: string) =>
    (await signIn(person, fingerprint)).observation.code;
  const ownerOn = async (person: Person, fingerprint: string): Promise<SignedInOwner> => {
    const { token, refreshToken } = await signIn(person, fingerprint);
    return asOwner(app, { accessToken: token, refreshToken });
  };
  const list = async (owner: SignedInOwner) => {
    const { status, body } = await owner.call('GET', '/v1/devices');
    expect(status).toBe(200);
    return body.devices as { id: string; name: string | null; current: boolean }[];
  };
  const idOfCurrent = async (owner: SignedInOwner) =>
    (await list(owner)).find(({ current }) => current)?.id ?? '';
  const events = async ({ id }: Person) =>
    (await app.core.store.audit.events({ afterSequence: 0, since: 0, accountId: id, limit: 1000 })).filter(
      ({ event }) => event === 'device.forgotten',
    );

  test('are listed, those used last first, with the one that asks and without the fingerprint', async () => {
    const person = await careful();
    app.core.clock.advance(60);
    const onPhone = await ownerOn(person, PHONE);
    app.core.clock.advance(60);
    const onLaptop = await ownerOn(person, LAPTOP);
    const devices = (await onLaptop.call('GET', '/v1/devices')).body.devices;
    expect(devices).toEqual([
      expect.objectContaining({ name: null, current: true }),
      expect.objectContaining({ name: null, current: false }),
    ]);
    for (const device of devices) {
      expect(Object.keys(device).sort()).toEqual(['createdAt', 'current', 'id', 'lastUsedAt', 'name']);
      expect(Date.parse(device.lastUsedAt)).toBeGreaterThan(Date.parse(device.createdAt));
    }
    expect((await list(onPhone)).map(({ current }) => current)).toEqual([false, true]);
    // The same name as in the list of sessions.
    const { sessions } = (await onLaptop.call('GET', '/v1/sessions')).body;
    expect(sessions.map(({ device }: { device: string }) => device)).toEqual(
      devices.map(({ id }: { id: string }) => id),
    );
    expect(JSON.stringify(devices)).not.toContain(LAPTOP);
  });

  test('none are current where the contract has none, and none are there where the account has none', async () => {
    const person = await careful();
    const plain = await app.person();
    const answer = await app.post('/auth/login', { username: plain.username, password: plain.password });
    const owner = asOwner(app, { accessToken: answer.body.access_token, refreshToken: '' });
    expect(await list(owner)).toEqual([]);
    const onPhone = await ownerOn(person, PHONE);
    expect(await list(onPhone)).toHaveLength(2);
  });

  test('get names, which are kept through further sign-ins', async () => {
    const person = await careful();
    const owner = await ownerOn(person, LAPTOP);
    const id = await idOfCurrent(owner);
    const name = (text: unknown) => owner.call('POST', `/v1/devices/${id}`, { name: text as string });
    expect((await name('  Adas Läptop 💻 ')).status).toBe(204);
    const again = await ownerOn(person, LAPTOP);
    expect((await list(again)).map((device) => [device.id === id, device.name])).toEqual([
      [true, 'Adas Läptop 💻'],
      [false, null],
    ]);
    for (const bad of ['', '   ', 'a\nb', 'a\u202eb', 'x'.repeat(101), 7, null])
      expect((await name(bad)).status, JSON.stringify(bad)).toBe(400);
    expect((await name('x'.repeat(100))).status).toBe(204);
  });

  test('one is forgotten: its next sign-in asks for a code, its sessions go on, the others are known', async () => {
    const person = await careful();
    const [onLaptop, onPhone] = [await ownerOn(person, LAPTOP), await ownerOn(person, PHONE)];
    const id = await idOfCurrent(onPhone);
    await onPhone.call('POST', `/v1/devices/${id}`, { name: 'lost' });
    expect((await onLaptop.call('DELETE', `/v1/devices/${id}`)).status).toBe(204);
    expect(await list(onLaptop)).toHaveLength(1);
    expect(await onPhone.isIn()).toBe(true);
    expect(await standing(person, LAPTOP)).toBe(DONE);
    expect(await standing(person, PHONE)).toBe(DEVICE_DUE);
    expect((await events(person)).map(({ device }) => device)).toEqual([id]);
    // A second time there is nothing to forget.
    expect((await onLaptop.call('DELETE', `/v1/devices/${id}`)).status).toBe(404);
    expect(await events(person)).toHaveLength(1);
    // Recognised anew, it is a new one: without its old name.
    const due = await signIn(person, PHONE);
    const code = await app.mail.code(person.email);
    const headers = { authorization: `Bearer ${due.token}`, 'x-fingerprint-id': PHONE };
    expect((await app.post('/identity/recognize-device', { code: '' }, headers)).status).toBe(400);
    // The code of the newest mail: the sign-in before has had one mailed too.
    const newest = await app.mail.code(person.email);
    expect((await app.post('/identity/recognize-device', { code: newest }, headers)).status, code).toBe(200);
    expect(await list(onLaptop)).toEqual([
      expect.objectContaining({ id, name: null }),
      expect.objectContaining({ current: true }),
    ]);
  });

  test('all are forgotten, and the next one is not the account’s first', async () => {
    const person = await careful();
    const owner = await ownerOn(person, LAPTOP);
    expect((await owner.call('DELETE', '/v1/devices')).status).toBe(204);
    expect(await list(owner)).toEqual([]);
    expect((await events(person)).map(({ device }) => device)).toEqual([null]);
    for (const fingerprint of [LAPTOP, PHONE, 'another'])
      expect(await standing(person, fingerprint)).toBe(DEVICE_DUE);
    expect((await owner.call('DELETE', '/v1/devices')).status).toBe(204);
  });

  test('are nobody else’s: neither listed, named nor forgotten by a stranger', async () => {
    const [person, stranger] = [await careful(), await careful()];
    const [owner, other] = [await ownerOn(person, LAPTOP), await ownerOn(stranger, LAPTOP)];
    const id = await idOfCurrent(owner);
    expect((await list(other)).map((device) => device.id)).not.toContain(id);
    const refused = [
      await other.call('POST', `/v1/devices/${id}`, { name: 'mine now' }),
      await other.call('DELETE', `/v1/devices/${id}`),
      await other.call('DELETE', '/v1/devices/nothing-known'),
    ];
    for (const { status, body } of refused) {
      expect(status).toBe(404);
      expect(body.error.code).toBe('not-found');
    }
    expect((await other.call('DELETE', '/v1/devices')).status).toBe(204);
    expect(await list(owner)).toEqual([
      expect.objectContaining({ id, name: null }),
      expect.objectContaining({ current: false }),
    ]);
    expect(await standing(person, LAPTOP)).toBe(DONE);
  });

  test('want a token that is good', async () => {
    const nobody = asOwner(app, { accessToken: 'a.b.c', refreshToken: '' });
    for (const [method, path, body] of [
      ['GET', '/v1/devices'],
      ['POST', '/v1/devices/x', { name: 'x' }],
      ['DELETE', '/v1/devices/x'],
      ['DELETE', '/v1/devices'],
    ] as const)
      expect((await nobody.call(method, path, body)).status).toBe(401);
  });

  test('leave no fingerprint in the store once they are forgotten', async () => {
    const person = await careful();
    const owner = await ownerOn(person, LAPTOP);
    await owner.call('DELETE', '/v1/devices');
    expect(await app.core.store.devices.ofAccount(person.id)).toEqual([]);
    expect(await app.core.store.accountRecords.devicesOf([person.id])).toEqual([]);
  });
});
