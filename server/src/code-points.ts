/**
 * The length of a text in Unicode code points: what every limit on this product's wires counts. It is counted in NFC, so
 * that a text is as long from a keyboard that sends marks by themselves as from one that does not.
 */
export function codePoints(text: string): number {
  let length = 0;
  for (const _ of text.normalize('NFC')) length += 1;
  return length;
}
