import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairQueue } from './fair-queue.ts';

interface Item {
  readonly source: string;
  readonly number: number;
}

const SOURCES = ['flooder', 'other', 'person', 'quiet'];
const operation = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('push' as const), source: fc.constantFrom(...SOURCES) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('shift' as const), source: fc.constant('') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), source: fc.constant('') }) },
);

/** A queue and, beside it, all that should be in it. */
function filled(sources: readonly string[]): { queue: FairQueue<Item>; items: Item[] } {
  const queue = new FairQueue<Item>();
  const items = sources.map((source, number) => ({ source, number }));
  for (const item of items) queue.push(item.source, item);
  return { queue, items };
}

const counted = (items: readonly Item[]) =>
  new Map(SOURCES.map((name) => [name, items.filter(({ source }) => source === name).length]));

/** Takes out of the model what was taken out of the queue: the first or the last of its source. */
function expectTaken(model: Item[], kind: 'shift' | 'drop', taken: Item | undefined): void {
  expect(taken === undefined).toBe(model.length === 0);
  if (taken === undefined) return;
  const own = model.filter((item) => item.source === taken.source);
  const expected = kind === 'shift' ? own[0] : own.at(-1);
  expect(taken).toEqual(expected);
  if (kind === 'drop') expect(own.length).toBe(Math.max(...counted(model).values()));
  model.splice(model.indexOf(expected ?? taken), 1);
}

describe('a fair queue', () => {
  test('loses nothing, invents nothing, and keeps the order within a source', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const queue = new FairQueue<Item>();
        const model: Item[] = [];
        for (const [number, { kind, source }] of operations.entries()) {
          if (kind === 'push') queue.push(source, { source, number });
          if (kind === 'push') model.push({ source, number });
          else expectTaken(model, kind, kind === 'shift' ? queue.shift() : queue.dropFromLongest());
          expect(queue.length).toBe(model.length);
          for (const name of SOURCES) expect(queue.waitingOf(name)).toBe(counted(model).get(name));
          expect(queue.sources).toBe(new Set(model.map((item) => item.source)).size);
        }
      }),
    );
  });

  test('serves between two items of a source no other source more than once', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...SOURCES), { maxLength: 100 }), (sources) => {
        const { queue, items } = filled(sources);
        const served: string[] = [];
        for (let item = queue.shift(); item; item = queue.shift()) served.push(item.source);
        expect(served).toHaveLength(items.length);
        for (const [source, many] of counted(items)) {
          // Whatever the others have waiting, the n-th of a source has at most n of each other before it.
          for (let nth = 1; nth <= many; nth += 1) {
            const at = served.findIndex(
              (name, index) =>
                name === source &&
                served.slice(0, index + 1).filter((each) => each === source).length === nth,
            );
            for (const other of SOURCES.filter((name) => name !== source))
              expect(served.slice(0, at).filter((name) => name === other).length).toBeLessThanOrEqual(nth);
          }
        }
      }),
    );
  });

  test('gives a place of the longest to whoever has less, until all have the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.array(fc.constantFrom(...SOURCES)), (room, sources) => {
        const { queue } = filled(new Array<string>(room).fill('flooder'));
        for (const [index, source] of sources.entries()) {
          const [longest, own] = [
            Math.max(...SOURCES.map((name) => queue.waitingOf(name))),
            queue.waitingOf(source),
          ];
          expect(queue.couldDisplace(source)).toBe(longest > own + 1);
          if (!queue.couldDisplace(source)) continue;
          expect(queue.dropFromLongest()?.source).not.toBe(source);
          queue.push(source, { source, number: room + index });
          expect(queue.length).toBe(room);
          expect(queue.waitingOf(source)).toBe(own + 1);
        }
      }),
    );
  });

  test('is empty when everything was taken', () => {
    const { queue, items } = filled(['flooder', 'person', 'flooder']);
    expect(queue.takeAll().sort((left, right) => left.number - right.number)).toEqual(items);
    expect([queue.length, queue.sources, queue.shift(), queue.dropFromLongest()]).toEqual([
      0,
      0,
      undefined,
      undefined,
    ]);
  });
});
