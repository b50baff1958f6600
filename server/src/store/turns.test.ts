import { expect, test } from 'vitest';
import { StoreUnavailableError } from '../errors.ts';
import { asOneRequest, Turns } from './turns.ts';

const LONG_MILLISECONDS = 20_000;

/** Work that goes on until it is told to end. */
function heldWork(): { work: () => Promise<void>; end: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { work: () => promise, end: resolve };
}

test('who has had a turn comes before who has not', async () => {
  const turns = new Turns(1, LONG_MILLISECONDS);
  const order: string[] = [];
  const note = (name: string) => turns.take(async () => void order.push(name));
  const { promise: isLate, resolve: goOn } = Promise.withResolvers<void>();
  const begun = asOneRequest(async () => {
    await note('first');
    await isLate;
    await note('last');
  });
  await expect.poll(() => order).toEqual(['first']);
  const held = heldWork();
  const holding = turns.take(held.work);
  const fresh = ['a', 'b'].map((name) => asOneRequest(() => note(name)));
  const nobodys = note('of no request');
  goOn();
  await new Promise((resolve) => setImmediate(resolve));
  held.end();
  await Promise.all([begun, holding, nobodys, ...fresh]);
  expect(order).toEqual(['first', 'last', 'a', 'b', 'of no request']);
});

test('no more than so many have a turn at a time, whatever becomes of them', async () => {
  const turns = new Turns(3, LONG_MILLISECONDS);
  let [atOnce, most] = [0, 0];
  const results = await Promise.allSettled(
    Array.from({ length: 30 }, (_, index) =>
      turns.take(async () => {
        atOnce += 1;
        most = Math.max(most, atOnce);
        await new Promise((resolve) => setImmediate(resolve));
        atOnce -= 1;
        if (index % 2 === 0) throw new Error('it went wrong');
      }),
    ),
  );
  expect(most).toBe(3);
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(15);
});

test('who waits too long is sent away, and its turn is the next one’s', async () => {
  const turns = new Turns(1, 50);
  const held = heldWork();
  const first = turns.take(held.work);
  await expect(turns.take(async () => 'served')).rejects.toBeInstanceOf(StoreUnavailableError);
  held.end();
  await first;
  expect(await turns.take(async () => 'served')).toBe('served');
});

test('at the end everybody who waits is sent away, and nothing of theirs is done', async () => {
  const turns = new Turns(1, LONG_MILLISECONDS);
  const held = heldWork();
  const first = turns.take(held.work);
  const done: number[] = [];
  const waiting = Promise.allSettled([1, 2].map((each) => turns.take(async () => done.push(each))));
  turns.end();
  for (const each of await waiting)
    expect(each).toMatchObject({ status: 'rejected', reason: expect.any(StoreUnavailableError) });
  held.end();
  await first;
  expect(done).toEqual([]);
});
