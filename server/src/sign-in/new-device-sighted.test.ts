import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber } from '../../testing/app.ts';
import { loadDirectory, type TestCore, uuid } from '../../testing/core.ts';
import { openTestCorridor, type TestCorridor } from '../../testing/corridor.ts';
import { ENGINES } from '../../testing/engines.ts';
import type { AccountWithMemberships } from '../accounts/account.ts';
import { deviceOf } from '../accounts/fingerprint.ts';
import { noteSeenDevice, SEEN_DEVICE_LIMIT } from '../store/seen-devices.ts';
import { sightDevice } from './new-device.ts';

const AGENTS = {
  chrome:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  firefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
  nothing: null,
};
const HOUR_SECONDS = 3600;

/** Where a sign-in comes from, and what was shown for it. */
interface From {
  readonly agent?: keyof typeof AGENTS;
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
    const attempt = { mount, caller: { ...caller, userAgent: AGENTS[agent], address } };
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
    ['2001:db8::ffff:7', '2001:db8::ffff:7'],
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
