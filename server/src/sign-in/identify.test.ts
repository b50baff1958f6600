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
  const idsOf = (identified: Identified) =>
    'candidates' in identified ? identified.candidates.map(({ account }) => account.id) : [];
  async function nobody(...identifiers: GivenIdentifier[]): Promise<string> {
    const identified = await meant(...identifiers);
    if (!('nobody' in identified)) throw new Error('somebody is meant');
    expect(identified.nobody.limit).toEqual(LIMIT);
    return identified.nobody.key;
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
    if (!('candidates' in identified)) throw new Error('nobody is meant');
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
    });
  });

  test('what names nobody is counted too, as one in every spelling, each for itself', async () => {
    const [one, other] = [name(), name()];
    const phone = `600${String(100_000 + nextNumber())}`;
    for (const [left, right] of [
      [as(one, 'username'), as(` ${one.toUpperCase()}`, 'username')],
      [as(phone, 'username', 'phone'), as(`+34 ${phone}`, 'username', 'phone')],
    ] as const)
      expect(await nobody(left)).toBe(await nobody(right));
    const keys = [
      await nobody(as(one, 'username')),
      await nobody(as(other, 'username')),
      await nobody(as(one, 'username'), as(other, 'username')),
      await nobody(as(`${one}${other}`, 'username')),
      // No name at all, and no number.
      await nobody(as('\u0000', 'username', 'phone')),
      await nobody(as('\u0001', 'username', 'phone')),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.join()).not.toContain(one);
  });
});
