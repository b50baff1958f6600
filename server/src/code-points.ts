/** The length of a text in Unicode code points: what every limit on this product's wires counts. */
export function codePoints(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}
