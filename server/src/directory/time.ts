/** The years that a line has room for, in UTC: an export writes no others. */
const EARLIEST = Date.parse('0000-01-01T00:00:00.000Z');
const LATEST = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Reads a time that has the form which a line takes.
 * @returns milliseconds since 1970, or null when there is no such time: `Date` takes the 31st of February for the 2nd of March
 */
export function readTime(text: string): number | null {
  const date = text.slice(0, 10);
  const isDay = new Date(date).getUTCDate() === Number(date.slice(8));
  const time = Date.parse(text);
  return isDay && time >= EARLIEST && time <= LATEST ? time : null;
}
