import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairQueue, type Reservation } from './fair-queue.ts';

interface Item {
  readonly source: string;
  readonly number: number;
}

const SOURCES = ['flooder', 'other', 'person', 'quiet'];
const KINDS = ['push', 'push', 'push', 'shift', 'shift', 'drop', 'reserve', 'reserve', 'give-up'] as const;
const operation = fc.record({
  kind: fc.constantFrom(...KINDS),
  source: fc.constantFrom(...SOURCES),
  which: fc.nat({ max: 20 }),
});
type Operation = typeof operation extends fc.Arbitrary<infer Each> ? Each : never;

/** A queue and, beside it, all that should be in it. */
function filled(sources: readonly string[]): { queue: FairQueue<Item>; items: Item[] } {
  const queue = new FairQueue<Item>();
  const items = sources.map((source, number) => ({ source, number }));
  for (const item of items) queue.push(item.source, item);
  return { queue, items };
}

const counted = (items: readonly Item[]) =>
  new Map(SOURCES.map((name) => [name, items.filter(({ source }) => source === name).length]));

/** What should be in a queue: its items, and who has reserved what, each in the order in which it came. */
class Model {
  readonly items: Item[] = [];
  reserved: { readonly source: string; readonly reservation: Reservation }[] = [];

  /** Does the same to the queue and to this. */
  take(queue: FairQueue<Item>, { kind, source, which, number }: Operation & { number: number }): void {
    const item = { source, number };
    const does: Record<typeof kind, () => void> = {
      push: () => [queue.push(source, item), this.items.push(item)],
      shift: () => this.expectTaken('shift', queue.shift()),
      drop: () => this.expectDropped(queue.dropFromLargest()),
      reserve: () => this.reserved.push({ source, reservation: queue.reserve(source) }),
      'give-up': () => this.giveUp(which),
    };
    does[kind]();
  }

  takenBy(name: string): number {
    return [...this.items, ...this.reserved].filter(({ source }) => source === name).length;
  }

  /** Takes out what was taken out of the queue: the first or the last of its source. */
  expectTaken(kind: 'shift' | 'drop', taken: Item | undefined): void {
    expect(taken === undefined).toBe(this.items.length === 0);
    if (taken === undefined) return;
    const own = this.items.filter((item) => item.source === taken.source);
    const expected = kind === 'shift' ? own[0] : own.at(-1);
    expect(taken).toEqual(expected);
    this.items.splice(this.items.indexOf(expected ?? taken), 1);
  }

  /** What is dropped is the newest that the largest has reserved, and an item where it has reserved nothing. */
  expectDropped(taken: Item | undefined): void {
    const largest = Math.max(...SOURCES.map((name) => this.takenBy(name)));
    const lost = this.reserved.filter(({ reservation }) => !reservation.isHeld);
    expect(lost.length + (taken ? 1 : 0)).toBe(largest === 0 ? 0 : 1);
    const [source] = [...lost, ...(taken ? [taken] : [])].map((each) => each.source);
    if (source === undefined) return;
    expect(this.takenBy(source)).toBe(largest);
    expect(this.reserved.findLast((each) => each.source === source)).toBe(lost[0]);
    if (taken) this.expectTaken('drop', taken);
    this.reserved = this.reserved.filter((each) => each !== lost[0]);
  }

  /** A second time gives up nothing of anybody. */
  giveUp(index: number): void {
    for (const { reservation } of this.reserved.splice(index, 1))
      for (let times = 0; times < 2; times += 1) {
        reservation.giveUp();
        expect(reservation.isHeld).toBe(false);
      }
  }

  expectSame(queue: FairQueue<Item>): void {
    expect(this.reserved.every(({ reservation }) => reservation.isHeld)).toBe(true);
    expect([queue.length, queue.reserved]).toEqual([this.items.length, this.reserved.length]);
    for (const name of SOURCES) {
      expect(queue.waitingOf(name)).toBe(counted(this.items).get(name));
      expect(queue.takenBy(name)).toBe(this.takenBy(name));
    }
    expect(queue.sources).toBe(new Set(this.items.map((item) => item.source)).size);
  }
}

describe('a fair queue', () => {
  test('loses nothing, invents nothing, and keeps the order within a source', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const queue = new FairQueue<Item>();
        const model = new Model();
        for (const [number, each] of operations.entries()) {
          model.take(queue, { ...each, number });
          model.expectSame(queue);
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

  test('gives a place of the largest to whoever has less, until all have the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.array(fc.constantFrom(...SOURCES)), (room, sources) => {
        const { queue } = filled(new Array<string>(room).fill('flooder'));
        for (const [index, source] of sources.entries()) {
          const [largest, own] = [
            Math.max(...SOURCES.map((name) => queue.takenBy(name))),
            queue.takenBy(source),
          ];
          expect(queue.couldDisplace(source)).toBe(largest > own + 1);
          if (!queue.couldDisplace(source)) continue;
          expect(queue.dropFromLargest()?.source).not.toBe(source);
          if (index % 2 === 0) queue.push(source, { source, number: room + index });
          else queue.reserve(source);
          expect(queue.length + queue.reserved).toBe(room);
          expect(queue.takenBy(source)).toBe(own + 1);
        }
      }),
    );
  });

  test('is empty when everything was taken', () => {
    const { queue, items } = filled(['flooder', 'person', 'flooder']);
    expect(queue.takeAll().sort((left, right) => left.number - right.number)).toEqual(items);
    expect([queue.length, queue.sources, queue.shift(), queue.dropFromLargest()]).toEqual([
      0,
      0,
      undefined,
      undefined,
    ]);
  });
});
