import { isIPv6 } from 'node:net';

/**
 * The 96 bits that stand before an IPv4 address: one that a socket for both families has mapped (RFC 4291 §2.5.5.2), and one
 * that a translator passes on (RFC 6052 §2.1).
 */
const IPV4_PREFIXES = new Set(['0:0:0:0:0:ffff', '64:ff9b:0:0:0:0']);

/**
 * One key for what one client can choose from, however it is written: an IPv4 address, also inside an IPv6 address; else an
 * IPv6 /64.
 */
export function addressKey(address: string): string {
  const plain = address.split('%')[0] ?? address;
  if (!isIPv6(plain)) return address;
  const groups = groupsOf(plain);
  return IPV4_PREFIXES.has(groups.slice(0, 6).join(':'))
    ? groups.slice(6).flatMap(octetsOf).join('.')
    : `${groups.slice(0, 4).join(':')}::/64`;
}

/** The eight groups of an IPv6 address, without leading zeros: a URL has one spelling of each, with no IPv4 tail. */
function groupsOf(address: string): string[] {
  const written = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [before = [], after = []] = written.split('::').map((part) => part.split(':').filter(Boolean));
  return [...before, ...new Array<string>(8 - before.length - after.length).fill('0'), ...after];
}

function octetsOf(group: string): number[] {
  const number = Number.parseInt(group, 16);
  return [number >> 8, number & 255];
}
