import { isIPv6 } from 'node:net';

/**
 * One key for what one client can choose from: an IPv4 address in either of its spellings, an IPv6 /64.
 */
export function addressKey(address: string): string {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address);
  if (mapped?.[1]) return mapped[1];
  const plain = address.split('%')[0] ?? address;
  return isIPv6(plain) ? `${networkGroups(plain).join(':')}::/64` : address;
}

/** The first four groups of an IPv6 address, written out without leading zeros. */
function networkGroups(address: string): string[] {
  const [head = '', tail] = address.split('::');
  const groups = (part: string | undefined) => (part === undefined || part === '' ? [] : part.split(':'));
  const [before, after] = [groups(head), groups(tail)];
  // An IPv4 tail stands for two groups; it is never among the first four.
  const written = before.length + after.length + (address.includes('.') ? 1 : 0);
  const zeros = tail === undefined ? 0 : 8 - written;
  return [...before, ...new Array<string>(zeros).fill('0'), ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16));
}
