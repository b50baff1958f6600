/** The same order for the same seed, and one sample is the beginning of every larger one. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const next = mulberry32(seed);
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(next() * (last + 1));
    const [a, b] = [order[last] as T, order[other] as T];
    [order[last], order[other]] = [b, a];
  }
  return order;
}

/** One of several parts of about the same size, which together are all of it.
 * @param part `2/3` is the second of three */
export function partOf<T>(items: readonly T[], part: string): T[] {
  const [which, of] = part.split('/').map(Number) as [number, number];
  if (!(Number.isInteger(which) && Number.isInteger(of) && 1 <= which && which <= of))
    throw new RangeError(`${part} is no part: the second of three is 2/3`);
  return items.filter((_, at) => at % of === which - 1);
}

/** Bounds of a share, as a sample of that size tells it: Wilson's interval, right 95 times in 100. */
export function interval(hits: number, size: number): readonly [number, number] {
  const z = 1.96;
  const share = hits / size;
  const centre = (share + z ** 2 / (2 * size)) / (1 + z ** 2 / size);
  const width =
    (z * Math.sqrt((share * (1 - share)) / size + z ** 2 / (4 * size ** 2))) / (1 + z ** 2 / size);
  return [centre - width, centre + width];
}

/** Numbers from 0 to below 1 that a seed fixes. */
function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
