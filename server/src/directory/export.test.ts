import { afterAll, describe, expect, test } from 'vitest';
import { uuid } from '../../testing/core.ts';
import { exported, testStores } from '../../testing/directory.ts';
import { saveOrganisations } from '../store/organisations.ts';

const organisation = (number: number, parent: number | null) => ({
  id: uuid(number),
  name: `Organisation ${number}`,
  accountName: null,
  parentId: parent === null ? null : uuid(parent),
  isActive: true,
  isSuspended: false,
  isPaid: false,
  settings: null,
});

describe('an export of organisations', () => {
  const { fresh, closeAll } = testStores('sqlite');
  afterAll(closeAll);
  const orderOf = async (all: readonly ReturnType<typeof organisation>[]) => {
    const core = await fresh();
    await core.store.commit(saveOrganisations(all));
    return (await exported(core)).map((line) => ('id' in line ? line.id : null));
  };

  test('has each after the one above it, and before what stands beside that', async () => {
    const all = [
      organisation(2, null),
      organisation(9, null),
      organisation(1, 2),
      organisation(7, 2),
      organisation(8, 1),
      organisation(3, 9),
      organisation(4, 8),
    ];
    expect(await orderOf(all)).toEqual([2, 1, 8, 4, 7, 9, 3].map(uuid));
  });

  test('goes down as deep as they stand below each other', async () => {
    const all = Array.from({ length: 20_000 }, (_, index) => organisation(index + 1, index || null));
    expect(await orderOf(all)).toEqual(all.map(({ id }) => id));
  });
});
