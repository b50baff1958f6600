import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextNumber } from '../../testing/app.ts';
import { loadDirectory, uuid } from '../../testing/core.ts';
import { openTestCorridor, type TestCorridor } from '../../testing/corridor.ts';
import { ENGINES } from '../../testing/engines.ts';
import type { IdentifierKind } from '../accounts/identifier.ts';
import type { GivenIdentifier } from './attempt.ts';
import { type Identified, identify } from './identify.ts';
import { accountKey } from './throttle.ts';

describe.each(ENGINES)('who is meant by what was typed, on %s', (engine) => {
  let opened: TestCorridor;
  beforeAll(async () => {
    opened = await openTestCorridor(engine, {
      LATCHKEY_MOUNTS: JSON.stringify([{ contract: 'login', phoneRegion: 'ES' }]),
      LATCHKEY_SIGN_IN_MAX_FAILURES: '7',
      LATCHKEY_SIGN_IN_LOCK_SECONDS: '45',
    });
  });
  afterAll(() => opened.close());

  const LIMIT = { maxFailures: 7, waitSeconds: 45, lockAfter: null, forgets: true };
  const load = (...objects: object[]) => loadDirectory(opened.core, objects);
  async function account(fields: object): Promise<string> {
    const id = uuid(nextNumber());
    await load({ kind: 'account', id, ...fields });
    return id;
  }
  async function organisation(settings: object = {}): Promise<string> {
    const id = uuid(nextNumber());
    await load({ kind: 'organisation', id, name: id, settings });
    return id;
  }
  const as = (value: string, ...kinds: IdentifierKind[]): GivenIdentifier => ({ value, kinds });
  const meant = (...identifiers: GivenIdentifier[]) => identify(opened.corridor, opened.attempt, identifiers);
  const idsOf = ({ candidates }: Identified) => candidates.map(({ account }) => account.id);
  async function besides(...identifiers: GivenIdentifier[]): Promise<string[]> {
    const counted = (await meant(...identifiers)).besides;
    for (const { limit } of counted) expect(limit).toEqual(LIMIT);
    return counted.map(({ key }) => key);
  }
  const name = () => `somebody${nextNumber()}`;

  test('an account goes by what it is named as, and by nothing else', async () => {
    const [username, email] = [name(), `${name()}@example.com`];
    const phone = `+34600${String(100_000 + nextNumber())}`;
    const id = await account({ username, email, phone });
    const national = phone.slice(3);
    for (const identifier of [
      as(username, 'username'),
      as(username, 'email', 'username'),
      as(email, 'email'),
      as(national, 'phone'),
      as(national, 'username', 'email', 'phone'),
    ])
      expect(idsOf(await meant(identifier)), JSON.stringify(identifier)).toEqual([id]);
    for (const identifier of [
      as(username, 'email', 'phone'),
      as(email, 'username', 'phone'),
      as(national, 'username', 'email'),
    ])
      expect(idsOf(await meant(identifier)), JSON.stringify(identifier)).toEqual([]);
  });

  test('all that is given must name the same account', async () => {
    const [email, username, other] = [`${name()}@example.com`, name(), name()];
    const home = await organisation();
    const both = await account({ username, email });
    const half = await account({ username: other, email, organisation: home });
    expect(idsOf(await meant(as(email, 'email')))).toEqual([both, half]);
    expect(idsOf(await meant(as(email, 'email'), as(username, 'username')))).toEqual([both]);
    expect(idsOf(await meant(as(other, 'username'), as(email, 'email')))).toEqual([half]);
    expect(idsOf(await meant(as(email, 'email'), as(name(), 'username')))).toEqual([]);
    expect(idsOf(await meant(as(name(), 'username'), as(email, 'email')))).toEqual([]);
  });

  test('of several comes first who is at home nowhere, then the oldest, then who was there first', async () => {
    const username = `600${String(100_000 + nextNumber())}`;
    const made = async (named: object, createdAt: string, home: string | null) =>
      account({ ...named, createdAt: `${createdAt}T00:00:00.000Z`, organisation: home });
    const [byName, byPhone] = [{ username }, { phone: `+34${username}` }];
    const young = await made(byPhone, '2021-01-01', await organisation());
    const first = await made(byPhone, '2020-01-01', await organisation());
    const second = await made(byName, '2020-01-01', await organisation());
    const oldest = await made(byName, '2019-01-01', await organisation());
    const shared = await made(byPhone, '2022-01-01', null);
    const inOrder = [shared, oldest, first, second, young];
    expect(idsOf(await meant(as(username, 'username', 'phone')))).toEqual(inOrder);
    // Found in two ways, an account is one all the same.
    await load({ kind: 'account', id: shared, ...byName, ...byPhone, createdAt: '2022-01-01T00:00:00.000Z' });
    expect(idsOf(await meant(as(username, 'username', 'phone')))).toEqual(inOrder);
  });

  test('no more than ten are tried; the rest is named', async () => {
    const username = name();
    for (let each = 0; each < 12; each += 1) await account({ username, organisation: await organisation() });
    const identified = await meant(as(username, 'username'));
    expect([identified.candidates.length, identified.others.length]).toEqual([10, 2]);
    const all = [...identified.candidates.map((each) => each.account), ...identified.others];
    expect(new Set(all.map(({ id }) => id)).size).toBe(12);
  });

  test('each account is counted for itself, and locks where its organisation says so', async () => {
    const username = name();
    const shared = await account({ username });
    const strict = await account({
      username,
      organisation: await organisation({ maxFailedSignInAttempts: 3 }),
    });
    expect(await meant(as(username, 'username'))).toMatchObject({
      candidates: [
        { counted: { key: accountKey(shared), limit: LIMIT } },
        { counted: { key: accountKey(strict), limit: { ...LIMIT, lockAfter: 3 } } },
      ],
      others: [],
      besides: [],
    });
  });

  test('what names nobody is counted in each of its forms, the same at whatever kind and beside whatever else', async () => {
    const [one, other] = [name(), name()];
    const phone = `600${String(100_000 + nextNumber())}`;
    const [key = ''] = await besides(as(one, 'username'));
    expect(key).toMatch(/^password:unknown:/);
    expect(await besides(as(` ${one.toUpperCase()}`, 'username'))).toEqual([key]);
    expect(await besides(as(one, 'email', 'phone'))).toEqual([key]);
    const [otherKey = ''] = await besides(as(other, 'email'));
    expect(await besides(as(one, 'username'), as(other, 'email'))).toEqual([key, otherKey]);
    expect(await besides(as(one, 'username'), as(one, 'email'))).toEqual([key]);
    // As a name and as a number: whoever types it in another way, or where no number is taken, counts for the same.
    const [asName, asNumber] = await besides(as(phone, 'username', 'phone'));
    expect(await besides(as(phone, 'username'))).toEqual([asName, asNumber]);
    expect(await besides(as(`+34${phone}`, 'phone'))).toEqual([asNumber]);
    const keys = [
      ...[key, otherKey, asName, asNumber],
      ...(await besides(as(`${one}${other}`, 'username'))),
      // No name at all, and no number.
      ...(await besides(as('\u0000', 'username', 'phone'))),
      ...(await besides(as('\u0001', 'username', 'phone'))),
    ];
    expect(new Set(keys).size).toBe(7);
    expect(keys.join()).not.toContain(one);
  });

  test('what names somebody elsewhere, or as another kind, counts for those, who are not tried', async () => {
    const [username, email] = [name(), `${name()}@example.com`];
    const phone = `600${String(100_000 + nextNumber())}`;
    const id = await account({ username, email, phone: `+34${phone}` });
    const namesake = await account({ username: email, organisation: await organisation() });
    for (const identifier of [as(username, 'email'), as(`+34${phone}`, 'username')])
      expect(await besides(identifier), JSON.stringify(identifier)).toEqual([accountKey(id)]);
    expect((await besides(as(email, 'phone'))).sort()).toEqual([accountKey(id), accountKey(namesake)].sort());
    // Both are somebody's, and nobody is both.
    const pair = await besides(as(username, 'username'), as(name(), 'email'));
    expect(pair).toEqual([accountKey(id), expect.stringMatching(/^password:unknown:/)]);
  });

  test('of somebody who is meant, other forms of what was typed that name nobody count as well', async () => {
    const phone = `600${String(100_000 + nextNumber())}`;
    await account({ phone: `+34${phone}` });
    expect(await besides(as(`+34${phone}`, 'phone'))).toEqual([]);
    const identified = await meant(as(phone, 'username', 'phone'));
    expect(identified.candidates).toHaveLength(1);
    expect(identified.besides).toEqual([{ key: expect.stringMatching(/^password:unknown:/), limit: LIMIT }]);
  });
});
