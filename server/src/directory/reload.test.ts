import { hashSync as bcryptHash } from '@node-rs/bcrypt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestCore, uuid } from '../../testing/core.ts';
import { loadLines, reasons, testStores } from '../../testing/directory.ts';
import { ENGINES } from '../../testing/engines.ts';
import type { Core } from '../core.ts';
import { hashPassword, verifyPassword } from '../crypto/password-hash.ts';
import { replacePasswordHash } from '../store/accounts.ts';
import { consumeResourceCode } from '../store/consume.ts';
import { DEVICE_LIMIT, nameDevice } from '../store/devices.ts';

const ACCOUNT = { kind: 'account', id: uuid(1) };

describe.each(ENGINES)('loading an object again, on %s', (engine) => {
  const { fresh, closeAll } = testStores(engine);
  let core: TestCore;
  beforeAll(async () => {
    core = await fresh();
  });
  afterAll(closeAll);
  const load = (lines: readonly (object | string)[], into: Core = core, dryRun = false) =>
    loadLines(lines, into, dryRun);

  test('an update brings an object to what its line says; a missing password and missing devices stay', async () => {
    const into = await fresh();
    await load(
      [
        { kind: 'role', name: 'r' },
        {
          ...ACCOUNT,
          username: 'ada',
          email: 'a@example.com',
          password: 'the first password',
          devices: ['one'],
          role: 'r',
          stats: { a: 1 },
        },
      ],
      into,
    );
    const [before] = await into.store.accountRecords.byIds([uuid(1)]);
    expect(await load([{ ...ACCOUNT, username: 'eve' }], into)).toMatchObject({ updated: 1 });
    const [after] = await into.store.accountRecords.byIds([uuid(1)]);
    expect(after).toMatchObject({
      username: 'eve',
      email: null,
      role: null,
      stats: '{}',
      passwordHash: before?.passwordHash,
      epoch: before?.epoch,
      number: before?.number,
    });
    expect(await into.store.devices.ofAccount(uuid(1))).toHaveLength(1);
    expect((await load([{ kind: 'account', id: uuid(2), username: 'ada' }], into)).created).toBe(1);

    await load([{ ...ACCOUNT, username: 'eve', password: 'the second password', devices: [] }], into);
    const [changed] = await into.store.accountRecords.byIds([uuid(1)]);
    expect(changed?.epoch).toBe((before?.epoch ?? 0) + 1);
    expect(verifyPassword('the second password', changed?.passwordHash ?? '')).toBe(true);
    expect(await into.store.devices.ofAccount(uuid(1))).toHaveLength(0);
    await load([{ ...ACCOUNT, username: 'eve', password: null }], into);
    expect((await into.store.accountRecords.byIds([uuid(1)]))[0]?.passwordHash).toBeNull();
  });

  test('of more devices than an account can have, the same stay at every run, with their names and last use', async () => {
    const into = await fresh();
    const devices = Array.from({ length: DEVICE_LIMIT + 10 }, (_, index) => `device ${index}`);
    await load([{ ...ACCOUNT, devices }], into);
    const known = () => into.store.devices.known(uuid(1), null, 0);
    const [first] = await known();
    await into.store.commit([nameDevice(uuid(1), String(first?.id), 'at home')]);
    into.clock.advance(60);
    const before = await known();
    expect(before).toHaveLength(DEVICE_LIMIT);
    for (const order of [devices, devices.toReversed(), [...devices, 'device 1']]) {
      expect(await load([{ ...ACCOUNT, devices: order }], into, true)).toMatchObject({ unchanged: 1 });
      expect(await load([{ ...ACCOUNT, devices: order }], into)).toMatchObject({ unchanged: 1, updated: 0 });
      expect(await known()).toEqual(before);
    }
  });

  test('a line keeps the devices that an account has already, with their names and last use, and those used last of more than fit', async () => {
    const into = await fresh();
    const few = ['one', 'two', 'three'];
    await load([{ ...ACCOUNT, devices: few }], into);
    const known = () => into.store.devices.known(uuid(1), null, 0);
    const [first] = await known();
    await into.store.commit([nameDevice(uuid(1), String(first?.id), 'at home')]);
    const before = await known();
    into.clock.advance(60);
    const more = Array.from({ length: DEVICE_LIMIT + 10 }, (_, index) => `device ${index}`);
    expect(await load([{ ...ACCOUNT, devices: [...few, ...more] }], into)).toMatchObject({ updated: 1 });
    const after = await known();
    expect(after).toHaveLength(DEVICE_LIMIT);
    expect(after).toEqual(expect.arrayContaining(before));
    expect(await load([{ ...ACCOUNT, devices: [...few, ...more] }], into)).toMatchObject({ unchanged: 1 });
    expect(await load([{ ...ACCOUNT, devices: few.slice(1) }], into)).toMatchObject({ updated: 1 });
    expect(await known()).toHaveLength(2);
  });

  test('another password forgets no device that the line names, and a second run changes nothing', async () => {
    const into = await fresh();
    await load([{ ...ACCOUNT, password: 'the password', devices: ['one', 'two'] }], into);
    const known = () => into.store.devices.known(uuid(1), null, 0);
    const before = await known();
    into.clock.advance(60);
    const line = { ...ACCOUNT, password: 'another password', devices: ['two', 'one'] };
    expect(await load([line], into)).toMatchObject({ updated: 1 });
    expect(await known()).toEqual(before);
    expect(await load([line], into)).toMatchObject({ unchanged: 1 });
  });

  test('a hash that was loaded before brings back neither the old parameters nor an old password', async () => {
    const into = await fresh();
    const file = [
      { ...ACCOUNT, username: 'ada', passwordHash: bcryptHash('the password', 4) },
      { kind: 'installation', installationId: 'x'.repeat(32), passwordHash: bcryptHash('of a phone', 4) },
    ];
    await load(file, into);
    const [before] = await into.store.accountRecords.byIds([uuid(1)]);
    const renewed = hashPassword('the password', core.config.hashing);
    await into.store.commit([
      replacePasswordHash('accounts', uuid(1), String(before?.passwordHash), renewed),
      replacePasswordHash('installations', 'x'.repeat(32), file[1]?.passwordHash ?? '', renewed),
    ]);
    expect(await load(file, into)).toMatchObject({ updated: 0, unchanged: 2 });
    const [after] = await into.store.accountRecords.byIds([uuid(1)]);
    expect(after).toMatchObject({ passwordHash: renewed, epoch: before?.epoch });
    expect((await into.store.installations.record('x'.repeat(32)))?.passwordHash).toBe(renewed);

    const another = bcryptHash('another password', 4);
    expect(await load([{ ...file[0], passwordHash: another }], into)).toMatchObject({ updated: 1 });
    expect((await into.store.accountRecords.byIds([uuid(1)]))[0]?.passwordHash).toBe(another);
  });

  test('a use of a resource code does not come back by loading its line again', async () => {
    const into = await fresh();
    const line = { kind: 'resource', context: 'c', code: 'ONCE' };
    await load([line], into);
    const [page] = await into.store.resourceCodes.page(0, 1);
    expect(
      (await into.store.commit([consumeResourceCode('c', page?.codeHash ?? '', into.clock.now())])).ok,
    ).toBe(true);
    expect(await load([line], into)).toMatchObject({ unchanged: 1 });
    expect(
      (await into.store.commit([consumeResourceCode('c', page?.codeHash ?? '', into.clock.now())])).ok,
    ).toBe(false);
  });

  test('an object that has several lines is loaded once for each, in their order', async () => {
    const into = await fresh();
    const report = await load(
      [
        { ...ACCOUNT, username: 'first' },
        { ...ACCOUNT, username: 'second' },
        { ...ACCOUNT, username: 'third' },
      ],
      into,
    );
    expect(report).toMatchObject({ created: 1, updated: 2 });
    expect((await into.store.accountRecords.byIds([uuid(1)]))[0]?.username).toBe('third');
  });

  test('a line that waits for its reference is not overtaken by a later line of the same object', async () => {
    const into = await fresh();
    const report = await load(
      [
        { ...ACCOUNT, username: 'first', role: 'Later' },
        { ...ACCOUNT, username: 'second' },
        { kind: 'account', id: uuid(2), username: 'other', role: 'Never' },
        { kind: 'account', id: uuid(2), username: 'mended' },
        { kind: 'role', name: 'Later' },
      ],
      into,
    );
    expect(reasons(report)).toEqual(['3: there is no role Never']);
    const [one, other] = await into.store.accountRecords.byIds([uuid(1), uuid(2)]);
    expect([one?.username, other?.username]).toEqual(['second', 'mended']);
  });

  test.each([
    ['another password', { password: 'another password' }],
    ['a second factor by mail', { secondFactor: { email: true } }],
    ['another seed', { secondFactor: { totp: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP' } }],
  ])(
    '%s ends what was issued before, and forgets the devices that the line does not name',
    async (_what, change) => {
      const into = await fresh();
      const line = { ...ACCOUNT, username: 'ada', email: 'ada@example.com' };
      await load([{ ...line, password: 'the password', devices: ['one', 'two'] }], into);
      const epoch = async () => (await into.store.accountRecords.byIds([uuid(1)]))[0]?.epoch ?? 0;
      const devices = async () => (await into.store.devices.ofAccount(uuid(1))).length;
      const before = await epoch();
      await load([{ ...line, user: { name: 'Ada' } }], into);
      expect([await epoch(), await devices()]).toEqual([before, 2]);
      await load([{ ...line, ...change }], into);
      expect([await epoch(), await devices()]).toEqual([before + 1, 0]);
      await load([{ ...line, ...change, devices: ['three'] }], into);
      expect([await epoch(), await devices()]).toEqual([before + 1, 1]);
    },
  );
});
