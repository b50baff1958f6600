import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { type TestCore, uuid } from '../../testing/core.ts';
import { loadLines, reasons, testStores } from '../../testing/directory.ts';
import { ENGINES } from '../../testing/engines.ts';
import { CONTESTED_AT_MOST } from './waiting-items.ts';

/** More lines than are loaded together. */
const FAR = 260;
const person = (number: number, username: string, more: object = {}) => ({
  kind: 'account',
  id: uuid(number),
  username,
  ...more,
});
const others = Array.from({ length: FAR }, (_, index) => person(1000 + index, `person${index}`));
const taken = (name: string) => `another account in the same home has the identifier ${name}`;

describe.each(ENGINES)('identifiers that move between accounts of a file, on %s', (engine) => {
  const { fresh, closeAll } = testStores(engine);
  let core: TestCore;
  const before = [person(1, 'ada'), person(2, 'ben'), person(3, 'cy')];
  beforeEach(async () => {
    core = await fresh();
    await loadLines([...before, person(9, 'fixed')], core);
  });
  afterAll(closeAll);

  const ids = [1, 2, 3, 4].map(uuid);
  const names = async () =>
    (await core.store.accountRecords.page(0, 1000)).flatMap(({ id, username }) =>
      ids.includes(id) ? [username] : [],
    );
  /** Whom each name finds: what is stored beside the accounts. */
  const ownerOf = async (canonical: string) =>
    (await core.store.accountRecords.owners([canonical])).map(({ accountId }) => accountId);

  const moves: readonly (readonly [string, readonly object[], readonly string[]])[] = [
    [
      'one gives a name up, another takes it',
      [person(2, 'benno'), person(3, 'ben')],
      ['ada', 'benno', 'ben', 'di'],
    ],
    ['two change names', [person(1, 'ben'), person(2, 'Ada')], ['ben', 'Ada', 'cy', 'di']],
    [
      'three hand on theirs',
      [person(1, 'ben'), person(2, 'cy'), person(3, 'ada')],
      ['ben', 'cy', 'ada', 'di'],
    ],
    ['a new account takes one', [person(4, 'ben'), person(2, 'benno')], ['ada', 'benno', 'cy', 'ben']],
    [
      'one is an address from now on',
      [person(4, 'me@example.com'), person(2, 'benno', { email: 'a@b.example' }), person(3, 'ben')],
      ['ada', 'benno', 'ben', 'me@example.com'],
    ],
  ];
  test.each(moves)(
    '%s, in any order and however far apart, at the first run',
    async (_what, lines, after) => {
      const file = [...lines.slice(0, 1), ...others, ...lines.slice(1)];
      for (const order of [lines, lines.toReversed(), file]) {
        expect(reasons(await loadLines([person(4, 'di'), ...before], core))).toEqual([]);
        const dry = await loadLines(order, core, true);
        const wet = await loadLines(order, core);
        expect(reasons(wet)).toEqual([]);
        expect(dry).toEqual(wet);
        expect((await names()).toSorted()).toEqual(after.toSorted());
        expect(await ownerOf('ben')).not.toEqual([uuid(2)]);
        expect(await loadLines(order, core)).toMatchObject({ updated: 0, created: 0, refused: [] });
      }
    },
  );

  test.each([
    ['its new name is another account’s', { username: 'Fixed' }, taken('fixed')],
    ['its role is not there', { role: 'nobody' }, 'there is no role nobody'],
    ['its number is another', { number: 99 }, 'its number is 2 and cannot change'],
    ['it is malformed', { email: 'nobody' }, 'email is not an e-mail address'],
  ])('stay where they are when who gives one up is refused: %s', async (_what, wrong, reason) => {
    const giver = person(2, 'benno', wrong);
    for (const order of [
      [giver, person(3, 'ben'), person(1, 'cy')],
      [person(1, 'cy'), person(3, 'ben'), giver],
    ]) {
      const dry = await loadLines(order, core, true);
      const report = await loadLines(order, core);
      expect(report.refused.map((each) => each.reason).toSorted()).toEqual(
        [reason, taken('ben'), taken('cy')].toSorted(),
      );
      expect(dry).toEqual(report);
      expect(await names()).toEqual(['ada', 'ben', 'cy']);
    }
  });

  test('move beside a line that the store refuses', async () => {
    const lines = [person(1, 'ben'), person(5, 'eve', { number: 2 }), person(2, 'ada')];
    expect(reasons(await loadLines(lines, core))).toEqual([
      expect.stringMatching(/^2: the store refused it/),
    ]);
    expect(await names()).toEqual(['ben', 'ada', 'cy']);
  });

  test('move to who comes first of two that want one', async () => {
    const lines = [person(4, 'ben'), person(5, 'ben'), person(2, 'benno')];
    expect(reasons(await loadLines(lines, core))).toEqual([`2: ${taken('ben')}`]);
    expect(await ownerOf('ben')).toEqual([uuid(4)]);
  });

  test('move out of a home with their account', async () => {
    const lines = [
      person(4, 'ben'),
      person(2, 'ben', { organisation: uuid(50) }),
      { kind: 'organisation', id: uuid(50) },
    ];
    expect(reasons(await loadLines(lines, core))).toEqual([]);
    expect((await ownerOf('ben')).toSorted()).toEqual([uuid(2), uuid(4)]);
  });
});

describe('a file in which very many lines want what is taken', () => {
  const { fresh, closeAll } = testStores('sqlite');
  afterAll(closeAll);

  test('is not kept in memory: no more lines wait than so many, and the others load at a second run', async () => {
    const core = await fresh();
    await loadLines([person(1, 'ada'), person(2, 'ben')], core);
    const many = Array.from({ length: CONTESTED_AT_MOST }, (_, index) => person(2000 + index, 'ada'));
    const lines = [...many, person(3, 'ben'), ...others, person(2, 'benno')];
    const first = await loadLines(lines, core);
    expect(first).toMatchObject({ created: FAR, updated: 1, counts: { refused: CONTESTED_AT_MOST + 1 } });
    const second = await loadLines(lines, core);
    expect(second).toMatchObject({ created: 1, counts: { refused: CONTESTED_AT_MOST } });
  });
});
